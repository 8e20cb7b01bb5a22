"""How many relevant items there are, and how many of them a screening has found, from a random sample."""

from __future__ import annotations

from collections.abc import Callable

from claros.arrays import Array
from claros.checks import whole
from claros.errors import InputError, NoEstimateError
from claros.estimate.arguments import check_level, flags
from claros.estimate.estimate import Estimate, share
from claros.estimate.estimator import estimator

__all__ = ["limits_of_count", "prevalence", "recall"]


@estimator(reference="Clopper & Pearson 1934; for a finite pool Wright 1991", optional=("n_pool",))
def prevalence(*, relevant: Array, n_pool: int | None = None, level: float = 0.95) -> Estimate:
    """Share of the pool that is relevant, from a random sample of it; (M,) answers of yes and no -> a share.

    ``relevant`` (M,) is 1 where an item of the sample is relevant. ``n_pool`` is the size of the pool, the sample
    included; without it the pool counts as endless.

    Interval: exact, covers the true share in at least ``level`` of the samples whatever it is: Clopper and Pearson's,
    and for a finite pool the counts that neither tail of the hypergeometric distribution refuses at (1 - level) / 2,
    which are narrower, and a single point once the whole pool is sampled.

    Cost: O(M + log N) evaluations of a distribution.

    >>> print(prevalence(relevant=[1, 0, 0, 0, 0]))
    20.0 % (95 % interval 0.5 to 71.6, 5 labels)
    >>> print(prevalence(relevant=[1, 0, 0, 0, 0], n_pool=5))
    20.0 % (95 % interval 20.0 to 20.0, 5 labels)
    """
    level = check_level(level, "prevalence")
    answers = flags(relevant, "relevant")
    found, n = int(answers.sum()), answers.size
    if n_pool is None:
        return share(found, n, level)
    pool = _pool(n_pool, n, "n_pool")
    low, high = limits_of_count(found, n, pool, level)
    return Estimate(found / n, low / pool, high / pool, level, "hypergeometric", n)


@estimator(reference="Lewis, Yang & Frieder 2021, arXiv:2108.12746; interval: Wright 1991")
def recall(*, n_found: int, n_unscreened: int, relevant: Array, level: float = 0.95) -> Estimate:
    """Share of all relevant items that a screening has found, from a random sample of what it left; a share.

    ``n_found`` relevant items were found among those screened, ``n_unscreened`` items were left, and ``relevant`` (M,)
    is 1 where an item of a random sample of those left (an elusion sample) is relevant. The recall is that of the
    screening, before the sample: what the sample finds counts as missed.

    Interval: exact. The relevant items left are a count k between the limits of the hypergeometric distribution at
    ``level``, and recall, n_found / (n_found + k), falls with k, so that it covers the true recall in at least
    ``level`` of the samples. That holds for one sample that was planned beforehand; looking at it again and again until
    it pleases does not.

    Cost: O(M + log N) evaluations of a distribution.

    >>> print(recall(n_found=90, n_unscreened=1000, relevant=[0] * 300))      # up to 10 may be left: 90 of 100
    100.0 % (95 % interval 90.0 to 100.0, 300 labels)
    """
    level = check_level(level, "recall")
    found = whole(n_found, 0, "n_found")
    answers = flags(relevant, "relevant")
    left = _pool(n_unscreened, answers.size, "n_unscreened")
    sampled = int(answers.sum())
    if not found + sampled:
        raise NoEstimateError(
            f"recall is a share of the relevant items, and 0 are known: n_found is 0, and so are all {answers.size} "
            "answers of the sample."
        )
    low, high = limits_of_count(sampled, answers.size, left, level)
    elusion = left * sampled / answers.size
    shares = [found / (found + missed) if found else 0.0 for missed in (elusion, high, low)]
    method = f"elusion sample of {answers.size} of {left} unscreened items, hypergeometric"
    return Estimate(shares[0], shares[1], shares[2], level, method, answers.size)


def limits_of_count(found: int, sampled: int, pool: int, level: float) -> tuple[int, int]:
    """Smallest and largest number of relevant items in a pool that a random sample does not refuse; exact.

    Tails of (1 - level) / 2 of the hypergeometric distribution, each by bisection: O(log pool) evaluations.

    >>> limits_of_count(0, 300, 1000, 0.95)      # of 11, a sample of 300 has none in less than 2.5 %
    (0, 10)
    """
    from scipy.stats import hypergeom

    tail = (1 - level) / 2
    fewest, most = found, pool - (sampled - found)
    low = _first(fewest, most, lambda count: hypergeom.sf(found - 1, pool, count, sampled) > tail)
    high = most - _first(0, most - fewest, lambda fewer: hypergeom.cdf(found, pool, most - fewer, sampled) > tail)
    return low, high


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first whole number in [low, high] from which on it holds; it does at the end."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _pool(size: int, sampled: int, what: str) -> int:
    size = whole(size, 1, what)
    if size < sampled:
        raise InputError(f"{what} says {size} items, but relevant has {sampled}; the sample is part of them.")
    return size
