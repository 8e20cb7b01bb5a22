from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from claros.errors import InputError
from claros.measures.agreement import cohen_kappa, contingency


def test_worked_by_hand() -> None:
    # 3 of 4 agree; marginals (2, 2) and (1, 3): chance (2*1 + 2*3) / 16 = 1/2; (3/4 - 1/2) / (1 - 1/2) = 1/2
    assert cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])) == 0.5
    # the authors of stabilizing predictions give .4, .4 and 0 for these
    steps = [([1, 0, 0], [1, 0, 1]), ([1, 0, 1], [0, 0, 1]), ([0, 0, 1], [0, 0, 0])]
    assert [cohen_kappa(np.array(a), np.array(b)) for a, b in steps] == pytest.approx([0.4, 0.4, 0.0])


def test_it_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        classes, n = int(rng.integers(2, 12)), int(rng.integers(2, 300))
        first = rng.integers(0, classes, n)
        second = np.where(rng.random(n) < rng.random(), first, rng.integers(0, classes, n))
        if np.unique(np.concatenate([first, second])).size > 1:
            assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_it_is_undefined_where_scikit_learns_is() -> None:
    constant = np.full(5, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(cohen_kappa_score(constant, constant))
    assert cohen_kappa(constant, constant) is None
    assert cohen_kappa(np.array([0]), np.array([0])) is None


def test_it_is_symmetric_and_blind_to_the_names_of_classes() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    renamed = rng.permutation(4)
    assert cohen_kappa(first, second) == cohen_kappa(second, first) == cohen_kappa(renamed[first], renamed[second])


def test_equal_predictions_give_exactly_one_and_opposite_ones_minus_one() -> None:
    rng = np.random.default_rng(2)
    for n in (2, 3, 7, 999, 12345):
        codes = np.concatenate([[0, 1], rng.integers(0, 9, n - 2)])
        assert cohen_kappa(codes, codes.copy()) == 1.0
    half = np.array([0, 1] * 10)
    assert cohen_kappa(half, 1 - half) == -1.0


def test_huge_codes_cost_no_more_memory_than_the_items() -> None:
    first, second = np.array([0, 2**40, 5, 5]), np.array([0, 2**40, 5, 7])
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score([0, 1, 2, 2], [0, 1, 2, 3]))


def test_a_million_labels_take_milliseconds() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 10, 10**6), rng.integers(0, 10, 10**6)
    fastest = math.inf
    for _ in range(5):
        started = time.perf_counter()
        cohen_kappa(first, second)
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 0.05, f"{1000 * fastest:.1f} ms; about 4 ms are usual, and 50 ms allowed on a busy machine"


def test_the_contingency_table_equals_scikit_learns_confusion_matrix() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 5, 100), rng.integers(0, 4, 100)
    expected = confusion_matrix(first, second, labels=range(6))
    assert np.array_equal(contingency(first, second, 6), expected)
    assert np.array_equal(contingency(first.astype(np.uint8), second.astype(np.uint8), 6), expected)


def test_narrow_codes_do_not_overflow_in_the_contingency_table() -> None:
    codes = np.array([200, 199], dtype=np.uint8)
    assert contingency(codes, codes, 201)[200, 200] == 1


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([0, 1], [0, 1, 1], "shapes"),
        ([], [], "shapes"),
        ([[0, 1]], [[0, 1]], "shapes"),
        ([0.0, 1.0], [0, 1], "dtypes"),
        ([0, -1], [0, 1], "negative"),
    ],
)
def test_what_are_no_two_predictions_is_refused(first: Any, second: Any, message: str) -> None:
    for function in (cohen_kappa, lambda a, b: contingency(a, b, 5)):
        with pytest.raises(InputError, match=message):
            function(np.array(first), np.array(second))


def test_a_code_beyond_the_classes_is_refused() -> None:
    with pytest.raises(InputError, match="below the 3 classes; got 3"):
        contingency(np.array([0, 1]), np.array([3, 1]), 3)
