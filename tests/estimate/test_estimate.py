"""Intervals that cover what they say."""

from __future__ import annotations

import pytest
from scipy.stats import binom, binomtest

from claros.errors import InputError
from claros.estimate import share


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (5, 5), (18, 20), (1, 100), (37, 61)])
def test_the_interval_is_the_exact_one_of_scipy(successes: int, n: int) -> None:
    expected = binomtest(successes, n).proportion_ci(0.95, method="exact")
    estimate = share(successes, n)
    assert estimate.low == pytest.approx(expected.low, abs=1e-12)
    assert estimate.high == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.97])
def test_the_interval_covers_the_truth_at_least_as_often_as_it_says(truth: float) -> None:
    """Summed over all outcomes of 40 draws, without simulation."""
    covered = sum(binom.pmf(k, 40, truth) for k in range(41) if share(k, 40).low <= truth <= share(k, 40).high)
    assert covered >= 0.95


def test_it_prints_as_a_sentence_part() -> None:
    assert str(share(1, 1)).endswith("(95 % interval 2.5 to 100.0, 1 label)")
    assert str(share(18, 20)) == "90.0 % (95 % interval 68.3 to 98.8, 20 labels)"


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="got 3 of 2"):
        share(3, 2)
    with pytest.raises(InputError, match="level"):
        share(3, 10, level=1.5)
