"""Is one strategy better than another, by how much, and how many labels does it save?

Everything is paired by seed: run number i of both arms had the same start and the same data. A learning curve is a
pair ``(n_labeled, metric)``, see `claros.experiment.curves`; two arms are compared on the range of labels that all
their curves share. Nothing is called better or worse on fewer than `LEAST_SEEDS` seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from claros.arrays import Array, Floats
from claros.errors import InputError
from claros.experiment.curves import aligned, area, areas, crossings, labels_to_reach

__all__ = [
    "DRAWS",
    "GAIN",
    "LEAST_SEEDS",
    "Comparison",
    "Difference",
    "Savings",
    "area",
    "compare",
    "labels_to_reach",
    "paired_difference",
    "savings",
    "verdict",
]

#: Paired seeds below which no difference is called: with five, one odd seed decides.
LEAST_SEEDS = 6

#: The default target is where the control has made this share of its whole gain. Its very end would be a poor target:
#: the curve is flat there, so that noise decides where it is crossed, and an equally good arm misses it half the time.
GAIN = 0.9

#: Bootstrap draws: the bounds move by about a fiftieth of their width between two streams.
DRAWS = 2000


@dataclass(frozen=True)
class Difference:
    """Mean paired difference with its Student interval at ``level``, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    level: float
    seeds: int
    p_value: float


