"""What a p-value is worth when it is one of many."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats
from claros.errors import InputError

__all__ = ["holm"]


def holm(p_values: Array) -> Floats:
    """P-values adjusted by Holm's method, in [0, 1] and of the shape given; NaN is no comparison and stays NaN.

    Calling what is below 1 - level calls anything falsely with at most that probability, however the tests depend on
    each other: Holm 1979. Written out rather than left to statsmodels, whose function collects garbage at each call
    (some 40 ms) and which an installation without reports does not have; the tests compare the two. O(M log M).

    >>> holm([0.01, 0.04, 0.03]).round(9).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    made = ~np.isnan(raw)
    if not ((raw[made] >= 0) & (raw[made] <= 1)).all():
        raise InputError(f"p-values must be between 0 and 1; got {raw[made].min():g} to {raw[made].max():g}.")
    ascending = np.argsort(raw[made], kind="stable")
    stepped = np.maximum.accumulate(raw[made][ascending] * np.arange(ascending.size, 0, -1))
    adjusted = raw.copy()
    adjusted[made] = np.minimum(stepped, 1.0)[np.argsort(ascending)]
    return adjusted
