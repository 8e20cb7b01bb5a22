"""Near-duplicates: who asks for whom, against the rule written out; and pools that are grouped by it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from claros import arrays, data
from claros.data.near_duplicates import group_near_duplicates, near_duplicates
from claros.errors import InputError
from claros.experiment import run
from claros.experiment.config import parse_config
from memory import peak_bytes

RNG = np.random.default_rng


def on_the_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def by_the_rule(features: np.ndarray, threshold: float) -> list[int]:
    """In order: the first representative that an item is like, or itself."""
    unit = features.astype(np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    leaders: list[int] = []
    found = []
    for position, row in enumerate(unit):
        like = [leader for leader in leaders if unit[leader] @ row >= threshold]
        leaders += [] if like else [position]
        found.append(like[0] if like else position)
    return found


def test_chains_do_not_join_what_has_nothing_in_common() -> None:
    # 8 degrees apart each, and near-duplicates are within 10: item 1 is like 0, item 2 is not, item 3 is like 2
    features = on_the_circle(0, 8, 16, 24) * np.array([[1], [5], [0.1], [3]])  # lengths do not matter
    assert near_duplicates(features, np.cos(np.deg2rad(10))).tolist() == [0, 0, 2, 2]
    assert near_duplicates(features, np.cos(np.deg2rad(17))).tolist() == [0, 0, 0, 3]
    assert near_duplicates(features, 0.9999).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", [1 << 10, 1 << 20])
def test_every_item_goes_to_the_first_representative_that_it_is_like(
    dtype: type, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", block)
    for seed in range(3):
        rng = RNG(seed)
        features = (rng.normal(size=(40, 6))[rng.integers(0, 40, 307)] + 0.2 * rng.normal(size=(307, 6))).astype(dtype)
        for threshold in (0.8, 0.95, 0.99):
            found = near_duplicates(features, threshold)
            assert found.tolist() == by_the_rule(features, threshold)
            assert np.array_equal(found[found], found)
            assert np.all(found <= np.arange(307))


def test_tensors_and_zeros_and_nothing_have_groups() -> None:
    features = np.vstack([np.zeros((1, 2)), on_the_circle(0, 1), np.zeros((1, 2))])
    assert near_duplicates(features, 0.51).tolist() == [0, 1, 1, 0]
    assert near_duplicates(torch.from_numpy(features), 0.51).tolist() == [0, 1, 1, 0]
    assert near_duplicates(np.empty((0, 2)), 0.9).tolist() == []


def test_a_pool_is_grouped_and_exact_duplicates_stay_together() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01], [0.0, 1.0], [3.0, 3.0]])
    pool = data.arrays(rows, features=rows)
    assert pool.groups.tolist() == [0, 1, 2, 1, 4]
    grouped = group_near_duplicates(pool, 0.999)
    assert grouped.groups.tolist() == [0, 1, 0, 1, 4]
    assert pool.groups.tolist() == [0, 1, 2, 1, 4]
    assert grouped.report()["duplicates"] == 2
    assert grouped.ids == pool.ids
    assert grouped.manifest() == pool.manifest()
    with pytest.raises(ValueError, match="read-only"):
        grouped.groups[0] = 3


def test_copies_stay_together_even_where_their_features_differ() -> None:
    rows = np.array([[1.0], [2.0], [1.0]])
    grouped = group_near_duplicates(data.arrays(rows), 0.99, features=on_the_circle(0, 90, 45))
    assert grouped.groups.tolist() == [0, 1, 0]


def test_a_part_of_a_grouped_pool_keeps_its_groups() -> None:
    pool = group_near_duplicates(data.arrays(np.arange(6.0)[:, None]), 0.9, features=on_the_circle(0, 90, 1, 91, 2, 45))
    assert pool.groups.tolist() == [0, 1, 0, 1, 0, 5]
    assert pool.subset([5, 4, 3, 2]).groups.tolist() == [0, 1, 2, 1]  # 4 and 2 are of one group without their first


def test_the_pools_own_features_are_taken_where_none_are_given() -> None:
    rng = RNG(0)
    rows = np.repeat(rng.normal(size=(5, 8)), 2, axis=0) + 1e-4 * rng.normal(size=(10, 8))
    assert group_near_duplicates(data.arrays(rows), 0.999).groups.tolist() == np.repeat(np.arange(0, 10, 2), 2).tolist()


def test_what_cannot_be_grouped_is_refused_in_words() -> None:
    pool = data.arrays(np.ones((3, 1)))
    for threshold in (0.5, 1.01, float("nan")):
        with pytest.raises(InputError, match=r"must be above 0\.5 and at most 1; got"):
            group_near_duplicates(pool, threshold)
    with pytest.raises(InputError, match=r"features must have shape \(N, D\) with N = 3; got \(2, 1\)"):
        group_near_duplicates(pool, 0.9, features=np.ones((2, 1)))
    with pytest.raises(InputError, match="must be finite"):
        group_near_duplicates(pool, 0.9, features=np.array([[1.0], [np.nan], [0.0]]))


def test_groups_take_no_table_of_pairs() -> None:
    features = RNG(1).normal(size=(8000, 8)).astype(np.float32)
    peak = peak_bytes(lambda: near_duplicates(features, 0.9))
    assert peak < 12 * 2**20, f"{peak / 2**20:.1f} MiB; a table of pairs is 61 even as bytes"


def test_loading_groups_them_on_request_and_reopening_does_so_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6))
    x[20:30] = x[:10] * 1.001  # ten items a second time, a hair longer
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2, is_test=[False] * 39 + [True], features=x)
    alone = data.load(tmp_path / "a.npz").train
    grouped = data.load(tmp_path / "a.npz", near_duplicates=0.9999).train
    assert np.array_equal(alone.groups, np.arange(39))
    assert np.array_equal(grouped.groups[20:30], np.arange(10))
    again = data.reopen(grouped.source)
    assert np.array_equal(again.groups, grouped.groups)


def test_a_run_asks_one_question_for_each_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(30, 6)), 2, axis=0) + 1e-4 * rng.normal(size=(60, 6))
    y = np.repeat(rng.integers(2, size=30), 2)
    test = np.arange(60) >= 56
    np.savez(tmp_path / "a.npz", x=x, y=y, is_test=test, features=x)
    settings = {"data": str(tmp_path / "a.npz"), "strategy": ["margin"], "start": 6, "batch": 6, "rounds": 3}
    config = parse_config({**settings, "near_duplicates": 0.999, "report": False, "control": False})
    run(config, tmp_path / "out", listener=lambda moment: None)
    with (tmp_path / "out" / "picks.csv").open() as file:
        asked = [int(row["item"]) // 2 for row in csv.DictReader(file)]
    assert len(asked) == 24
    assert len(set(asked)) == 24
