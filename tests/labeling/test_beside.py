from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from claros import stopping
from claros.campaign.rerun import Past
from claros.errors import ConflictError, DataError, InputError
from claros.labeling import open_campaign


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    table = tmp_path / "films.csv"
    table.write_text("review\n" + "".join(f"film number {row}\n" for row in range(40)))
    return table


def test_a_campaign_is_made_beside_its_pool_and_found_again_by_either_name(pool: Path) -> None:
    with open_campaign(pool, classes=["bad", "good"], reading={"text_column": "review"}, seed=3) as made:
        made.tell("7", "good")
        assert made.path == Path(f"{pool}.claros")
    for where in (pool, f"{pool}.claros", f"{pool}.claros/"):
        with open_campaign(where) as again:
            assert again.labels() == {"7": "good"}
            assert again.seed == 3


def test_all_items_are_asked_also_where_a_table_has_labels_but_for_its_test_part(tmp_path: Path) -> None:
    table = tmp_path / "films.csv"
    table.write_text("text,label\n" + "".join(f"film {row},{row % 2}\n" for row in range(40)))
    with open_campaign(table) as made:
        assert len(made.pool) == 40
    marked = tmp_path / "marked.csv"
    marked.write_text(
        "text,label,split\n" + "".join(f"film {i},{i % 2},{'test' if i > 30 else 'train'}\n" for i in range(40))
    )
    with open_campaign(marked) as made:
        assert len(made.pool) == 31


