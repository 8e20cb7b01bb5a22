"""Learning curves: their mean level, where they reach a target, and two arms on one grid of labels.

A learning curve is a pair ``(n_labeled, metric)`` of equal length, labels strictly increasing; the metric is one where
more is better. Curves are read as straight lines between their points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from claros.arrays import Array, Floats
from claros.errors import InputError

__all__ = ["Curve", "aligned", "area", "areas", "crossings", "labels_to_reach", "normalised_area", "shared"]


class Curve(NamedTuple):
    """A learning curve: labels (R,) strictly increasing, and the metric (R,) of the model trained on so many."""

    n_labeled: Array
    metric: Array


def area(n_labeled: Array, metric: Array) -> float:
    """Area under a learning curve over its width, so in the metric's unit: its mean level; (R,), (R,), O(R).

    Trapezoids. A curve of one point has its level.

    >>> area([10, 20, 40], [0.5, 0.7, 0.9])
    0.7333333333333333
    """
    curve = _checked(n_labeled, metric)
    if curve.metric.size == 1:
        return float(curve.metric[0])
    return float(areas(curve.n_labeled, curve.metric[None])[0])


def normalised_area(
    curve: tuple[Array, Array], *, high: float | tuple[Array, Array], low: float | tuple[Array, Array] = 0.0
) -> float:
    """A curve's mean level as a share of the way from a floor to a ceiling: 0 at the floor, 1 at the ceiling.

    Floor and ceiling are levels (chance, the accuracy with all labels) or curves (random, an upper bound), which then
    count with their mean level over the labels that all of them share. Below 0 is worse than the floor. O(R).

    >>> normalised_area(([10, 30], [0.5, 1.0]), high=1.0, low=0.5)
    0.5
    """
    bounds = (low, high)
    curves = [curve, *(bound for bound in bounds if isinstance(bound, tuple))]
    levels = [area(*curve)] if len(curves) == 1 else areas(*shared(curves)).tolist()
    floor, ceiling = (levels.pop(1) if isinstance(bound, tuple) else float(bound) for bound in bounds)
    if not (math.isfinite(floor) and math.isfinite(ceiling) and floor < ceiling):
        raise InputError(f"The ceiling must be above the floor; got a floor of {floor:g} and a ceiling of {ceiling:g}.")
    return float((levels[0] - floor) / (ceiling - floor))


def labels_to_reach(n_labeled: Array, metric: Array, target: float) -> float | None:
    """Labels at which the curve first is at the target, between points by a straight line; None if it never is.

    A curve that starts at or above the target gives its first count of labels: it needs at most that many. O(R).

    >>> labels_to_reach([10, 20, 40], [0.25, 0.5, 1.0], 0.75)
    30.0
    """
    curve = _checked(n_labeled, metric)
    reached = float(crossings(curve.n_labeled, curve.metric[None], np.array([float(target)]))[0])
    return reached if math.isfinite(reached) else None


def aligned(
    curves: Sequence[tuple[Array, Array]], control_curves: Sequence[tuple[Array, Array]]
) -> tuple[Floats, Floats, Floats]:
    """Both arms on one grid of labels (G,) that all curves cover, (S, G) each; O(S · R log R)."""
    if len(curves) != len(control_curves) or not curves:
        raise InputError(f"Arms are compared seed by seed; got {len(curves)} and {len(control_curves)} curves.")
    grid, values = shared([*curves, *control_curves])
    return grid, values[: len(curves)], values[len(curves) :]


def shared(curves: Sequence[tuple[Array, Array]]) -> tuple[Floats, Floats]:
    """Labels (G,) at which some curve has a point and that all curves cover, and the curves there, (S, G)."""
    checked = [_checked(*curve) for curve in curves]
    if not checked:
        raise InputError("At least one curve is needed; got none.")
    start = max(float(curve.n_labeled[0]) for curve in checked)
    end = min(float(curve.n_labeled[-1]) for curve in checked)
    if start >= end:
        raise InputError(f"The curves share no range of labels: one starts at {start:g}, one ends at {end:g}.")
    grid = np.unique(np.concatenate([curve.n_labeled for curve in checked]))
    grid = grid[(grid >= start) & (grid <= end)]
    return grid, np.array([np.interp(grid, *curve) for curve in checked])


def areas(grid: Floats, curves: Floats) -> Floats:
    """Mean level of each of (S, G) curves over the grid, by trapezoids."""
    widths = np.diff(grid)
    return np.asarray((curves[:, 1:] + curves[:, :-1]) @ widths / (2 * widths.sum()))


def crossings(grid: Floats, curves: Floats, targets: Floats) -> Floats:
    """Labels at which each of (S, G) curves first is at its target (S,); infinite where it never is."""
    there = curves >= targets[:, None]
    after = there.argmax(axis=1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(curves))
    low, high = curves[rows, before], curves[rows, after]
    rise = np.where(high > low, high - low, 1.0)
    step = np.where(after > 0, (targets - low) / rise, 0.0)
    return np.where(there.any(axis=1), grid[before] + step * (grid[after] - grid[before]), np.inf)


def _checked(n_labeled: Array, metric: Array) -> Curve:
    x, y = np.asarray(n_labeled, dtype=np.float64), np.asarray(metric, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise InputError(f"A curve needs as many labels as metrics, at least one; got shapes {x.shape} and {y.shape}.")
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        raise InputError("A curve must have finite values; leave out rounds that were not measured.")
    if x[0] < 0 or (np.diff(x) <= 0).any():
        raise InputError("A curve's labels must be counts that strictly increase; sort the rounds, one value each.")
    return Curve(x, y)
