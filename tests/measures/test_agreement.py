from __future__ import annotations

import math
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score
from statsmodels.stats.inter_rater import cohens_kappa

from claros.errors import InputError
from claros.measures.agreement import (
    class_counts,
    cohen_kappa,
    contingency,
    f_change_bound,
    kappa_variance,
    kappa_with_variance,
    krippendorff_alpha,
    label_sets,
    masi_distance,
)


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


def test_the_variance_of_kappa_worked_by_hand() -> None:
    # shares p00 = p01 = 1/4, p11 = 1/2; rows (1/2, 1/2), columns (1/4, 3/4); observed 3/4, by chance 1/2
    # diagonal: 1/4 (1/2 - 3/4 · 1/4)² + 1/2 (1/2 - 5/4 · 1/4)² = 0.0419921875
    # off it: (1/4)² · 1/4 (1/4 + 1/2)² = 0.0087890625; minus (3/8 - 1 + 3/4)² = 0.015625
    # 0.03515625 / (4 · (1/2)⁴) = 0.140625
    assert kappa_variance(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])) == pytest.approx(0.140625)


def test_the_variance_of_kappa_equals_statsmodels() -> None:
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(200):
        classes, n = int(rng.integers(2, 9)), int(rng.integers(10, 400))
        first = rng.integers(0, classes, n)
        second = np.where(rng.random(n) < rng.random(), first, rng.integers(0, classes, n))
        table = contingency(first, second, classes)
        if np.count_nonzero(table) < 2 or np.array_equal(first, second):
            continue
        theirs = cohens_kappa(table)
        ours = kappa_with_variance(first, second)
        assert ours is not None
        assert ours.value == pytest.approx(theirs.kappa, abs=1e-12)
        assert ours.variance == pytest.approx(theirs.var_kappa, rel=1e-9, abs=1e-15)
        assert kappa_variance(first, second) == ours.variance
        compared += 1
    assert compared > 150


@pytest.mark.parametrize(("n", "table"), [(1000, [[45, 2], [3, 50]]), (400, [[30, 5, 1], [2, 30, 4], [3, 2, 23]])])
def test_the_variance_of_kappa_is_that_of_repeated_draws(n: int, table: list[list[int]]) -> None:
    # 4,000 draws: the standard deviation is known to 1 / sqrt(8,000) = 1.1 %, so 5 % is more than four of its own
    rng = np.random.default_rng(6)
    shares = np.array(table) / np.sum(table)
    kappas = []
    for counts in rng.multinomial(n, shares.ravel(), 4000):
        drawn = counts.reshape(shares.shape) / n
        chance = drawn.sum(axis=0) @ drawn.sum(axis=1)
        kappas.append((np.trace(drawn) - chance) / (1 - chance))
    # the shares themselves, as one large sample of 100,000 items
    counts = (100_000 * shares).round().astype(int).ravel()
    cells = [np.repeat(side, counts) for side in np.indices(shares.shape).reshape(2, -1)]
    of_one = kappa_variance(*cells)
    assert of_one is not None
    assert math.sqrt(of_one * 100_000 / n) == pytest.approx(np.std(kappas), rel=0.05)


def test_the_variance_is_zero_without_disagreement_and_none_for_one_class() -> None:
    # the trap: 0 says that the sample agrees, not that kappa is known
    codes = np.array([0, 1, 2, 1])
    assert kappa_variance(codes, codes.copy()) == 0.0
    assert kappa_variance(np.full(5, 2), np.full(5, 2)) is None
    ours = kappa_with_variance(codes, np.array([0, 1, 1, 1]))
    assert ours is not None
    # by chance: classes 0, 1, 2 named 1, 2, 1 and 1, 3, 0 times of 4: (1 + 6) / 16
    assert (ours.disagreed, ours.chance, ours.classes) == (1, 7 / 16, 3)


def test_huge_codes_change_neither_the_variance_nor_the_counts() -> None:
    first, second = np.array([0, 5, 9, 9, 0]), np.array([0, 9, 9, 9, 5])
    huge = np.array([0, 0, 0, 0, 0, 2**33, 0, 0, 0, 2**40])
    assert kappa_variance(huge[first], huge[second]) == pytest.approx(kappa_variance(first, second))
    codes, *counts = class_counts(huge[first], huge[second])
    assert codes.tolist() == [0, 2**33, 2**40]
    assert [part.tolist() for part in counts] == [[2, 1, 2], [1, 1, 3], [1, 0, 2]]


