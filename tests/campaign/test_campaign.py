"""Ask and tell: nothing is asked twice, nothing told is lost, and what is resumed goes on as if never left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trees import CLASSES, answer, blobs

from claros import data, models, stopping
from claros.campaign import Campaign
from claros.data.pool import Pool
from claros.errors import CannotFeedError, ConflictError, CorruptLogError, DataError, InputError, UnknownNameError
from claros.log import Log

Make = Callable[..., Campaign]


def test_labeled_items_are_never_asked_again_and_duplicates_are_asked_once(make: Make, pool: Pool) -> None:
    campaign = make(audit=0.0)
    asked: list[str] = []
    while batch := answer(campaign, 25):
        asked += batch
    assert len(asked) == len(set(asked)) == 118
    assert not {"tree-118", "tree-119"} & set(asked)
    assert campaign.ask(5) == []


def test_the_first_round_is_a_uniform_sample_and_says_so(make: Make) -> None:
    campaign = make(audit=0.0)
    answer(campaign)
    labels = campaign.provenance()
    assert {label.source for label in labels} == {"start"}
    assert all(label.random for label in labels)
    chances = [label.probability for label in labels]
    assert chances == [1 / (118 - place) for place in range(10)], "each draw is from what the draws before left"


def test_later_rounds_are_chosen_by_the_strategy_from_the_models_predictions(make: Make, pool: Pool) -> None:
    """Margin by hand: of the items not yet asked, the ones whose two best classes are closest."""
    campaign = make(audit=0.0, strategy="margin")
    answer(campaign)
    campaign.update()
    assert campaign.model is not None
    probs = np.sort(np.asarray(campaign.model.outputs(pool, ["probs"])["probs"]), axis=1)
    gap = probs[:, -1] - probs[:, -2]
    done = [pool.ids.index(item) for item in campaign.labels()]
    gap[[*done, 118, 119]] = np.inf
    queries = campaign.ask()
    assert [query.position for query in queries] == list(np.argsort(gap)[:10])
    assert queries[0].reason.startswith("pick 1 of 10 by margin (round 1)")
    assert {query.source for query in queries} == {"strategy"}


def test_what_was_asked_but_not_answered_is_asked_again_after_a_crash(make: Make, tmp_path: Path) -> None:
    first = [query.item for query in make().ask(4)]
    reopened = Campaign.open(tmp_path / "trees.claros", pool=blobs())
    assert [query.item for query in reopened.ask(4)] == first


def test_a_reopened_campaign_picks_the_very_same_items(make: Make, tmp_path: Path) -> None:
    straight = make(None, audit=0.1, seed=3)
    expected = [answer(straight) for _ in range(5)]
    make(audit=0.1, seed=3).close()
    resumed = []
    for _ in range(5):
        with Campaign.open(tmp_path / "trees.claros", pool=blobs()) as campaign:
            resumed.append(answer(campaign))
    assert resumed == expected


def test_a_pool_that_knows_where_it_came_from_is_reopened_with_the_campaign(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("text,label\n" + "".join(f"note {i} of {i % 2},{i % 2}\n" for i in range(40)))
    pool = data.text_table(tmp_path / "notes.csv")
    with Campaign.create(tmp_path / "notes.claros", pool=pool, start=6) as campaign:
        first = answer(campaign, 6)
    with Campaign.open(tmp_path / "notes.claros") as campaign:
        assert set(campaign.labels()) == set(first)
        assert campaign.pool.text(0).startswith("note 0")


def test_another_pool_is_refused_with_what_differs(make: Make, tmp_path: Path, pool: Pool) -> None:
    make().close()
    with pytest.raises(DataError, match=r"1 item\(s\) are missing, the first 'tree-119'"):
        Campaign.open(tmp_path / "trees.claros", pool=pool.subset(range(119)))
    with pytest.raises(DataError, match=r"120 item\(s\) have other contents, the first 'tree-000'"):
        Campaign.open(tmp_path / "trees.claros", pool=blobs(seed=1))


def test_items_can_be_added_and_the_samples_drawn_before_stay(make: Make, tmp_path: Path) -> None:
    campaign = make(audit=0.1)
    answer(campaign)
    larger = blobs(160)
    x = np.concatenate([np.asarray(campaign.pool.take(range(120))), np.asarray(larger.take(range(120, 160)))])
    codes = np.concatenate([campaign.pool.labels, larger.labels[120:]])  # type: ignore[index, list-item]
    grown = data.arrays(x, codes, ids=[f"tree-{i:03d}" for i in range(160)], classes=list(CLASSES))
    before = json.loads((tmp_path / "trees.claros/items/1.json").read_text())
    campaign.add_items(grown)
    after = json.loads((tmp_path / "trees.claros/items/2.json").read_text())
    assert after["stop"] == before["stop"]
    assert after["audit"][: len(before["audit"])] == before["audit"]
    assert len(after["audit"]) > len(before["audit"])
    asked = [item for _ in range(14) for item in answer(campaign)]
    assert any(item >= "tree-120" for item in asked)
    assert not {"tree-118", "tree-119"} & set(asked)
    assert after["copies"] == before["copies"] == ["tree-118", "tree-119"]
    campaign.close()
    with Campaign.open(tmp_path / "trees.claros", pool=grown) as reopened:
        assert len(reopened.labels()) == 150
    with pytest.raises(DataError, match="it has no new item"):
        make(tmp_path / "again.claros").add_items(blobs())


def test_the_audit_share_is_kept_out_of_training_and_gives_the_accuracy(make: Make, pool: Pool) -> None:
    campaign = make(audit=0.2)
    for _ in range(4):
        answer(campaign)
    fitted = campaign.update()
    assert fitted is not None
    audited = [label for label in campaign.provenance() if label.source == "audit"]
    assert len(audited) == 8
    assert fitted.n_labeled == 32
    assert not {label.item for label in audited} & {pool.ids[p] for p in campaign.labeled_positions()}
    assert campaign.model is not None
    positions = [pool.ids.index(label.item) for label in audited]
    predicted = np.asarray(campaign.model.outputs(pool, ["probs"])["probs"])[positions].argmax(axis=1)
    accuracy = campaign.accuracy()
    assert accuracy is not None
    assert accuracy.n == 8
    assert accuracy.value == np.mean(predicted == [label.code for label in audited])
    campaign.release_audit()
    assert len(campaign.labeled_positions()) == 40
    answer(campaign)
    campaign.update()
    assert campaign.accuracy() is None


def test_audited_items_are_the_first_of_a_permutation_whatever_the_strategy_picks(make: Make) -> None:
    orders = []
    for strategy in ("margin", "k_center"):
        campaign = make(None, audit=0.1, strategy=strategy, seed=5)
        for _ in range(5):
            answer(campaign)
        orders.append([label.item for label in campaign.provenance() if label.source == "audit"])
    assert orders[0] == orders[1]
    assert len(orders[0]) == 5


def test_telling_the_same_twice_is_no_event_and_another_label_is_a_revision(make: Make, tmp_path: Path) -> None:
    campaign = make()
    item = campaign.ask(1)[0].item
    campaign.tell(item, "birch", annotator="ada")
    n_events = len(Log.at(tmp_path / "trees.claros/log.sqlite").read())
    campaign.tell(item, 1, annotator="ada")
    assert len(Log.at(tmp_path / "trees.claros/log.sqlite").read()) == n_events
    campaign.tell(item, "cedar", annotator="ada")
    told = [event for event in Log.at(tmp_path / "trees.claros/log.sqlite").read() if event.kind == "told"]
    assert [event.payload["label"] for event in told] == [1, 2]
    assert campaign.labels() == {item: "cedar"}


def test_two_annotators_never_get_the_same_item_unless_overlap_is_wanted(make: Make) -> None:
    campaign = make()
    ada = {query.item for query in campaign.ask(5, annotator="ada")}
    bob = {query.item for query in campaign.ask(5, annotator="bob")}
    assert not ada & bob
    again = {query.item for query in campaign.ask(5, annotator="ada")}
    assert again == ada
    both = {query.item for query in campaign.ask(10, annotator="cleo", overlap=2)}
    assert both == ada | bob


def test_the_majority_counts_and_of_a_tie_the_first(make: Make) -> None:
    campaign = make()
    item = campaign.ask(1)[0].item
    for annotator, label in (("ada", "ash"), ("bob", "birch")):
        campaign.tell(item, label, annotator=annotator)
    assert campaign.labels() == {item: "ash"}
    campaign.tell(item, "birch", annotator="cleo")
    assert campaign.labels() == {item: "birch"}


def test_an_expired_lease_gives_the_item_to_another_and_a_late_answer_counts(make: Make) -> None:
    campaign = make()
    held = [query.item for query in campaign.ask(10, annotator="ada", lease=0)]
    assert {query.item for query in campaign.ask(10, annotator="bob")} == set(held)
    campaign.tell(held[0], "ash", annotator="ada")
    assert campaign.labels() == {held[0]: "ash"}


def test_skipped_items_leave_the_queue_and_later_comes_last(make: Make) -> None:
    campaign = make()
    items = [query.item for query in campaign.ask(10)]
    campaign.skip(items[0], "bad item")
    campaign.skip(items[1], "later")
    campaign.skip(items[2], "cannot tell", annotator="ada")
    assert campaign.open_items() == [*items[3:], items[1]]
    assert items[2] not in [query.item for query in campaign.ask(10)]
    with pytest.raises(InputError, match="cannot tell, none of the classes, bad item, later"):
        campaign.skip(items[3], "bored")


def test_a_retracted_label_is_open_again_and_the_next_model_is_trained_without_it(make: Make) -> None:
    campaign = make(audit=0.0)
    items = answer(campaign)
    campaign.update()
    campaign.retract(items[4])
    assert campaign.open_items() == [items[4]]
    assert len(campaign.labeled_positions()) == 9
    campaign.tell(items[4], "ash")
    assert len(campaign.labeled_positions()) == 10
    campaign.retract(items[4])
    with pytest.raises(InputError, match="nothing to retract"):
        campaign.retract(items[4])
    campaign.skip(items[4], "bad item")
    campaign.retract(items[4])
    assert campaign.open_items() == [items[4]]


def test_only_who_answered_takes_it_back_and_only_once(make: Make) -> None:
    campaign = make()
    items = [query.item for query in campaign.ask(10, annotator="ada")]
    campaign.tell(items[0], "ash", annotator="ada")
    for item, reason in zip(items[1:4], ("bad item", "later", "cannot tell"), strict=True):
        campaign.skip(item, reason, annotator="ada")
    for item in items[:4]:
        with pytest.raises(InputError, match=f"bob has not answered for '{item}'"):
            campaign.retract(item, annotator="bob")
        campaign.retract(item, annotator="ada")
        with pytest.raises(InputError, match="nothing to retract"):
            campaign.retract(item, annotator="ada")
    assert campaign.open_items() == items


def test_training_twice_on_the_same_labels_happens_once(make: Make) -> None:
    campaign = make(audit=0.0)
    assert campaign.update() is None
    answer(campaign)
    first = campaign.update()
    assert campaign.update() == first
    assert first is not None
    assert (first.round, first.n_labeled) == (0, 10)


def test_rules_are_replayed_from_the_stored_predictions_and_agree_with_the_live_ones(
    make: Make, tmp_path: Path
) -> None:
    campaign = make(stop="stabilizing_predictions", watch=["overall_uncertainty"], audit=0.0)
    live = []
    for _ in range(7):
        answer(campaign)
        fitted = campaign.update()
        assert fitted is not None
        live.append(fitted.decisions)
    campaign.close()
    reopened = Campaign.open(tmp_path / "trees.claros", pool=blobs())
    for name in ("stabilizing_predictions", "overall_uncertainty"):
        assert list(reopened.decisions(name).values()) == [said[name] for said in live]
    stored = [np.load(tmp_path / f"trees.claros/rounds/{r:04d}/stop_probs.npy").argmax(axis=1) for r in range(7)]
    rule = stopping.get("stabilizing_predictions")
    by_hand = stopping.replay(rule, [rule.observe(stop_predictions=codes) for codes in stored])
    assert by_hand == [said["stabilizing_predictions"] for said in live]


def test_a_rule_that_nobody_followed_is_replayed_on_the_campaign_as_it_was(make: Make, tmp_path: Path) -> None:
    campaign = make(audit=0.0)
    for _ in range(4):
        answer(campaign)
        campaign.update()
    late = stopping.get("overall_uncertainty", threshold=0.6, measure="least_confidence")
    decisions = campaign.decisions(late)
    assert list(decisions) == [0, 1, 2, 3]
    for round, decision in decisions.items():
        probs = np.load(tmp_path / f"trees.claros/rounds/{round:04d}/stop_probs.npy").astype(np.float64)
        assert decision.value == pytest.approx((1 - probs.max(axis=1)).mean())
    assert [d.stop for d in campaign.decisions(stopping.get("budget", labels=30)).values()] == [
        False,
        False,
        True,
        True,
    ]
    with pytest.raises(InputError, match="No rule named 'budget' is followed here; those that are: advisor"):
        campaign.decisions("budget")


def test_the_same_rule_twice_is_followed_once_and_another_of_its_name_is_numbered(make: Make) -> None:
    loose = stopping.get("stabilizing_predictions", threshold=0.9)
    campaign = make(stop="stabilizing_predictions", watch=["stabilizing_predictions", loose])
    assert list(campaign.watched) == ["stabilizing_predictions", "stabilizing_predictions #2"]
    assert campaign.watched["stabilizing_predictions #2"] == loose


def test_a_stop_is_advised_in_a_sentence_and_noted_once(make: Make, tmp_path: Path) -> None:
    campaign = make(stop=stopping.get("budget", labels=20))
    assert campaign.advice().verdict == "too early to say"
    answer(campaign)
    assert not campaign.should_stop()
    answer(campaign)
    assert campaign.should_stop()
    assert campaign.should_stop()
    events = Log.at(tmp_path / "trees.claros/log.sqlite").read()
    assert sum(event.kind == "stopped" for event in events) == 1
    assert str(campaign.advice()).startswith("Stop (20 labels): budget: 20 of 20 labels")
    assert "Accuracy measured on randomly audited items" in str(campaign.advice())
    assert json.loads(json.dumps(campaign.advice().to_json()))["verdict"] == "stop"


def test_an_own_choice_may_be_told_and_is_marked_as_one(make: Make) -> None:
    campaign = make()
    campaign.tell("tree-050", "ash")
    label = campaign.provenance()[0]
    assert (label.source, label.random, label.round) == ("own choice", False, None)
    assert "tree-050" not in [query.item for query in campaign.ask(10)]


def test_the_trainers_log_is_kept_for_every_round(make: Make, tmp_path: Path) -> None:
    campaign = make(audit=0.0)
    for round in range(3):
        answer(campaign)
        campaign.update()
        history = json.loads((tmp_path / f"trees.claros/rounds/{round:04d}/history.json").read_text())
        assert isinstance(history, list)
        assert history


def test_a_second_process_that_plans_gets_a_clear_sentence_and_nothing_is_lost(make: Make, tmp_path: Path) -> None:
    campaign = make()
    answer(campaign)
    code = (
        "import fcntl, os, sys, time; f = open(sys.argv[1], 'a+'); fcntl.flock(f, fcntl.LOCK_EX);"
        "f.truncate(0); f.write(str(os.getpid())); f.flush(); print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "trees.claros/plan.lock")], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ConflictError, match=rf"Process {other.pid} is training or planning on"):
            campaign.ask()
        campaign.tell("tree-050", "ash")
    finally:
        other.kill()
        other.communicate()
    assert "tree-050" in campaign.labels()
    assert len(campaign.ask()) == 10


def test_classes_are_appended_and_codes_stay(make: Make) -> None:
    campaign = make(start=5, batch=5)
    answer(campaign)
    before = campaign.labels()
    campaign.update()
    campaign.add_classes(["oak"])
    campaign.update()
    assert campaign.model is not None
    assert campaign.model.outputs(campaign.pool, ["probs"])["probs"].shape[1] == 4, "a column for the new class at once"
    assert campaign.classes == (*CLASSES, "oak")
    assert campaign.labels() == before
    campaign.tell(campaign.ask(1)[0].item, "oak")
    campaign.update()
    assert "oak" in campaign.labels().values()


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"strategy": "bald"}, CannotFeedError, "bald' needs member_probs, which the model 'logistic'"),
        ({"strategy": "margn"}, UnknownNameError, "Did you mean 'margin'"),
        ({"model": "logistik"}, UnknownNameError, "Did you mean 'logistic'"),
        ({"stop": "stabilising_predictions"}, UnknownNameError, "Did you mean 'stabilizing_predictions'"),
        ({"init": "margin"}, CannotFeedError, "first round's strategy 'margin' needs probs"),
        ({"start": 0}, InputError, "start must be a whole number of at least 1; got 0"),
        ({"audit": 1.0}, InputError, "audit must be below 1"),
        ({"price": float("nan")}, InputError, "price must be a number of at least 0; got nan"),
        ({"classes": ["ash", "ash"]}, InputError, "'ash' is given twice"),
        ({"classes": []}, InputError, "classes are not known"),
        ({"checkpoints": "some"}, InputError, "checkpoints must be one of all, last, none"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_made(
    make: Make, tmp_path: Path, settings: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        make(**settings)
    assert not (tmp_path / "trees.claros").exists()


def test_wrong_answers_are_refused_and_leave_the_log_as_it_was(make: Make, tmp_path: Path) -> None:
    campaign = make()
    item = campaign.ask(1)[0].item
    n_events = len(Log.at(tmp_path / "trees.claros/log.sqlite").read())
    for bad, said in (("oak", "no class 'oak'; known are ash, birch, cedar"), (3, "no class 3"), (True, "no class")):
        with pytest.raises(InputError, match=said):
            campaign.tell(item, bad)
    with pytest.raises(InputError, match="no item 'tree-999' in the pool of 120"):
        campaign.tell_many({item: "ash", "tree-999": "ash"})
    with pytest.raises(InputError, match="A lease is a time like"):
        campaign.ask(1, lease="soon")
    assert len(Log.at(tmp_path / "trees.claros/log.sqlite").read()) == n_events


def test_a_folder_is_never_overwritten_and_a_missing_one_is_said(make: Make, tmp_path: Path) -> None:
    make().close()
    with pytest.raises(InputError, match="There is a campaign at"):
        make()
    with pytest.raises(InputError, match="There is no campaign at"):
        Campaign.open(tmp_path / "nowhere.claros")


def test_a_batch_of_one_class_trains_a_constant_model_that_goes_on(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    pool = data.arrays(x, np.zeros(60, dtype=int), classes=["only", "other"])
    campaign = Campaign.create(None, pool=pool, start=5, batch=5, audit=0.0)
    for _ in range(3):
        answer(campaign)
        assert campaign.update() is not None
    assert len(campaign.labels()) == 15


def test_a_model_given_as_an_object_is_given_again_when_the_campaign_is_reopened(pool: Pool, tmp_path: Path) -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(3), size=120)
    model = models.Precomputed({"probs": probs}, ids=pool.ids)
    made = {"pool": pool, "model": model, "strategy": "margin", "start": 5, "audit": 0.0}
    with Campaign.create(tmp_path / "given.claros", **made) as campaign:
        answer(campaign)
        expected = [query.item for query in campaign.ask(7)]
    again = Campaign.open(tmp_path / "given.claros", pool=pool, model=model)
    assert [query.item for query in again.ask(7)] == expected
    order = np.sort(probs, axis=1)
    gap = order[:, -1] - order[:, -2]
    gap[[*(pool.ids.index(item) for item in campaign.labels()), 118, 119]] = np.inf
    assert expected == [pool.ids[p] for p in np.argsort(gap)[:7]]


def test_a_log_in_another_database_is_found_by_its_url_and_its_absence_is_said(make: Make, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    with make(database=url) as campaign:
        told = answer(campaign)
    with Campaign.open(tmp_path / "trees.claros", pool=blobs(), database=url) as campaign:
        assert set(campaign.labels()) == set(told)
    with pytest.raises(CorruptLogError, match="pass database= if its log is in a database"):
        Campaign.open(tmp_path / "trees.claros", pool=blobs())
    assert not (tmp_path / "trees.claros/log.sqlite").exists()


def test_a_campaign_whose_making_was_interrupted_is_made_again(make: Make, tmp_path: Path) -> None:
    (tmp_path / "trees.claros/items").mkdir(parents=True)
    Log.at(tmp_path / "trees.claros/log.sqlite").close()
    with pytest.raises(InputError, match=r"was interrupted; make it again by Campaign\.create"):
        Campaign.open(tmp_path / "trees.claros", pool=blobs())
    assert len(make().ask(3)) == 3


@pytest.mark.parametrize("name", ["50 % of birds?.claros", "größe #1.claros", "a b/c&d.claros"])
def test_any_name_of_a_folder_will_do_also_after_a_change_of_directory(
    tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    campaign = Campaign.create(name, pool=pool, start=5)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = answer(campaign, 5)
    campaign.update()
    campaign.close()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    with Campaign.open(tmp_path / name, pool=pool) as again:
        assert set(again.labels()) == set(told)


def test_without_a_rule_or_a_model_there_is_no_advice_but_a_queue(pool: Pool) -> None:
    campaign = Campaign.create(None, pool=pool, model=None, strategy="random", stop=None, start=5, batch=5)
    for _ in range(3):
        answer(campaign)
    assert campaign.update() is None
    assert not campaign.should_stop()
    assert str(campaign.advice()) == "No advice (15 labels): no stopping rule is followed."


def test_files_that_did_not_change_are_not_read_again_and_those_that_did_are(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "birds/finch").mkdir(parents=True)
    (tmp_path / "birds/wren").mkdir()
    for shade in range(12):
        path = tmp_path / "birds" / ("finch" if shade % 2 else "wren") / f"{shade:02d}.png"
        Image.new("RGB", (4, 4), (20 * shade, 0, 0)).save(path)
    pool = data.image_folder(tmp_path / "birds")
    Campaign.create(tmp_path / "birds.claros", pool=pool, start=4).close()
    file = tmp_path / "birds/wren/00.png"
    content, stat = file.read_bytes(), file.stat()

    Campaign.open(tmp_path / "birds.claros").close()
    file.write_bytes(content)  # the same bytes, a later time
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    Campaign.open(tmp_path / "birds.claros").close()
    Image.new("RGB", (4, 4), (0, 255, 0)).save(file)
    with pytest.raises(DataError, match=r"1 item\(s\) have other contents, the first 'wren/00.png'"):
        Campaign.open(tmp_path / "birds.claros")
    file.write_bytes(bytes(len(content)))  # as long and as old, other bytes: taken for the same, and not read
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    Campaign.open(tmp_path / "birds.claros").close()


def test_asking_one_by_one_audits_too(make: Make) -> None:
    campaign = make(start=20, audit=0.05)
    answer(campaign, 20)
    for _ in range(40):
        answer(campaign, 1)
    assert sum(label.source == "audit" for label in campaign.provenance()) == 3


@pytest.mark.parametrize("classes", [list(reversed(CLASSES)), ["finch", "wren"], list(CLASSES)[:-1]])
def test_classes_that_would_make_other_ones_of_the_pools_labels_are_refused(make: Make, classes: list[str]) -> None:
    with pytest.raises(InputError, match=f"own classes are {', '.join(CLASSES)}.*put new ones after"):
        make(classes=classes)
    with make(classes=[*CLASSES, "yew"]) as campaign:
        assert campaign.classes == (*CLASSES, "yew")
    others = [f"bird {code}" for code in range(len(CLASSES))]
    with make(None, classes=others) as campaign:  # each class by another name
        assert campaign.classes == tuple(others)
