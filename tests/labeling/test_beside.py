from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from claros import stopping
from claros.errors import DataError, InputError
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
