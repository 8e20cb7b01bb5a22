"""The difference of two arms over paired seeds: a t test and a bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from claros.arrays import Array, Floats
from claros.errors import InputError
from claros.experiment.curves import aligned, areas

__all__ = [
    "LEAST_SEEDS",
    "ROUNDING",
    "Difference",
    "checked_draws",
    "checked_level",
    "differences",
    "expanded_tail",
    "paired_bootstrap",
    "paired_difference",
    "paired_p_values",
]

#: Paired seeds below which no difference is called: with five, one odd seed decides.
LEAST_SEEDS = 6

#: Values that differ by less, relative to their size, differ by rounding only.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Difference:
    """Mean paired difference with its interval at ``level``, and the two-sided p-value of no difference.

    Neither is corrected for other comparisons; see `claros.experiment.compare.compare_all`.
    """

    mean: float
    low: float
    high: float
    level: float
    seeds: int
    p_value: float


def paired_difference(a: Array, b: Array, level: float = 0.95) -> Difference:
    """Mean of ``a - b`` over paired seeds, (S,) each, with the paired t interval and test; O(S).

    Differences within rounding (1e-12 of the values) are none. If all are equal the interval has no width, and the
    p-value is 1 for no difference, else 0.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or a.size < 2:
        raise InputError(f"Two equally long rows of at least 2 paired seeds are needed; got {a.shape} and {b.shape}.")
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        raise InputError("The values to compare must be finite; drop the seeds that have none from both arms.")
    level, n = checked_level(level), a.size
    between = differences(a, b)
    mean = float(between.mean())
    half = float(stdtrit(n - 1, (1 + level) / 2)) * float(between.std(ddof=1)) / math.sqrt(n)
    return Difference(mean, mean - half, mean + half, level, n, float(paired_p_values(between)))


def paired_bootstrap(
    curves: Sequence[tuple[Array, Array]],
    control_curves: Sequence[tuple[Array, Array]],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 10_000,
) -> Difference:
    """Mean difference of the areas under two arms' curves over their width, by a bootstrap over paired seeds.

    Unlike the t test it does not take the differences for normal. Its percentiles are expanded for few seeds
    (Hesterberg 2015, arXiv:1411.5279), and the p-value is 1 minus the level at which the interval would end at 0; where
    no draw is on the other side of 0, it is an upper bound. O(draws · S) time and memory.
    """
    level, draws = checked_level(level), checked_draws(draws)
    grid, arm, control = aligned(curves, control_curves)
    n = len(arm)
    if n < 2:
        raise InputError("A bootstrap needs at least 2 paired seeds for an interval; got 1.")
    between = differences(areas(grid, arm), areas(grid, control))
    means = rng.multinomial(n, np.full(n, 1 / n), size=draws) @ between / n
    tail = expanded_tail(n, level)
    low = float(np.quantile(means, tail, method="lower"))
    high = float(np.quantile(means, 1 - tail, method="higher"))
    beyond = max(min((means <= 0).mean(), (means >= 0).mean()), 1 / (draws + 1))
    p_value = min(1.0, 2 * float(stdtr(n - 1, ndtri(beyond) * math.sqrt((n - 1) / n))))
    if between.std() == 0:
        p_value = float(between[0] == 0)
    return Difference(float(between.mean()), low, high, level, n, p_value)


def differences(a: Floats, b: Floats) -> Floats:
    """``a - b`` where it is more than rounding, else 0; arrays of one shape, or that broadcast."""
    between = a - b
    return np.asarray(np.where(np.abs(between) <= ROUNDING * np.maximum(np.abs(a), np.abs(b)), 0.0, between))


def paired_p_values(between: Floats) -> Floats:
    """Two-sided p-values of paired t tests on differences (S, ...); NaN is a pair that is missing; (...).

    Without any spread it is 1 for no difference and 0 for one; with fewer than two pairs it is NaN.
    """
    there = np.isfinite(between)
    n = there.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, between, 0.0).sum(axis=0) / n
        variance = (np.where(there, between - mean, 0.0) ** 2).sum(axis=0) / (n - 1)
        p_values = 2 * stdtr(n - 1.0, -np.abs(mean) / np.sqrt(variance / n))
    p_values = np.where(variance == 0, np.where(mean == 0, 1.0, 0.0), p_values)
    return np.asarray(np.where(n < 2, np.nan, p_values))


def expanded_tail(n: int, level: float) -> float:
    """The percentile of a bootstrap over n seeds that ends an interval at ``level``, in (0, 0.5).

    Further out than (1 - level) / 2, since the bootstrap's variance is short of a factor n / (n - 1) and Student's
    tails are wider than a normal's: Hesterberg 2015, arXiv:1411.5279, section 5.3.
    """
    return float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)))


def checked_level(level: float) -> float:
    """The level of an interval as a float, or an error if it is not between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1, as 0.95; got {level!r}.")
    return float(level)


def checked_draws(draws: int) -> int:
    """The number of bootstrap draws, or an error if they are too few for an interval."""
    if draws < 100:
        raise InputError(f"draws must be at least 100 for an interval; got {draws!r}.")
    return draws
