"""Strategies that learn in campaigns: what a round keeps, and that nothing that happens to a process changes a pick."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trees import answer, blobs

from claros import strategies
from claros.campaign import Campaign
from claros.campaign.snapshot import Recorder, restore
from claros.errors import CannotFeedError
from claros.models import get as model_named

HERE = Path(__file__).parent
LEARNING = [
    ("tailor(arms=[margin, badge, random], reward=mixture)", 0.0),
    ("albl(arms=[margin, kmeans], horizon=20)", 0.0),
    ("exp3(arms=[margin, random])", 0.2),
]
ROUNDS = 5


def settings(strategy: str, audit: float) -> dict[str, Any]:
    return {"strategy": strategies.get(strategy), "audit": audit, "stop": None, "start": 8, "batch": 8}


def asked(campaign: Campaign) -> list[list[str]]:
    return [[row.item for row in round.items] for round in campaign.rounds]


def remembered(campaign: Campaign, round: int) -> Any:
    assert campaign.path is not None
    return json.loads((campaign.path / f"rounds/{round:04d}/memory.json").read_bytes())


@pytest.mark.parametrize(("strategy", "audit"), LEARNING)
def test_a_campaign_that_is_opened_anew_for_every_call_picks_the_same(
    make: Callable[..., Campaign], tmp_path: Path, strategy: str, audit: float
) -> None:
    whole = make(**settings(strategy, audit))
    for _ in range(ROUNDS):
        answer(whole)
    pool = blobs()
    make(tmp_path / "again.claros", **settings(strategy, audit)).close()
    for _ in range(ROUNDS):
        with Campaign.open(tmp_path / "again.claros", pool=pool) as campaign:
            campaign.ask()
        with Campaign.open(tmp_path / "again.claros", pool=pool) as campaign:
            answer(campaign)
    with Campaign.open(tmp_path / "again.claros", pool=pool) as campaign:
        assert asked(campaign) == asked(whole)
        for round in range(1, ROUNDS):
            assert remembered(campaign, round) == remembered(whole, round)


def test_it_learns_and_does_not_pick_as_if_every_round_were_the_first(make: Callable[..., Campaign]) -> None:
    campaign = make(**settings(*LEARNING[0]))
    for _ in range(ROUNDS):
        answer(campaign)
    first, last = remembered(campaign, 1)["memory"], remembered(campaign, ROUNDS - 1)["memory"]
    assert (first["round"], last["round"]) == (1, ROUNDS - 1)
    assert first["known"] != last["known"]
    assert sorted(last["waiting"]) == sorted(map(str, last["last"])), "labels of earlier rounds are learned"


KILLED = """
import sys
sys.path.insert(0, {here!r})
from trees import answer, blobs
from claros.campaign import Campaign
with Campaign.open({path!r}, pool=blobs()) as campaign:
    while len(campaign.rounds) < {rounds} or campaign.open_items():
        answer(campaign)
"""


def test_a_campaign_killed_while_it_plans_goes_on_with_the_same_picks(
    make: Callable[..., Campaign], tmp_path: Path
) -> None:
    """The process is killed as soon as a round's memory is on disk, which is before or after the log knows of it."""
    strategy = settings(*LEARNING[0])
    whole = make(**strategy)
    while len(whole.rounds) < ROUNDS or whole.open_items():
        answer(whole)
    path = tmp_path / "killed.claros"
    make(path, **strategy).close()
    program = KILLED.format(here=str(HERE), path=str(path), rounds=ROUNDS)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    waited = time.monotonic() + 60
    while not (path / "rounds/0002/memory.json").exists() and time.monotonic() < waited:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == 0
    with Campaign.open(path, pool=blobs()) as campaign:
        assert asked(campaign) == asked(whole)
        assert remembered(campaign, ROUNDS - 1) == remembered(whole, ROUNDS - 1)


