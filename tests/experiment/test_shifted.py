"""Experiments with a simulated label shift, or with a target sample from a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from claros import experiment
from claros.errors import InputError
from claros.experiment import RunConfig
from claros.experiment.bench import read_grid
from claros.experiment.config import parse_config
from claros.experiment.setting import Setting

NAMES = ("whole", "parts")
SHIFT = {"law": "dirichlet_mix", "alpha": 1.0, "warm": 60, "pool": 200, "target": 100, "test": 150}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes in a plane, 400 of each."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 400)
    rows = rng.normal(size=(1200, 2)) + np.array([[0, 0], [2, 0], [0, 2]])[labels]
    path = tmp_path_factory.mktemp("data") / "three.npz"
    np.savez(path, x=rows, y=labels)
    return path


def config(data: Path, **settings: object) -> RunConfig:
    usual = {"data": str(data), "control": False, "batch": 10, "rounds": 2, "watch": [], "report": False}
    return parse_config({**usual, "shift": SHIFT, **settings})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_parts_follow_the_law_and_share_no_item(data: Path) -> None:
    setting = Setting.load(config(data))
    assert setting.shifted is not None
    assert setting.target is not None
    first, pool = set(setting.shifted.first), set(setting.pool.ids)
    assert first <= pool
    assert not pool & set(setting.target.ids)
    assert setting.plan.start == len(first)
    codes = setting.pool.labels[[item in first for item in setting.pool.ids]]
    shares = np.bincount(codes, minlength=3) / len(codes)
    np.testing.assert_allclose(shares, setting.shifted.warm_prior, atol=0.03)
    test = np.bincount(setting.test.labels, minlength=3) / len(setting.test)
    np.testing.assert_allclose(test, setting.shifted.target_prior, atol=0.03)


def test_draws_are_axes_of_a_grid_and_each_is_the_same_again(data: Path) -> None:
    base = {"data": str(data), "shift": SHIFT, "strategy": ["margin"], "rounds": 1}
    grid = read_grid(flags=base, grid=["shift.draw=0,1", "shift.alpha=0.5,5"])
    assert [(one.shift.draw, one.shift.alpha) for one in grid] == [(0, 0.5), (0, 5), (1, 0.5), (1, 5)]
    one, again, other = (Setting.load(config) for config in (grid[0], grid[0], grid[2]))
    assert one.pool.ids == again.pool.ids != other.pool.ids
    assert one.shifted.target_prior.tolist() != other.shifted.target_prior.tolist()


def test_arms_of_one_draw_differ_in_how_they_correct(data: Path, tmp_path: Path) -> None:
    arms = [
        {"name": "margin", "correction": "none", "label": "nothing"},
        {"name": "margin", "correction": "prediction(gate=0)"},
        {"name": "margin"},
    ]
    settings = config(data, strategy=arms, correction="weights")
    assert list(settings.arms) == ["nothing", "margin + prediction(gate=0)", "margin"]
    folder = experiment.run(settings, tmp_path / "run")
    found = rows(folder.path / "shift.csv" if hasattr(folder, "path") else tmp_path / "run" / "shift.csv")
    assert {row["strategy"] for row in found} == set(settings.arms)
    assert all(row["active"] == "false" for row in found if row["strategy"] == "nothing")
    last = [row for row in found if row["strategy"] == "margin" and row["round"] == "2"]
    assert len(last) == 3
    assert all(row["active"] == "true" for row in last)
    shares = np.array([float(row["target_share"]) for row in last])
    truth = np.array([float(row["true_share"]) for row in last])
    np.testing.assert_allclose(np.abs(shares - truth).sum(), float(last[0]["prior_error"]), atol=1e-9)
    picks = [row for row in rows(tmp_path / "run" / "picks.csv") if row["round"] == "0"]
    assert {row["source"] for row in picks} == {"chosen"}
    firsts = {tuple(row["item"] for row in picks if row["strategy"] == name) for name in ("nothing", "margin")}
    assert len(firsts) == 1  # the same warm start for all arms


def test_a_run_that_was_killed_between_rounds_goes_on_with_its_target(data: Path, tmp_path: Path) -> None:
    whole, parts = (config(data, strategy=["margin"], rounds=rounds) for rounds in (3, 3))
    experiment.run(whole, tmp_path / "whole")
    seen = 0

    class Killed(Exception):
        pass

    def listener(moment: object) -> None:
        nonlocal seen
        if getattr(moment, "accuracy", None) is not None:
            seen += 1
            if seen == 2:
                raise Killed

    with pytest.raises(Killed):
        experiment.run(parts, tmp_path / "parts", listener=listener)
    experiment.run(parts, tmp_path / "parts")
    one, other = ([(row["accuracy"], row["round"]) for row in rows(tmp_path / name / "results.csv")] for name in NAMES)
    assert one == other


def test_a_target_sample_may_come_from_a_file(data: Path, tmp_path: Path) -> None:
    sample = tmp_path / "target.npz"
    rng = np.random.default_rng(1)
    np.savez(sample, x=rng.normal(size=(200, 2)) + np.array([2.0, 0.0]))  # all but one class are gone
    settings = config(data, shift=None, target=str(sample), correction="prediction(gate=0)", start=40)
    experiment.run(settings, tmp_path / "run")
    last = [row for row in rows(tmp_path / "run" / "shift.csv") if row["round"] == "2"]
    assert max(float(row["target_share"]) for row in last) > 0.8
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["target"] == str(sample)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shift": {**SHIFT, "law": "dirichlet_mixed"}}, "dirichlet_mix"),
        ({"shift": {**SHIFT, "alfa": 1}}, "alpha"),
        ({"target": "x.npz"}, "leave out target or shift"),
        ({"start": 30}, "shift.warm"),
        ({"correction": "wheights"}, "weights"),
        ({"strategy": [{"name": "margin", "correction": "gate"}]}, "mode"),
    ],
)
def test_settings_that_make_no_sense_are_said(data: Path, settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        config(data, **settings)


def test_settings_without_a_shift_are_what_they_were_before_there_was_one() -> None:
    plain = parse_config({"data": "digits"}).computed()
    assert not {"target", "correction", "shift"} & set(plain)
    assert "correction" not in plain["strategy"][0]
