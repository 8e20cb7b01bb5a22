"""Means over seeds with their interval."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from claros.arrays import Floats

__all__ = ["MIN_SEEDS", "mean_interval"]

#: Fewer seeds give an interval too wide to draw or to print: Student's t is 12.7 for two, 4.3 for three.
MIN_SEEDS = 3


def mean_interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Mean of shares in [0, 1] over the first axis and its Student interval, (S, ...) -> three of (...).

    The bounds are cut off at 0 and 1, and NaN under `MIN_SEEDS` seeds.
    """
    n = values.shape[0]
    mean = np.asarray(values.mean(axis=0))
    if n < MIN_SEEDS:
        nothing = np.full(mean.shape, np.nan)
        return mean, nothing, nothing
    half = stdtrit(n - 1, (1 + level) / 2) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, np.clip(mean - half, 0.0, 1.0), np.clip(mean + half, 0.0, 1.0)
