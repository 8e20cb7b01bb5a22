"""Which items a score can still be high for, told by a glance that costs less than the score."""

from __future__ import annotations

import math

import numpy as np

from claros.arrays import Array, map_rows, namespace
from claros.inputs import SUM_TOLERANCE

__all__ = ["entropy_reaches"]

#: By how much an entropy in float32 may differ from that of the same row in float64.
ROUNDING = 1e-4
#: Bisections until the largest share is known; scipy's root finder would take more memory than the scores.
HALVINGS = 50


def entropy_reaches(least: float, *, probs: Array) -> Array:
    """False where the sum of squares, which takes no logarithm, tells that the entropy is below ``least``; (N,) bool.

    Of all distributions with the same sum of squares, one large share and all others equal has the largest entropy
    (Harremoës & Topsøe 2001). Rows are to sum to 1 within `claros.inputs.SUM_TOLERANCE`. O(N·C) time.
    """
    xp, classes = namespace(probs), int(probs.shape[1])
    limit = _most_squares(least, classes) * (1.0 + (classes + 2.0) * float(xp.finfo(probs.dtype).eps))
    ones = xp.ones_like(probs[0])
    return map_rows(lambda block: (block * block) @ ones, probs, 2 * probs.dtype.itemsize * classes) <= limit


def _most_squares(least: float, classes: int) -> float:
    """The largest sum of squares with which a row can have so much entropy."""
    sums = np.array([1.0 - SUM_TOLERANCE, 1.0 + SUM_TOLERANCE])
    needed = float(np.min(least / sums + np.log(sums))) - ROUNDING  # of the row over its sum
    if needed <= 0.0 or classes == 1:
        return math.inf
    if needed >= math.log(classes):
        return float(sums[1] ** 2) / classes
    low, large = 1.0 / classes, 1.0
    for _ in range(HALVINGS):
        middle = (low + large) / 2
        low, large = (middle, large) if _entropy(middle, classes) > needed else (low, middle)
    return float(sums[1] ** 2 * (large**2 + (1.0 - large) ** 2 / (classes - 1)))


def _entropy(share: float, classes: int) -> float:
    """Of one class with this share, and all others alike."""
    rest = 1.0 - share
    return sum(-part * math.log(part) for part in (share, rest) if part > 0.0) + rest * math.log(classes - 1)
