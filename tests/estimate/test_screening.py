"""How many relevant items there are, and how many of them were found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom

from claros import estimate
from claros.errors import InputError, NoEstimateError
from claros.estimate.screening import limits_of_count


def answers(found: int, sampled: int) -> list[int]:
    return [1] * found + [0] * (sampled - found)


@pytest.mark.parametrize(("sampled", "pool"), [(1, 1), (3, 7), (10, 10), (12, 30)])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_limits_are_the_counts_that_neither_tail_refuses(sampled: int, pool: int, level: float) -> None:
    tail = (1 - level) / 2
    for found in range(sampled + 1):
        kept = [
            count
            for count in range(found, pool - sampled + found + 1)
            if hypergeom.sf(found - 1, pool, count, sampled) > tail
            and hypergeom.cdf(found, pool, count, sampled) > tail
        ]
        assert limits_of_count(found, sampled, pool, level) == (min(kept), max(kept))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_covers_every_count_of_a_pool_as_often_as_it_says(level: float) -> None:
    """Summed over all outcomes of 15 draws from 40, without simulation."""
    limits = [limits_of_count(found, 15, 40, level) for found in range(16)]
    for count in range(41):
        covered = [found for found in range(16) if limits[found][0] <= count <= limits[found][1]]
        assert hypergeom.pmf(covered, 40, count, 15).sum() >= level - 1e-12


def test_prevalence_in_an_endless_pool_is_the_exact_one_of_scipy() -> None:
    estimated = estimate.get("prevalence")(relevant=answers(3, 50))
    exact = binomtest(3, 50).proportion_ci(0.95, method="exact")
    assert (estimated.low, estimated.high) == pytest.approx((exact.low, exact.high))


def test_a_finite_pool_is_narrower_and_a_huge_one_is_endless() -> None:
    endless, huge, small = (
        estimate.get("prevalence")(relevant=answers(10, 50), n_pool=pool) for pool in (None, 10_000_000, 100)
    )
    assert (huge.low, huge.high) == pytest.approx((endless.low, endless.high), abs=1e-4)
    assert endless.low < small.low < small.value == 0.2 < small.high < endless.high


def test_recall_by_hand() -> None:
    # 80 found; 1 of 100 sampled of 1000 left is relevant: some 10 are left, so recall is 80 / 90; the sample refuses
    # no count between 1 (itself) and the last of which 0 or 1 in 100 is not rarer than 2.5 %
    estimated = estimate.get("recall")(n_found=80, n_unscreened=1000, relevant=answers(1, 100))
    most = max(count for count in range(1, 200) if hypergeom.cdf(1, 1000, count, 100) > 0.025)
    assert estimated.value == pytest.approx(80 / 90)
    assert estimated.high == pytest.approx(80 / 81)
    assert estimated.low == pytest.approx(80 / (80 + most))


def test_recall_is_known_when_all_that_is_left_was_looked_at() -> None:
    estimated = estimate.get("recall")(n_found=9, n_unscreened=20, relevant=answers(1, 20))
    assert (estimated.low, estimated.value, estimated.high) == (0.9, 0.9, 0.9)


def test_recall_of_nothing_found_is_none_and_of_nothing_relevant_undefined() -> None:
    nothing = estimate.get("recall")(n_found=0, n_unscreened=20, relevant=answers(1, 5))
    assert (nothing.low, nothing.value, nothing.high) == (0.0, 0.0, 0.0)
    with pytest.raises(NoEstimateError, match="0 are known: n_found is 0, and so are all 5 answers"):
        estimate.get("recall")(n_found=0, n_unscreened=20, relevant=answers(0, 5))


def test_a_sample_is_part_of_what_it_is_of() -> None:
    with pytest.raises(InputError, match="n_unscreened says 4 items, but relevant has 5"):
        estimate.get("recall")(n_found=1, n_unscreened=4, relevant=answers(0, 5))
    with pytest.raises(InputError, match="n_pool says 4 items, but relevant has 5"):
        estimate.get("prevalence")(relevant=answers(0, 5), n_pool=4)
    with pytest.raises(
        InputError, match=r"relevant has 1 value\(s\) that are neither 0 nor 1, the first at index 2 \(0.5\)"
    ):
        estimate.get("prevalence")(relevant=[0, 1, 0.5])


def test_a_pool_of_ten_million_takes_no_time() -> None:
    relevant = np.arange(2000) < 4
    estimated = estimate.get("recall")(n_found=500, n_unscreened=10_000_000, relevant=relevant)
    assert estimated.low < estimated.value < estimated.high