@dataclass(frozen=True)
class Savings:
    """Share of the control's labels saved in reaching the target, with its bootstrap interval; negative if it costs.

    ``labels`` and ``control_labels`` are where the arms' mean curves reach the target, None where they never do; then
    ``value`` is None. A bound is None where the curves set none: an arm that may never get there has no lower one.
    ``target`` is None where it was to follow from the control's gain and the control gained nothing.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    seeds: int
    target: float | None
    labels: float | None
    control_labels: float | None


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
    level, n = _level(level), a.size
    differences = a - b
    differences[np.abs(differences) <= 1e-12 * np.maximum(np.abs(a), np.abs(b))] = 0.0
    mean, error = float(differences.mean()), float(differences.std(ddof=1) / math.sqrt(n))
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    if error == 0:
        p_value = 1.0 if mean == 0 else 0.0
    else:
        p_value = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Difference(mean, mean - half, mean + half, level, n, p_value)


def savings(
    curves: Sequence[tuple[Array, Array]],
    control_curves: Sequence[tuple[Array, Array]],
    target: float | None = None,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = DRAWS,
) -> Savings:
    """Share of labels saved against the control: 1 - labels / control's labels, both where the mean curve is at target.

    Mean curves are used because a single seed may never get there while the mean of the seeds does. Without a target it
    is where the control's mean curve has made nine tenths of its gain, start to end, found anew in every draw.

    The interval is a bootstrap over paired seeds with percentiles expanded for few seeds (Hesterberg 2015,
    arXiv:1411.5279). A draw in which an arm does not get there does not say how many labels it needs, only that they
    are more than it was given; the interval then covers all that would fit. O(draws · R · seeds) time.
    """
    level = _level(level)
    if draws < 100:
        raise InputError(f"draws must be at least 100 for an interval; got {draws!r}.")
    grid, arm, control = aligned(curves, control_curves)
    n = len(arm)
    if n < 2:
        raise InputError("Savings need at least 2 paired seeds for an interval; got 1.")
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws) / n
    weights = np.concatenate([np.full((1, n), 1 / n), weights])  # the first row is the data themselves
    arm, control = weights @ arm, weights @ control
    first, last = control[:, 0], control[:, -1]
    if target is None:  # without a gain there is no target, and an infinite one is never reached
        targets = np.where(last > first, first + GAIN * (last - first), np.inf)
    else:
        targets = np.full(draws + 1, float(target))
    reached, control_reached = crossings(grid, arm, targets), crossings(grid, control, targets)
    least, most = _saved(reached, control_reached, float(grid[-1]))
    tail = float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)))
    return Savings(
        _finite(least[0]) if least[0] == most[0] else None,
        _finite(np.quantile(least[1:], tail, method="lower")),
        _finite(np.quantile(most[1:], 1 - tail, method="higher")),
        level,
        n,
        _finite(targets[0]),
        _finite(reached[0]),
        _finite(control_reached[0]),
    )


@dataclass(frozen=True)
class Comparison:
    """An arm against its control: the paired difference of mean levels, and the labels saved if there is one."""

    name: str
    control: str
    metric: str
    seeds: int
    difference: Difference | None
    savings: Savings | None

    @property
    def finding(self) -> str:
        """One of "better", "worse", "not distinguishable", "too few seeds"."""
        if self.difference is None:
            return "too few seeds"
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "not distinguishable"

    def __str__(self) -> str:
        name = self.name[:1].upper() + self.name[1:]
        if self.difference is None:
            return (
                f"{name} against {self.control}: too few seeds ({self.seeds}) to call a difference: "
                f"at least {LEAST_SEEDS} are needed."
            )
        if self.finding == "not distinguishable":
            return f"{name} is not distinguishable from {self.control} ({self.seeds} seeds)."
        about = f"{100 * self.difference.level:g} % interval"
        saved = self.savings
        if saved is not None and saved.value and saved.low and saved.high and saved.target is not None:
            unit = "" if self.metric == "accuracy" else f" {self.metric}"
            return (
                f"{name} reached {100 * saved.target:.1f} %{unit} with {_count(saved.labels)} labels; {self.control} "
                f"needed {_count(saved.control_labels)} (saves {100 * saved.value:.0f} %, {about} "
                f"{100 * saved.low:.0f} to {100 * saved.high:.0f}, {self.seeds} seeds)."
            )
        low, high = sorted((abs(self.difference.low), abs(self.difference.high)))
        return (
            f"{name} is {self.finding} than {self.control} by {100 * abs(self.difference.mean):.1f} points of "
            f"{self.metric} on average over the curve ({about} {100 * low:.1f} to {100 * high:.1f}, "
            f"{self.seeds} seeds)."
        )


def compare(
    name: str,
    control: str,
    curves: Sequence[tuple[Array, Array]],
    control_curves: Sequence[tuple[Array, Array]],
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.95,
    metric: str = "accuracy",
) -> Comparison:
    """Compare an arm with its control, curve i with curve i.

    One test decides: the paired t test on the curves' areas over the labels that all share, so a difference between
    equal arms is called with probability 1 - level. (With several arms, each has that probability.) Savings are
    worked out only where the arm is better.
    """
    grid, arm, base = aligned(curves, control_curves)
    if len(arm) < LEAST_SEEDS:
        return Comparison(name, control, metric, len(arm), None, None)
    difference = paired_difference(areas(grid, arm), areas(grid, base), level)
    saved = None
    if difference.low > 0:
        saved = savings(curves, control_curves, target, rng=rng, level=level)
        if saved.low is not None and saved.low <= 0:
            saved = None  # more over the whole curve, but not surely sooner at the target: say only what is sure
    return Comparison(name, control, metric, len(arm), difference, saved)


def verdict(
    name: str,
    control: str,
    curves: Sequence[tuple[Array, Array]],
    control_curves: Sequence[tuple[Array, Array]],
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.95,
    metric: str = "accuracy",
) -> str:
    """The comparison as one sentence; see `compare`.

    >>> curve = ([20, 40, 60], [0.5, 0.7, 0.8])
    >>> verdict("margin", "random", [curve] * 3, [curve] * 3, rng=np.random.default_rng(0))
    'Margin against random: too few seeds (3) to call a difference: at least 6 are needed.'
    >>> verdict("margin", "random", [curve] * 10, [curve] * 10, rng=np.random.default_rng(0))
    'Margin is not distinguishable from random (10 seeds).'
    """
    return str(compare(name, control, curves, control_curves, rng=rng, target=target, level=level, metric=metric))


def _saved(reached: Floats, control_reached: Floats, end: float) -> tuple[Floats, Floats]:
    """The least and the most that may be saved, where an arm that never got there may need anything past the end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        least = 1 - reached / np.minimum(control_reached, end)
        most = 1 - np.minimum(reached, end) / control_reached
    # 0 / 0: both are there without any label, so nothing is saved
    return np.where(np.isnan(least), 0.0, least), np.where(np.isnan(most), 0.0, most)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1, as 0.95; got {level!r}.")
    return float(level)


def _finite(value: np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None


def _count(value: float | None) -> str:
    return "no" if value is None else f"{value:,.0f}".replace(",", "\u202f")
