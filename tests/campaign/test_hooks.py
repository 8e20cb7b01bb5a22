"""Hooks: called before and after each round, told what they need, named when they fail, and nothing is lost by them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from claros import Campaign
from claros.campaign.hooks import AtRound, Hooks
from claros.cli import main
from claros.errors import HookError, InputError
from claros.experiment import run
from claros.experiment.config import parse_config
from claros.testing.pools import small_pool

POOL = small_pool("rows", 60)
TRUTH = {item: POOL.classes[code] for item, code in zip(POOL.ids, POOL.labels.tolist(), strict=True)}  # type: ignore[union-attr]


class Diary:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, AtRound]] = []

    def before_round(self, at: AtRound) -> None:
        self.told.append(("before_round", at))

    def after_training(self, at: AtRound) -> None:
        self.told.append(("after_training", at))

    def after_round(self, at: AtRound) -> None:
        self.told.append(("after_round", at))

    def points(self) -> list[tuple[str, int, int]]:
        return [(point, at.round, at.n_labeled) for point, at in self.told]


class Failing:
    """Fails at one point, as often as it is told to."""

    def __init__(self, point: str, times: int = 1) -> None:
        self.times = times
        setattr(self, point, self._fail)

    def _fail(self, at: AtRound) -> None:
        self.times -= 1
        if self.times >= 0:
            raise ValueError("no more paper")


def made(path: Path | None, *hooks: Any) -> Campaign:
    return Campaign.create(path, pool=POOL, strategy="margin", start=10, batch=5, audit=0.0, hooks=hooks)


def label(campaign: Campaign, n: int) -> None:
    campaign.tell_many({query.item: TRUTH[query.item] for query in campaign.ask(n)})


def test_each_round_is_announced_trained_and_over_in_this_order(tmp_path: Path) -> None:
    diary = Diary()
    with made(tmp_path / "c.claros", diary) as campaign:
        label(campaign, 10)
        label(campaign, 5)
        campaign.update()
    assert diary.points() == [
        ("before_round", 0, 0),
        ("after_training", 0, 10),
        ("after_round", 0, 10),
        ("before_round", 1, 10),
        ("after_training", 1, 15),
        ("after_round", 1, 15),
    ]


def test_a_hook_is_told_items_labels_model_and_folder(tmp_path: Path) -> None:
    diary = Diary()
    with made(tmp_path / "c.claros", diary) as campaign:
        label(campaign, 10)
        campaign.update()
        first = [row.item for row in campaign.rounds[0].items]
    before, trained, after = (at for _, at in diary.told)
    assert (before.items, before.labels, before.model) == ((), {}, None)
    assert list(trained.items) == list(after.items) == first
    assert dict(after.labels) == {item: TRUTH[item] for item in first}
    assert after.model is campaign.model is not None
    assert (after.folder, after.seed, after.strategy) == (tmp_path / "c.claros", 0, "margin")


def test_a_hook_needs_one_method_alone() -> None:
    class Counter:
        n = 0

        def after_round(self, at: AtRound) -> None:
            self.n += 1

    counter = Counter()
    campaign = made(None, counter)
    label(campaign, 10)
    campaign.update()
    assert counter.n == 1


@pytest.mark.parametrize(
    ("point", "rounds", "fitted"), [("before_round", 0, 0), ("after_training", 1, 1), ("after_round", 1, 1)]
)
def test_a_failing_hook_is_named_and_nothing_is_lost(tmp_path: Path, point: str, rounds: int, fitted: int) -> None:
    path = tmp_path / "c.claros"

    def first_round(campaign: Campaign) -> None:
        label(campaign, 10)
        campaign.update()

    with made(path, Failing(point)) as campaign:
        with pytest.raises(HookError, match=rf"Failing failed in {point} of round 0 \(ValueError: no more paper\)"):
            first_round(campaign)
        assert len(campaign.rounds) == rounds
    plain = made(None)
    label(plain, 10)
    label(plain, 5)
    with Campaign.open(path, pool=POOL) as campaign:
        assert len(campaign._journal.sync().fitted) == fitted
        if not rounds:
            label(campaign, 10)
        label(campaign, 5)
        assert campaign.rounds[1].items == plain.rounds[1].items


def test_a_run_tells_metrics_after_each_round_and_the_arm(tmp_path: Path) -> None:
    diary = Diary()
    config = parse_config({"data": "iris", "strategy": "margin", "start": 6, "batch": 5, "rounds": 1, "control": False})
    out = run(config, tmp_path / "out", listener=lambda moment: None, hooks=[diary])
    assert [point for point, at in diary.told] == ["before_round", "after_training", "after_round"] * 2
    last = diary.told[-1][1]
    kept = json.loads((out / "cells/margin-0/rounds/0001/metrics.json").read_text())
    assert last.metrics is not None
    assert (last.round, last.strategy, last.seed, last.metrics["accuracy"]) == (1, "margin", 0, kept["accuracy"])
    assert all(at.metrics is None for point, at in diary.told if point != "after_round")


def test_a_run_whose_hook_failed_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    config = parse_config({"data": "iris", "strategy": "margin", "start": 6, "batch": 5, "rounds": 2, "control": False})
    for point in ("before_round", "after_training", "after_round"):
        with pytest.raises(HookError, match=point):
            run(config, tmp_path / point, listener=lambda moment: None, hooks=[Failing(point)])
        run(config, tmp_path / point, listener=lambda moment: None)
        run(config, tmp_path / "plain", listener=lambda moment: None)
        assert (tmp_path / point / "picks.csv").read_bytes() == (tmp_path / "plain/picks.csv").read_bytes()


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (object(), "before_round, after_training, after_round"),
        ("no_colon", "package.module:factory"),
        ("json:nothing", "json:nothing"),
        ("json:__doc__", "must be a function or class"),
    ],
)
def test_what_is_no_hook_is_said_before_anything_is_done(tmp_path: Path, hook: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Hooks([hook])
    config = parse_config({"data": "iris", "start": 6, "rounds": 1})
    with pytest.raises(InputError, match=said):
        run(config, tmp_path / "out", hooks=[hook])
    assert not (tmp_path / "out").exists()


MODULE = """
from pathlib import Path

class Lines:
    def after_round(self, at):
        with open({path!r}, "a") as file:
            file.write(f"{{at.strategy}} {{at.seed}} {{at.round}} {{at.metrics['n_labeled']}}\\n")
"""


def test_the_command_line_takes_a_hook_by_name_in_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "diary_of_rounds.py").write_text(MODULE.format(path=str(tmp_path / "lines")))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["run", "--data", "iris", "--strategy", "margin", "--start", "6", "--batch", "5", "--rounds", "1"]
    more = ["--hook", "diary_of_rounds:Lines", "--no-report", "--jobs", "2", "--out", str(tmp_path / "out")]
    assert main([*words, *more]) == 0
    lines = sorted((tmp_path / "lines").read_text().splitlines())
    assert lines == ["margin 0 0 6", "margin 0 1 11", "random 0 0 6", "random 0 1 11"]
    sys.modules.pop("diary_of_rounds", None)


def test_an_object_cannot_go_into_other_processes(tmp_path: Path) -> None:
    config = parse_config({"data": "iris", "start": 6, "rounds": 1})
    with pytest.raises(InputError, match="by name"):
        run(config, tmp_path / "out", jobs=2, hooks=[Diary()])
