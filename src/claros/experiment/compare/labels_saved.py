"""How many labels an arm saves in reaching a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Array, Floats
from claros.errors import InputError
from claros.experiment.compare.paired import checked_draws, checked_level, expanded_tail
from claros.experiment.curves import aligned, crossings

__all__ = ["DRAWS", "GAIN", "Savings", "gain_targets", "savings"]

#: The default target is where the control has made this share of its whole gain. Its very end would be a poor target:
#: the curve is flat there, so that noise decides where it is crossed, and an equally good arm misses it half the time.
GAIN = 0.9

#: Bootstrap draws: the bounds move by about a fiftieth of their width between two streams.
DRAWS = 2000


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
    level, draws = checked_level(level), checked_draws(draws)
    grid, arm, control = aligned(curves, control_curves)
    n = len(arm)
    if n < 2:
        raise InputError("Savings need at least 2 paired seeds for an interval; got 1.")
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws) / n
    weights = np.concatenate([np.full((1, n), 1 / n), weights])  # the first row is the data themselves
    arm, control = weights @ arm, weights @ control
    targets = gain_targets(control) if target is None else np.full(draws + 1, float(target))
    reached, control_reached = crossings(grid, arm, targets), crossings(grid, control, targets)
    least, most = _saved(reached, control_reached, float(grid[-1]))
    tail = expanded_tail(n, level)
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


def gain_targets(control: Floats, gain: float = GAIN) -> Floats:
    """Where each of (S, G) curves has made a share of its gain, start to end; infinite where it gained nothing."""
    first, last = control[:, 0], control[:, -1]
    return np.where(last > first, first + gain * (last - first), np.inf)


def _saved(reached: Floats, control_reached: Floats, end: float) -> tuple[Floats, Floats]:
    """The least and the most that may be saved, where an arm that never got there may need anything past the end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        least = 1 - reached / np.minimum(control_reached, end)
        most = 1 - np.minimum(reached, end) / control_reached
    # 0 / 0: both are there without any label, so nothing is saved
    return np.where(np.isnan(least), 0.0, least), np.where(np.isnan(most), 0.0, most)


def _finite(value: np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None