@pytest.mark.parametrize(("strategy", "audit"), LEARNING)
def test_a_cell_of_a_bench_that_is_taken_up_by_another_worker_picks_the_same(
    make: Callable[..., Campaign], tmp_path: Path, strategy: str, audit: float
) -> None:
    whole = make(None, **settings(strategy, audit))
    for _ in range(ROUNDS):
        answer(whole)
    pool, parts = blobs(), []
    campaign = Campaign.create(None, pool=pool, **settings(strategy, audit))
    recorder = Recorder(campaign, tmp_path, evidence=False)
    for _ in range(ROUNDS):
        answer(campaign)
        campaign.update()
        parts.append(recorder.part())
        campaign, recorder = restore(
            parts, None, pool=pool, model=model_named("logistic"), scratch=tmp_path, evidence=False
        )
    assert asked(campaign) == asked(whole)


def test_what_was_never_logged_is_no_memory(make: Callable[..., Campaign]) -> None:
    """A memory left by a plan that a kill prevented is not taken up where somebody chose the round instead."""
    campaign = make(**settings(*LEARNING[0]))
    other = make(campaign.path.with_name("other.claros") if campaign.path else None, **settings(*LEARNING[0]))
    for _ in range(2):
        answer(campaign)
        answer(other)
    assert campaign.path is not None
    free = [campaign.pool.ids[place] for place in campaign.candidates()[:3]]
    for one in (campaign, other):
        one.plan(free, by="ada")
        answer(one)
    stale = {"memory": {**remembered(campaign, 1)["memory"], "known": {}}, "items": {}}
    (campaign.path / "rounds/0002/memory.json").write_text(json.dumps(stale))
    for _ in range(2):
        answer(campaign)
        answer(other)
    assert asked(campaign) == asked(other)


def test_late_labels_are_learned_and_skipped_items_are_not_waited_for(make: Callable[..., Campaign]) -> None:
    campaign = make(**settings(*LEARNING[0]))
    answer(campaign)
    queries = campaign.ask()
    truth = campaign.pool.labels
    assert truth is not None
    campaign.skip(queries[0].item, "bad item")
    campaign.tell_many({query.item: int(truth[query.position]) for query in queries[2:]})
    late = queries[1]
    campaign.ask(annotator="bob")  # bob holds no lease of the open item, so that a round is planned for him
    kept = remembered(campaign, 2)
    assert late.item in kept["items"].values()
    assert queries[0].item not in kept["items"].values()
    campaign.tell(late.item, int(truth[late.position]))
    answer(campaign, annotator="bob")
    answer(campaign, annotator="bob")
    assert late.item not in remembered(campaign, 3)["items"].values()


def test_the_log_has_the_shares_of_the_arms_and_what_they_are_worth(make: Callable[..., Campaign]) -> None:
    campaign = make(**settings(*LEARNING[0]))
    for _ in range(3):
        answer(campaign)
    assert campaign.rounds[0].arms == ()
    for round in campaign.rounds[1:]:
        assert [row["arm"] for row in round.arms] == ["margin", "badge", "random"]
        assert sum(row["share"] for row in round.arms) == pytest.approx(1.0)
        assert round.note.startswith("Picks by arm: ")
    query = campaign.ask()[0]
    assert "Picks by arm" in query.reason


def test_exp3_asks_for_audited_items_before_anything_is_trained(make: Callable[..., Campaign]) -> None:
    with pytest.raises(CannotFeedError, match="exp3' needs metric"):
        make(**settings("exp3(arms=[margin, random])", 0.0))


def test_exp3_sees_the_accuracy_on_the_audited_items(make: Callable[..., Campaign]) -> None:
    campaign = make(**settings(*LEARNING[2]))
    answer(campaign)
    answer(campaign)
    audited = sum(row.source == "audit" for row in campaign.rounds[0].items)
    assert audited >= 1
    # round 1 was planned with the audited labels of the start: (right + 1) / (n + 2)
    metric = remembered(campaign, 1)["memory"]["known"]["metric"]
    right = metric * (audited + 2) - 1
    assert right == pytest.approx(round(right))
    assert 0 <= round(right) <= audited


def test_a_first_batch_cannot_come_from_what_needs_labels(make: Callable[..., Campaign]) -> None:
    with pytest.raises(CannotFeedError, match="first round's strategy 'tailor'"):
        make(init="tailor")
