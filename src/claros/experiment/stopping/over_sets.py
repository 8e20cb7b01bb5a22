"""Means over data sets, a set counting once, with intervals by drawing sets anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from claros.arrays import Floats
from claros.experiment.stopping.leave_one_out import by_set
from claros.rng import stream

__all__ = ["DRAWS", "LEVEL", "Mean", "drawn", "interval", "mean_over_sets", "units"]

#: Bootstrap draws, and the level of the intervals.
DRAWS, LEVEL = 2000, 0.95


class Mean(NamedTuple):
    """A mean over ``n`` units with its bootstrap interval; without one where there is a single unit."""

    value: float
    low: float | None
    high: float | None
    n: int


def units(values: Floats, sets: Sequence[str]) -> Floats:
    """What is drawn anew: the means of the data sets, or the runs where all are of one set; (U, ...) -> (D, ...)."""
    means = by_set(values, sets)[1]
    return means if len(means) > 1 else values


def drawn(means: Floats) -> Floats:
    """The mean over units in each bootstrap draw, paired over all columns; (D, ...) -> (B, ...)."""
    places = stream(0, "stopping: sets drawn anew").integers(len(means), size=(DRAWS, len(means)))
    shares = np.apply_along_axis(np.bincount, 1, places, minlength=len(means)) / len(means)  # (B, D)
    return np.tensordot(shares, means, axes=1)


def mean_over_sets(values: Floats, sets: Sequence[str]) -> Mean:
    """The mean over data sets of the means of their runs, (U,), with its interval by drawing sets anew.

    Where all runs are of one data set, runs are drawn anew.
    """
    means = units(np.asarray(values, dtype=np.float64), sets)
    low, high = interval(drawn(means)) if len(means) > 1 else (None, None)
    return Mean(float(means.mean()), low, high, len(means))


def interval(draws: Floats) -> tuple[float, float]:
    """The middle `LEVEL` of draws (B,)."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
