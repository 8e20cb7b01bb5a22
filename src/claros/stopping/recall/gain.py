"""The knee of the gain curve: where the search stopped paying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claros.arrays import Indices

__all__ = ["Knee", "knee_of"]


@dataclass(frozen=True)
class Knee:
    """The knee after ``at`` items, ``found`` of them relevant; ``ratio`` of the slopes before and after it."""

    at: int
    found: int
    ratio: float


def knee_of(ranks: Indices, n: int) -> Knee | None:
    """The knee of the gain curve of ``n`` items screened, or None where no point lies above the chord.

    ``ranks`` (r,) are the places of the relevant items, counted from 1, ascending. The gain curve says how many
    relevant items r_i are among the first i; its knee is the point farthest above the chord from the start to
    (n, r), at the first of equals. The ratio of slopes is (r_i / i) / ((1 + r - r_i) / (n - i)): the 1 keeps it finite
    where nothing was found since, and biases it down. O(r).

    >>> knee_of(np.array([1, 2, 3, 9]), 10)  # after 3: distance 3 * 10 - 3 * 4 = 18; (3 / 3) / (2 / 7)
    Knee(at=3, found=3, ratio=3.5)
    """
    found = ranks.size
    # the distance from the chord is largest just after a relevant item; times a constant, in whole numbers
    above = n * np.arange(1, found + 1) - found * ranks
    if not found or above.max() <= 0:
        return None
    best = int(above.argmax())
    at, before = int(ranks[best]), best + 1
    return Knee(at, before, (before / at) * (n - at) / (1 + found - before))