def test_class_counts_are_those_of_a_counter() -> None:
    rng = np.random.default_rng(7)
    for _ in range(50):
        first, second = rng.integers(0, 12, 30), rng.integers(3, 15, 30)
        codes, *counts = class_counts(first, second)
        assert codes.tolist() == sorted({*first.tolist(), *second.tolist()})
        tallies = (Counter(first.tolist()), Counter(second.tolist()), Counter(first[first == second].tolist()))
        assert [part.tolist() for part in counts] == [[tally[code] for code in codes] for tally in tallies]


def test_no_two_binary_models_differ_in_f_by_more_than_the_bound() -> None:
    # every way to place 7 items, at most 3 alike, in the 8 cells of truth and two predictions
    worst = 0.0
    for counts in product(range(4), repeat=8):
        if sum(counts) != 7:
            continue
        truth, first, second = np.repeat(np.indices((2, 2, 2)).reshape(3, -1), counts, axis=1)
        kappa = cohen_kappa(first, second)
        if kappa is None or not 0 < kappa < 1 or not truth.any():
            continue
        scores = [2 * np.sum(truth & model) / (np.sum(truth) + np.sum(model)) for model in (first, second)]
        both = (first & second).astype(bool)
        precision = float(truth[both].mean()) if both.any() else 0.0
        assert abs(scores[0] - scores[1]) <= f_change_bound(kappa, precision) + 1e-12 <= f_change_bound(kappa) + 2e-12
        worst = max(worst, abs(scores[0] - scores[1]) / f_change_bound(kappa))
    assert worst > 0.2, "the bound must be somewhere near for this to mean anything"


def test_the_bound_on_f_is_the_published_one() -> None:
    # 4 (1 - T) / T, and 4 (1 - T) / ((1 + p) T) for a known precision
    assert [round(f_change_bound(kappa), 3) for kappa in (0.999, 0.99, 0.98, 0.97)] == [0.004, 0.040, 0.082, 0.124]
    assert f_change_bound(0.99, precision=1.0) == pytest.approx(0.02 / 0.99)
    assert (f_change_bound(1.0), f_change_bound(0.5), f_change_bound(0.0), f_change_bound(-1.0)) == (0.0, 1.0, 1.0, 1.0)
    for wrong in ((1.5, 0.0), (math.nan, 0.0), (0.9, -0.1), (0.9, math.nan)):
        with pytest.raises(InputError, match="kappa must be"):
            f_change_bound(*wrong)


def test_the_bound_on_f_does_not_hold_for_more_than_two_classes() -> None:
    # ten flips of one rare class among a thousand: kappa stays at 0.985, and that class's F falls from 1 to 0
    truth = np.arange(1000) % 3
    truth[:10] = 3
    later = np.where(truth == 3, 0, truth)
    kappa = cohen_kappa(truth, later)
    assert kappa is not None
    assert f_change_bound(kappa) < 0.1
    assert f1_score(truth, later, labels=[3], average=None, zero_division=0.0)[0] == 0.0


Sets = Sequence[frozenset[int]]


def masi_by_hand(a: frozenset[int], b: frozenset[int]) -> float:
    if a == b:
        return 0.0
    monotony = 2 / 3 if a < b or b < a else 1 / 3 if a & b else 0.0
    return 1 - monotony * len(a & b) / len(a | b)


def sets_of(table: Any) -> list[frozenset[int]]:
    return [frozenset(np.flatnonzero(row).tolist()) for row in np.asarray(table)]


def alpha_by_hand(first: Sets, second: Sets, distance: Any = masi_by_hand) -> float | None:
    """Krippendorff's definition, pair by pair."""
    pooled = [*first, *second]
    pairs = [distance(a, b) for i, a in enumerate(pooled) for j, b in enumerate(pooled) if i != j]
    if not any(pairs):
        return None
    return 1 - np.mean([distance(a, b) for a, b in zip(first, second, strict=True)]) / np.mean(pairs)


def test_masi_distances_are_those_of_the_sets() -> None:
    tables = np.array([*product([0, 1], repeat=4)])
    expected = [[masi_by_hand(a, b) for b in sets_of(tables)] for a in sets_of(tables)]
    np.testing.assert_allclose(masi_distance(tables, tables), expected, atol=1e-15)
    # {0, 1} and {0}: Jaccard 1/2, one holds the other: 1 - 1/2 · 2/3; {0, 1} and {1, 2}: 1 - 1/3 · 1/3
    assert masi_distance([[1, 1, 0]], [[1, 0, 0], [0, 1, 1]])[0] == pytest.approx([2 / 3, 8 / 9])


