"""The highest scores, with ties broken by the random generator."""

from __future__ import annotations

import numpy as np

from claros.arrays import Floats, Indices
from claros.pick.picked import Picked

__all__ = ["first_of", "top_k"]


def top_k(scores: Floats, k: int, rng: np.random.Generator) -> Picked:
    """The k highest of (N,) finite scores, in order; exact ties by one permutation of N drawn from ``rng``.

    O(N + k log k) time. Draws ``rng.permutation(N)`` whatever the scores are, so that what follows in the stream does
    not depend on them.
    """
    n = scores.shape[0]
    order = rng.permutation(n)
    if k >= n:
        candidates = np.arange(n)
    else:
        threshold = np.partition(scores, n - k)[n - k]
        above = np.flatnonzero(scores > threshold)
        tied = np.flatnonzero(scores == threshold)
        if above.size + tied.size > k:
            tied = tied[np.argpartition(order[tied], k - above.size - 1)[: k - above.size]]
        candidates = np.concatenate([above, tied])
    indices = candidates[np.lexsort((order[candidates], -scores[candidates]))].astype(np.int64)
    return Picked(indices, scores[indices])


def first_of(positions: Indices, order: Indices) -> int:
    """The one of some tied positions that comes first in a permutation's order."""
    return int(positions[np.argmin(order[positions])])
