"""The highest scores, with ties broken by the random generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices
from claros.pick.picked import Picked

__all__ = ["first_of", "highest", "in_order", "ranks", "top_k"]


def top_k(scores: Floats, k: int, rng: np.random.Generator) -> Picked:
    """The k highest of (N,) finite scores, in order; exact ties by one permutation of N drawn from ``rng``.

    O(N + k log k) time. Draws ``rng.permutation(N)`` whatever the scores are, so that what follows in the stream does
    not depend on them.
    """
    order = rng.permutation(scores.shape[0])
    kept = highest(scores, k, lambda positions: order[positions])
    indices = kept[np.lexsort((order[kept], -scores[kept]))].astype(np.int64)
    return Picked(indices, scores[indices])


def highest(scores: Floats, k: int, places: Callable[[Indices], npt.NDArray[Any]]) -> Indices:
    """Positions of the k highest of (N,) scores, in no order; of tied ones those whose ``places`` are lowest. O(N)."""
    n = scores.shape[0]
    if k >= n:
        return np.arange(n)
    threshold = np.partition(scores, n - k)[n - k]
    above = np.flatnonzero(scores > threshold)
    tied = np.flatnonzero(scores == threshold)
    if above.size + tied.size > k:
        tied = tied[np.argpartition(places(tied), k - above.size - 1)[: k - above.size]]
    return np.concatenate([above, tied])


def first_of(positions: Indices, order: Indices) -> int:
    """The one of some tied positions that comes first in a permutation's order."""
    return int(positions[np.argmin(order[positions])])


def in_order(positions: Indices, order: Indices) -> Indices:
    """Positions in the order in which a permutation has them."""
    ordered: Indices = positions[np.argsort(order[positions])]
    return ordered


def ranks(values: npt.NDArray[Any]) -> Indices:
    """Each value's place among them, from 0, of equal ones the first first; the permutation that is left of a part."""
    places = np.empty(len(values), dtype=np.int64)
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places