def test_a_campaign_may_lie_elsewhere(pool: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.claros"
    with open_campaign(pool, campaign=other, classes=["a", "b"], reading={"text_column": "review"}) as made:
        assert made.path == other
    assert not Path(f"{pool}.claros").exists()


@pytest.mark.parametrize("settings", [{"strategy": "badge"}, {"model": "forest"}, {"model": "none"}, {"seed": 1}])
def test_another_setting_than_the_campaigns_is_refused_and_the_same_is_not(
    pool: Path, settings: dict[str, object]
) -> None:
    open_campaign(pool, classes=["a", "b"], reading={"text_column": "review"}).close()
    open_campaign(pool, strategy="auto", model="logistic", seed=0).close()
    with pytest.raises(InputError, match="was made with"):
        open_campaign(pool, **settings)  # type: ignore[arg-type]


def test_a_campaign_without_a_model_asks_at_random(pool: Path) -> None:
    with open_campaign(pool, classes=["a", "b"], reading={"text_column": "review"}, model="none") as campaign:
        assert campaign.model is None
        assert campaign.strategy.name == "random"
        assert len(campaign.ask(5)) == 5


def test_sounds_can_be_labeled_though_no_model_of_ours_hears(tmp_path: Path) -> None:
    folder = tmp_path / "birdsong"
    folder.mkdir()
    for place in range(6):
        with wave.open(str(folder / f"song-{place}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((1000 * np.sin(np.arange(800) * (place + 1) / 9)).astype("<i2").tobytes())
    with open_campaign(folder, classes=["wren", "finch"]) as campaign:
        query = campaign.ask(1)[0]
        assert campaign.pool.path(query.position) == folder / query.item


def test_where_there_is_no_campaign_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no campaign at .*birds\.claros"):
        open_campaign(tmp_path / "birds.claros")


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """A pool of two classes in a plane, a sample of where the model is for, nine in ten of one class, and another."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 150)
    np.savez(tmp_path / "pool.npz", x=rng.normal(size=(300, 2)) + 3.0 * y[:, None], y=y)
    np.savez(tmp_path / "target.npz", x=rng.normal(size=(200, 2)) + 3.0 * (np.arange(200) % 10 > 0)[:, None])
    np.savez(tmp_path / "other.npz", x=rng.normal(size=(200, 2)))
    return tmp_path


def test_a_campaign_with_a_sample_of_the_target_corrects_and_goes_on_with_it(field: Path) -> None:
    pool, target = field / "pool.npz", field / "target.npz"
    with open_campaign(pool, target=target, correction="provenance", classes=["a", "b"]) as made:
        for query in made.ask(40):
            made.tell(query.item, int(query.position % 2))
        found = made.shift()
        assert found is not None
        assert found.target_prior is not None
        assert found.target_prior[1] == pytest.approx(0.9, abs=0.08)
    for again in ({}, {"target": target}, {"target": target, "correction": "provenance"}):
        with open_campaign(pool, **again) as opened:  # type: ignore[arg-type]
            assert opened.correction is not None
            assert opened.correction.mode == "provenance"
            assert opened.shift() == found
    with pytest.raises(DataError, match="not the one"):
        open_campaign(pool, target=field / "other.npz")
    with pytest.raises(InputError, match="was made with the correction 'provenance'"):
        open_campaign(pool, target=target, correction="weights")


def test_a_target_comes_with_the_making_of_a_campaign_or_not_at_all(field: Path) -> None:
    pool, target = field / "pool.npz", field / "target.npz"
    with pytest.raises(InputError, match="give --target"):
        open_campaign(pool, correction="weights", classes=["a", "b"])
    open_campaign(pool, classes=["a", "b"]).close()
    for late in ({"target": target}, {"correction": "weights"}):
        with pytest.raises(InputError, match="too late"):
            open_campaign(pool, **late)  # type: ignore[arg-type]


def test_price_worth_rule_audit_and_start_are_those_of_the_making(pool: Path) -> None:
    made_with = {"price": 0.1, "worth": 50.0, "stop": "budget(labels=30)", "audit": 0.0, "start": 7}
    with open_campaign(pool, classes=["a", "b"], reading={"text_column": "review"}, **made_with) as made:  # type: ignore[arg-type]
        assert len(made.ask()) == 7
        assert (made.price, made.worth) == (0.1, 50.0)
        assert made.rule == stopping.get("budget", labels=30)
    open_campaign(pool, **made_with).close()  # type: ignore[arg-type]
    others = {"price": 0.2, "worth": 1.0, "stop": "budget(labels=31)", "audit": 0.5, "start": 8}
    for name, value in others.items():
        with pytest.raises(InputError, match=f"was made with {name} .*; it cannot go on with"):
            open_campaign(pool, **{name: value})  # type: ignore[arg-type]


def test_a_worth_without_a_price_and_a_price_that_comes_later_are_refused(pool: Path) -> None:
    with pytest.raises(InputError, match="give --price"):
        open_campaign(pool, worth=5)
    open_campaign(pool, classes=["a", "b"], reading={"text_column": "review"}, stop="none").close()
    for name, value in {"price": 0.1, "stop": "advisor"}.items():
        with pytest.raises(InputError, match=r"was made with(out price| stop 'none')"):
            open_campaign(pool, **{name: value})  # type: ignore[arg-type]
    open_campaign(pool, stop="none").close()


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """A table of 30 birds, and a campaign beside it with one label."""
    table = tmp_path / "birds.csv"
    table.write_text("id,text\n" + "".join(f"b{n},bird {n}\n" for n in range(30)))
    with open_campaign(table, classes=["finch", "wren"], audit=0.0) as made:
        made.tell("b7", "wren")
    return table


def test_a_pool_that_was_moved_is_read_from_where_it_is_now_and_stays_known(birds: Path) -> None:
    folder, moved, said = Path(f"{birds}.claros"), birds.with_name("moved.csv"), []
    birds.rename(moved)
    with pytest.raises(DataError, match=rf"not at {birds} any more; say where it is now: POOL --campaign {folder}"):
        open_campaign(folder)
    with pytest.raises(DataError, match=f"no pool at {birds}"):
        open_campaign(birds)
    with open_campaign(moved, campaign=folder, say=said.append) as opened:
        assert opened.labels() == {"b7": "wren"}
        assert len(opened.ask(3)) == 3
    assert said == [f"The campaign's pool is at {moved} from now on."]
    with open_campaign(folder, say=said.append) as opened:
        assert opened.labels() == {"b7": "wren"}
    assert len(said) == 1
    assert Past(folder).state.pools == 1


def test_another_copy_of_the_pool_will_do_and_is_not_noted_while_the_first_is_there(birds: Path) -> None:
    copy = birds.with_name("copy.csv")
    copy.write_bytes(birds.read_bytes())
    said: list[str] = []
    with open_campaign(copy, campaign=f"{birds}.claros", say=said.append) as opened:
        assert opened.labels() == {"b7": "wren"}
    assert said == []
    open_campaign(f"{birds}.claros").close()


def test_what_is_not_the_pool_is_named(birds: Path) -> None:
    text = birds.read_text()
    birds.write_text(text.replace("bird 4\n", "a beard\n"))
    with pytest.raises(DataError, match=r"1 item\(s\) have other contents, the first 'b4'"):
        open_campaign(birds)
    first, *rows = text.splitlines()
    birds.write_text("\n".join([first, *reversed(rows)]) + "\n")
    with pytest.raises(DataError, match="in another order"):
        open_campaign(birds)
    birds.write_text(text.replace("b4,", "c4,") + "b30,bird 30\n")
    with pytest.raises(DataError, match=r"1 item.* missing, the first 'b4'; 2 item.* new, the first 'c4'"):
        open_campaign(birds)


def test_new_items_in_the_pool_are_added_and_that_is_said(birds: Path) -> None:
    said: list[str] = []
    birds.write_text(birds.read_text() + "b30,bird 30\nb31,bird 31\n")
    with pytest.raises(DataError, match=r"2 item.s. are new, the first 'b30'.*claros ask POOL"):
        open_campaign(f"{birds}.claros")
    with open_campaign(birds, say=said.append) as opened:
        assert len(opened.pool) == 32
        assert {"b30", "b31"} <= {query.item for query in opened.ask(32)}
    assert said == ["The pool has 2 new items, 32 in all; they are added to the campaign."]
    birds.write_text(birds.read_text().replace("bird 4\n", "a beard\n") + "b32,bird 32\n")
    with pytest.raises(DataError, match=r"1 item\(s\) are new, the first 'b32'; 1 item\(s\) have other contents"):
        open_campaign(birds)


def test_who_has_the_campaign_open_while_another_adds_items_must_open_it_again(birds: Path) -> None:
    with open_campaign(birds) as first:
        birds.write_text(birds.read_text() + "b30,bird 30\n")
        with open_campaign(birds) as second:
            assert len(second.ask(1, annotator="ada")) == 1
        assert len(first.ask(1, annotator="bob")) == 1, "what is planned already is handed out"
        first.tell_many(dict.fromkeys(first.open_items(), "finch"))
        with pytest.raises(ConflictError, match="open it again"):
            first.ask(1)


def test_other_classes_than_a_pools_own_labels_can_be_asked_for_by_name(tmp_path: Path) -> None:
    table = tmp_path / "films.csv"
    table.write_text("text,label\n" + "".join(f"film {row},{('old', 'new')[row % 2]}\n" for row in range(40)))
    for classes in (["old", "new"], ["bad", "good"]):
        with open_campaign(table, campaign=tmp_path / f"{classes[0]}.claros", classes=classes) as made:
            assert made.classes == tuple(classes)
            made.tell("3", classes[1])
        with open_campaign(table, campaign=tmp_path / f"{classes[0]}.claros") as again:
            assert again.labels() == {"3": classes[1]}
