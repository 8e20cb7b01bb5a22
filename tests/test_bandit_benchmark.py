"""The page of the benchmark of strategies that learn says what its tables say."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from benchmarks.bandits import ARMS, ROUNDS, curves, made, page


def write(
    folder: Path, heights: dict[str, dict[str, list[float]]], missing: tuple[str, str, int] | None = None
) -> None:
    """Flat curves of these heights: strategy -> data set -> a seed's accuracy."""
    with (folder / "results.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["setting", "strategy", "seed", "round", "n_labeled", "accuracy"])
        for name, sets in heights.items():
            for data, accuracies in sets.items():
                audit = 0.2 if name == "exp3" else 0.0
                for seed, accuracy in enumerate(accuracies):
                    rounds = ROUNDS if (name, data, seed) == missing else ROUNDS + 1
                    for number in range(rounds):
                        writer.writerow(
                            [f"{data}, start 6, audit {audit}", name, seed, number, 6 + 5 * number, accuracy]
                        )


def test_means_differences_and_the_distance_to_the_best_arm_are_those_worked_by_hand(tmp_path: Path) -> None:
    arms = {name: {"iris": [0.5, 0.5], "wine": [0.6, 0.6]} for name in ARMS}
    arms["margin"] = {"iris": [0.7, 0.9], "wine": [0.4, 0.6]}  # 0.8 and 0.5
    write(tmp_path, {**arms, "tailor": {"iris": [0.7, 0.7], "wine": [0.6, 0.7]}})  # 0.7 and 0.65
    said = page(curves(tmp_path))
    # tailor: mean 0.675; against margin -0.1 and +0.15, mean +0.025, sd 0.17678, half 12.7062·0.17678/sqrt 2 = 1.5883;
    # against random +0.2 and +0.05; the best arm is margin's 0.8 on iris and 0.6 on wine: 0.1 and -0.05 behind
    assert "| `tailor` | 67.50 | +2.50 ± 158.83 | +12.50 ± 95.30 | 2.50 | 10.00 |" in said
    assert "| `tailor` | 70.0 | 65.0 |" in said
    assert said.index("| `tailor` | 67.50") < said.index("| `margin` | 65.00")
    assert "2 seeds" in said


def test_only_seeds_that_every_strategy_has_finished_count(tmp_path: Path) -> None:
    heights = {name: {"iris": [0.5, 0.9]} for name in (*ARMS, "tailor")}
    write(tmp_path, heights, missing=("tailor", "iris", 1))
    assert curves(tmp_path)["margin"] == {"iris": [pytest.approx(0.5)]}


def test_the_made_sets_are_the_same_each_time_and_differ_in_pool_and_test(tmp_path: Path) -> None:
    first, again = made(tmp_path / "a"), made(tmp_path / "b")
    assert len(first) == 8
    for one, other in zip(first, again, strict=True):
        with np.load(one) as left, np.load(other) as right:
            assert set(left) == {"x_train", "y_train", "x_test", "y_test"}
            assert all(np.array_equal(left[name], right[name]) for name in left)
            assert len(np.unique(left["y_train"])) == len(np.unique(left["y_test"]))
            assert len(left["x_train"]) <= 400
