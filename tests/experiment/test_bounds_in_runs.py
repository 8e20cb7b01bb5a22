"""Starts, erring annotators and the upper bound in whole runs: every arm of a seed has the same of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import data
from claros.experiment import run
from claros.experiment.config import parse_config
from claros.experiment.oracle import Oracle
from claros.experiment.progress import Moment

SMALL = {"data": "iris", "strategy": ["margin"], "start": 9, "batch": 4, "rounds": 2, "seeds": 2}
ERRING = {"kind": "confusion", "matrix": [[0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]}


def quiet(moment: Moment) -> None:
    """Show nothing."""


def rows(path: Path, **wanted: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[name] == value for name, value in wanted.items())]


def ran(out: Path, **changes: Any) -> Path:
    return run(parse_config({**SMALL, **changes}), out, listener=quiet)


def numbers(out: Path) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows(out / "results.csv")]


@pytest.mark.parametrize("init", ["random", "coverage", "k_center", "stratified"])
def test_all_arms_of_a_seed_start_with_the_same_batch(tmp_path: Path, init: str) -> None:
    out = ran(tmp_path / "out", init=init, upper_bound=3)
    starts: dict[str, list[list[str]]] = {}
    for arm in ("margin", "random", "upper_bound"):
        for seed in ("0", "1"):
            start = [row["item"] for row in rows(out / "picks.csv", strategy=arm, seed=seed, round="0")]
            assert len(start) == 9
            starts.setdefault(seed, []).append(start)
    assert starts["0"][0] == starts["0"][1] == starts["0"][2]
    assert starts["1"][0] == starts["1"][1] == starts["1"][2]
    assert starts["0"] != starts["1"] or init == "k_center"  # which draws nothing but its ties
    if init == "stratified":
        of_start = [row["class"] for row in rows(out / "picks.csv", strategy="margin", seed="0", round="0")]
        assert sorted(of_start) == sorted(["setosa", "versicolor", "virginica"] * 3)


def test_the_upper_bound_is_an_arm_like_any_other(tmp_path: Path) -> None:
    out = ran(tmp_path / "out", upper_bound=4)
    for seed in ("0", "1"):
        picked = rows(out / "picks.csv", strategy="upper_bound", seed=seed)
        items = [row["item"] for row in picked]
        assert len(items) == len(set(items)) == 17
        assert [row["source"] for row in picked] == ["start"] * 9 + ["chosen"] * 8
        curve = [float(row["accuracy"]) for row in rows(out / "results.csv", strategy="upper_bound", seed=seed)]
        by_chance = [float(row["accuracy"]) for row in rows(out / "results.csv", strategy="random", seed=seed)]
        assert curve[0] == by_chance[0]
        assert curve[-1] >= by_chance[-1]
    before = numbers(out)
    assert numbers(ran(tmp_path / "out", upper_bound=4)) == before


def test_the_upper_bound_may_be_added_to_a_run_that_is_there(tmp_path: Path) -> None:
    out = ran(tmp_path / "out")
    before = numbers(out)
    after = numbers(ran(out, upper_bound=2))
    assert [row for row in after if row["strategy"] != "upper_bound"] == before
    assert len(after) == len(before) + 6


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_arm_hears_the_same_errors_and_is_judged_by_the_truth(tmp_path: Path, jobs: int) -> None:
    config = parse_config({**SMALL, "oracle": ERRING, "upper_bound": 2})
    out = run(config, tmp_path / "out", jobs=jobs, listener=quiet)
    pool, test = data.load("iris")
    oracle = Oracle(pool, config.oracle)
    for row in rows(out / "picks.csv"):
        assert row["class"] == oracle.answers([row["item"]], int(row["seed"]))[row["item"]]
    truth = dict(zip(pool.ids, pool.labels, strict=True))
    assert any(pool.classes[truth[row["item"]]] != row["class"] for row in rows(out / "picks.csv"))
    assert test is not None
    assert np.array_equal(np.load(out / "test.npz")["labels"], test.labels)


def test_recorded_labels_are_bought_as_the_file_has_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 2)), rng.integers(0, 3, 90)
    said = rng.integers(0, 3, (90, 2))
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20], said=said, classes=["p", "q", "r"])
    oracle = {"kind": "recorded", "labels": "said", "annotator": 1}
    out = ran(tmp_path / "out", data=str(tmp_path / "a.npz"), oracle=oracle)
    for row in rows(out / "picks.csv"):
        assert int(row["item"]) >= 20  # the others are in the test set
        assert row["class"] == "pqr"[said[int(row["item"]), 1]]
