"""Rounds that somebody else chose: planned as they are, trained and replayed like any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trees import answer, blobs

from claros import models, stopping
from claros.campaign import Campaign
from claros.errors import InputError
from claros.log import Log
from claros.rng import stream

Make = Callable[..., Campaign]


def trees(*numbers: int) -> list[str]:
    return [f"tree-{number:03d}" for number in numbers]


def label(campaign: Campaign, items: Sequence[str], by: str = "ada") -> None:
    campaign.plan(items, by=by)
    assert answer(campaign, len(items)) == list(items)


def test_they_are_asked_in_the_order_given_and_say_who_chose(make: Make) -> None:
    campaign = make()
    campaign.plan(trees(7, 3, 50), by="ada")
    queries = campaign.ask(10)
    assert [query.item for query in queries] == trees(7, 3, 50)
    assert {(query.source, query.reason) for query in queries} == {("chosen", "chosen by ada (round 0)")}
    assert [(query.probability, query.score) for query in queries] == [(None, None)] * 3
    (planned,) = campaign.rounds
    assert (planned.number, planned.strategy, [row.item for row in planned.items]) == (0, "ada", trees(7, 3, 50))
    campaign.tell_many(dict.fromkeys(trees(7, 3, 50), 0))
    assert {(row.source, row.random, row.round) for row in campaign.provenance()} == {("chosen", False, 0)}


@pytest.mark.parametrize("start_chosen", [True, False])
def test_the_model_of_a_chosen_round_is_the_one_of_the_same_items_asked(make: Make, start_chosen: bool) -> None:
    """Two campaigns, one asks, the other is told to plan what the first one asked: the same models and later picks."""
    asked, chosen = make(None, audit=0.0), make(None, audit=0.0)
    for round in range(3):
        items = answer(asked)
        assert asked.update() is not None
        if round or start_chosen:
            label(chosen, items)
        else:
            assert answer(chosen) == items
        fitted = chosen.update()
        assert fitted is not None
        assert (fitted.round, fitted.n_labeled) == (round, 10 * (round + 1))
        predictions = [one.model.outputs(one.pool, ["probs"])["probs"] for one in (asked, chosen) if one.model]
        np.testing.assert_array_equal(*predictions)
    assert answer(asked) == answer(chosen)


def test_the_model_is_that_of_the_rounds_own_stream(make: Make) -> None:
    campaign = make(None, seed=7, audit=0.0)
    label(campaign, trees(*range(30)))
    campaign.update()
    model = models.get("logistic")
    truth = campaign.pool.labels
    assert truth is not None
    model.fit(campaign.pool.subset(range(30)), truth[:30], rng=stream(7, "model", 0))
    assert campaign.model is not None
    found = campaign.model.outputs(campaign.pool, ["probs"])["probs"]
    np.testing.assert_array_equal(found, model.outputs(campaign.pool, ["probs"])["probs"])


def test_they_replay_when_the_campaign_is_opened_again(make: Make, tmp_path: Path) -> None:
    items = [trees(*range(10 * k, 10 * k + 10)) for k in range(4)]
    straight = make(None, audit=0.0, stop="stabilizing_predictions")
    for batch in items:
        label(straight, batch)
        straight.update()
    make(audit=0.0, stop="stabilizing_predictions").close()
    for batch in items:
        with Campaign.open(tmp_path / "trees.claros", pool=blobs()) as campaign:
            campaign.plan(batch, by="ada")
        with Campaign.open(tmp_path / "trees.claros", pool=blobs()) as campaign:
            assert campaign.open_items() == batch
            assert answer(campaign, 10) == batch
            campaign.update()
    with Campaign.open(tmp_path / "trees.claros", pool=blobs()) as campaign:
        assert [[row.item for row in round.items] for round in campaign.rounds] == items
        name = "stabilizing_predictions"
        assert campaign.decisions(name) == straight.decisions(name)
        assert campaign.labels() == straight.labels()
        assert answer(campaign) == answer(straight)


@dataclass(frozen=True)
class BatchAccuracy(stopping.Rule):
    """Says how much of the last batch its model had right, and never stops."""

    name = "batch_accuracy"
    needs = ("batch_probs", "batch_labels")
    assumes = "nothing"
    reference = "none"

    def record(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        right = inputs["batch_probs"].argmax(axis=1) == inputs["batch_labels"]
        return {"right": right.tolist()}

    def judge(self, trace: Sequence[Mapping[str, Any]]) -> stopping.Decision:
        return stopping.Decision(False, True, float(np.mean(trace[-1]["right"])), None, str(trace[-1]["right"]))


def test_rules_see_what_the_model_took_them_for(make: Make, tmp_path: Path) -> None:
    campaign = make(audit=0.0)
    answer(campaign)
    campaign.update()
    assert campaign.model is not None
    positions = campaign.candidates()[[5, 2, 9, 0]]
    items = [campaign.pool.ids[position] for position in positions]
    expected = campaign.model.outputs(campaign.pool, ["probs"])["probs"][positions]
    campaign.plan(items, by="ada")
    folder = tmp_path / "trees.claros/rounds/0001"
    np.testing.assert_allclose(np.load(folder / "batch_probs.npy"), expected, rtol=1e-6)
    assert np.load(folder / "picks.npy").tolist() == positions.tolist()
    assert not (folder / "scores.npy").exists()

    guess = expected.argmax(axis=1)
    campaign.tell_many({items[2]: (guess[2] + 1) % 3, items[0]: guess[0], items[1]: guess[1]})
    campaign.skip(items[3], "bad item")
    campaign.update()
    assert campaign.decisions(BatchAccuracy())[1].reason == "[True, True, False]"


def test_candidates_are_what_can_be_planned_and_nothing_else(make: Make) -> None:
    campaign = make(audit=0.1)
    everything = campaign.candidates()
    assert len(everything) == 118 - 12  # two exact duplicates, and a tenth of the others reserved
    campaign.tell("tree-050", "ash")
    campaign.ask(10)
    item = campaign.open_items()[0]
    campaign.skip(item, "bad item")
    planned = {campaign.pool.ids.index(row.item) for row in campaign.rounds[0].items}
    assert set(campaign.candidates()) == set(everything) - planned - {50}
    campaign.plan([campaign.pool.ids[position] for position in campaign.candidates()], by="ada")
    assert campaign.candidates().size == 0


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (["tree-999"], "There is no item 'tree-999' in the pool of 120"),
        (["tree-001", "tree-050"], "The item 'tree-050' cannot be planned: it is labeled already"),
        (["tree-060"], "The item 'tree-060' cannot be planned: it is planned already, in round 0"),
        (["tree-061"], "The item 'tree-061' cannot be planned: it is planned already, in round 0"),
        (["tree-118"], "cannot be planned: it is a duplicate of 'tree-000', which is asked instead"),
        (["tree-001", "tree-002", "tree-001"], "The item 'tree-001' cannot be planned: it is given twice"),
        (["reserved"], r"The item 'tree-\d+' cannot be planned: it is reserved for the audit"),
        ([], r"from a list of one item or more; got \[\]"),
        ("tree-001", "from a list of one item or more; got 'tree-001'"),
    ],
)
def test_what_cannot_be_planned_is_said_and_leaves_the_log_as_it_was(
    make: Make, tmp_path: Path, items: list[str], said: str
) -> None:
    campaign = make(audit=0.1, seed=11)
    campaign.tell("tree-050", "ash")
    campaign.plan(trees(60, 61), by="ada")
    campaign.tell("tree-061", "ash")
    campaign.retract("tree-061")
    reserved = json.loads((tmp_path / "trees.claros/items/1.json").read_text())["audit"][0]
    n_events = len(Log.at(tmp_path / "trees.claros/log.sqlite").read())
    with pytest.raises(InputError, match=said):
        campaign.plan([reserved] if items == ["reserved"] else items, by="ada")
    with pytest.raises(InputError, match="says by whom"):
        campaign.plan(["tree-001"], by=" ")
    assert len(Log.at(tmp_path / "trees.claros/log.sqlite").read()) == n_events


def test_an_item_skipped_for_good_cannot_be_planned(make: Make) -> None:
    campaign = make(audit=0.0)
    campaign.skip("tree-070", "bad item")
    with pytest.raises(InputError, match="'tree-070' cannot be planned: it was skipped for good"):
        campaign.plan(["tree-070"], by="ada")


def test_audits_that_a_chosen_round_left_out_are_made_up_for(make: Make) -> None:
    campaign = make(audit=0.1)
    label(campaign, [campaign.pool.ids[position] for position in campaign.candidates()[:20]])
    campaign.update()
    assert not [row for row in campaign.provenance() if row.source == "audit"]
    answer(campaign, 10)
    assert sum(row.source == "audit" for row in campaign.provenance()) == 3  # a tenth of 30


def test_a_rule_can_end_a_campaign_of_chosen_rounds(make: Make) -> None:
    campaign = make(audit=0.0, stop=stopping.get("budget", labels=20))
    for first in (0, 10):
        label(campaign, trees(*range(first, first + 10)))
    assert campaign.should_stop()