def test_alpha_worked_by_hand() -> None:
    # {0} {1} against {0} {0, 1}: within items 0 and 2/3, so 1/3 on average
    # pooled {0} {1} {0} {0,1}: pairs 1, 0, 2/3, 1, 2/3, 2/3, of 6 pairs: 4/6; alpha = 1 - (1/3) / (2/3)
    alpha = krippendorff_alpha(np.array([[1, 0], [0, 1]]), np.array([[1, 0], [1, 1]]))
    assert alpha == pytest.approx(0.5)


def test_alpha_equals_its_definition_pair_by_pair() -> None:
    rng = np.random.default_rng(8)
    undefined = 0
    for _ in range(150):
        items, labels = int(rng.integers(1, 14)), int(rng.integers(1, 5))
        first = (rng.random((items, labels)) < rng.random()).astype(np.int64)
        second = np.where(rng.random((items, labels)) < rng.random(), first, 1 - first)
        expected = alpha_by_hand(sets_of(first), sets_of(second))
        alpha = krippendorff_alpha(first, second)
        if expected is None:
            undefined += 1
            assert alpha is None
        else:
            assert alpha == pytest.approx(expected, abs=1e-12)
    assert 0 < undefined < 75


def test_nominal_alpha_is_scotts_pi_corrected_for_the_number_of_items() -> None:
    # Krippendorff: alpha = pi + (1 - pi) / n for two coders of n / 2 items, whatever the sets are
    rng = np.random.default_rng(9)
    first, second = (rng.random((60, 3)) < 0.5), (rng.random((60, 3)) < 0.5)

    def nominal(a: Any, b: Any) -> Any:
        return np.any(np.asarray(a)[:, None] != np.asarray(b)[None], axis=2).astype(float)

    codes = [2 ** np.arange(3) @ table.T for table in (first, second)]
    shares = np.bincount(np.concatenate(codes)) / 120
    pi = (np.mean(codes[0] == codes[1]) - shares @ shares) / (1 - shares @ shares)
    alpha = krippendorff_alpha(first.astype(int), second.astype(int), distance=nominal)
    assert alpha == pytest.approx(pi + (1 - pi) / 120)


def test_equal_label_sets_give_exactly_one_and_a_single_set_none() -> None:
    table = np.random.default_rng(10).integers(0, 2, (200, 70))
    assert krippendorff_alpha(table, table.copy()) == 1.0
    for constant in (np.zeros((5, 3), dtype=int), np.tile([1, 0, 1], (5, 1))):
        assert krippendorff_alpha(constant, constant) is None


def test_label_sets_are_the_different_rows() -> None:
    table = np.random.default_rng(11).integers(0, 2, (300, 9))
    sets, codes = label_sets(table)
    assert np.array_equal(sets[codes], table)
    assert len({*map(tuple, sets.tolist())}) == len(sets) == len(np.unique(table, axis=0))


def test_two_thousand_different_label_sets_never_make_a_full_table_of_distances() -> None:
    rng = np.random.default_rng(12)
    first, second = (rng.random((1000, 40)) < 0.3).astype(np.int64), (rng.random((1000, 40)) < 0.3).astype(np.int64)
    tracemalloc.start()
    alpha = krippendorff_alpha(first, second)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert alpha is not None
    assert abs(alpha) < 0.05  # chance
    assert peak < 16 * 2**20, f"{peak / 2**20:.0f} MiB; one table of 2,000 x 2,000 distances takes 31 MiB"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([[0, 1]], [[0, 1], [1, 1]], "shapes"),
        ([0, 1], [0, 1], "shapes"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "shapes"),
        ([[0, 2]], [[0, 1]], "0 and 1 only"),
        ([[0, math.nan]], [[0, 1]], "0 and 1 only"),
    ],
)
def test_what_are_no_two_tables_of_labels_is_refused(first: Any, second: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        krippendorff_alpha(np.array(first), np.array(second))


@pytest.mark.parametrize("dtype", [">i2", "<i8", ">i8", "i1", "u1", "u8", ">u4"])
def test_codes_of_any_whole_type_and_byte_order_agree_alike(dtype: str) -> None:
    first, second = np.array([0, 1, 2, 1], dtype=dtype), np.array([0, 1, 1, 1], dtype=dtype)
    assert contingency(first, second, 3).tolist() == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa(first.astype(np.int64), second.astype(np.int64)))
    if np.dtype(dtype).kind == "i":
        with pytest.raises(InputError, match="negative"):
            cohen_kappa(first, np.array([0, 1, 1, -1], dtype=dtype))
