"""The simulated annotator, and the start that is drawn by class."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from claros import data
from claros.data import Pool
from claros.errors import DataError, InputError
from claros.experiment.oracle import Oracle


def pool(labels: list[int], classes: tuple[str, ...] = ("a", "b", "c"), x: np.ndarray | None = None) -> Pool:
    values = np.arange(len(labels), dtype=np.float64)[:, None] if x is None else x
    return data.arrays(values, np.array(labels), classes=classes)


def drawn(oracle: Oracle, n: int, seed: int = 0) -> dict[str, int]:
    return dict(Counter(oracle.answers(oracle.stratified(n, seed), seed).values()))


def test_it_answers_with_the_class_of_each_item() -> None:
    assert Oracle(pool([2, 0, 1])).answers(["0", "2"], 0) == {"0": "c", "2": "b"}


@pytest.mark.parametrize("labels", [[0, -1, 1, -1], None])
def test_items_without_a_label_are_counted_before_anything_runs(labels: list[int] | None) -> None:
    unlabeled = data.arrays(np.arange(4.0)[:, None], None if labels is None else np.array(labels), classes=("a", "b"))
    with pytest.raises(DataError, match=r"2 of 4.*'1'" if labels else r"4 of 4.*'0'"):
        Oracle(unlabeled)


def test_a_stratified_start_has_the_shares_of_the_pool() -> None:
    oracle = Oracle(pool([0] * 60 + [1] * 30 + [2] * 10))
    assert drawn(oracle, 50) == {"a": 30, "b": 15, "c": 5}
    assert drawn(oracle, 100) == {"a": 60, "b": 30, "c": 10}


def test_a_stratified_start_has_every_class_if_it_can() -> None:
    oracle = Oracle(pool([0] * 98 + [1] + [2]))
    assert drawn(oracle, 3) == {"a": 1, "b": 1, "c": 1}
    assert drawn(oracle, 2) == {"a": 2}  # too few for all: the shares decide


def test_a_stratified_start_follows_its_seed_and_repeats_nothing() -> None:
    oracle = Oracle(pool([0, 1, 2] * 40))
    first = oracle.stratified(30, 5)
    assert first == oracle.stratified(30, 5) != oracle.stratified(30, 6)
    assert len(set(first)) == 30


def test_of_exact_duplicates_a_stratified_start_has_one() -> None:
    oracle = Oracle(pool([0, 0, 0, 1], x=np.array([[7.0], [7.0], [8.0], [9.0]])))
    assert sorted(oracle.stratified(3, 0)) == ["0", "2", "3"]
    with pytest.raises(InputError, match="3 different"):
        oracle.stratified(4, 0)


def test_no_items_can_be_drawn() -> None:
    assert Oracle(pool([0, 1])).stratified(0, 0) == []
