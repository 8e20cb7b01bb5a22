"""The highest scores, with ties broken by the random generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices
from claros.pick.picked import Picked

__all__ = ["TIE", "first_highest", "first_of", "highest", "in_order", "place_within", "ranks", "top_k"]

#: Values worked out one by one that differ by less than this share of the highest are tied.
TIE = 1e-10

#: Of so many scores the threshold is first guessed from one in ``EVERY``, where picks are fewer than one in ``FEW``.
MANY, EVERY, FEW = 1 << 16, 16, 64


def top_k(scores: Floats, k: int, rng: np.random.Generator, *, last: bool = False) -> Picked:
    """The k highest of (N,) finite scores, in order; exact ties by one permutation of N drawn from ``rng``.

    O(N + k log k) time. Draws ``rng.permutation(N)`` whatever the scores are, so that what follows in the stream does
    not depend on them. ``last`` says that nothing follows: the picks are the same, and the permutation, which takes
    longer than all else, is drawn only where a tie hangs on it.
    """
    places = _Places(rng, scores.shape[0], at_once=not last)
    kept = highest(scores, k, places)
    ranked = np.argsort(-scores[kept], kind="stable")
    ordered = scores[kept[ranked]]
    if np.any(ordered[1:] == ordered[:-1]):
        ranked = np.lexsort((places(kept), -scores[kept]))
    indices = kept[ranked].astype(np.int64)
    return Picked(indices, scores[indices])


class _Places:
    """Places in one permutation of n, drawn at once or when the first one is asked for."""

    def __init__(self, rng: np.random.Generator, n: int, *, at_once: bool) -> None:
        self._rng, self._n = rng, n
        self._order = rng.permutation(n) if at_once else None

    def __call__(self, positions: Indices) -> Indices:
        if self._order is None:
            self._order = self._rng.permutation(self._n)
        places: Indices = self._order[positions]
        return places


def highest(scores: Floats, k: int, places: Callable[[Indices], npt.NDArray[Any]]) -> Indices:
    """Positions of the k highest of (N,) scores, in no order; of tied ones those whose ``places`` are lowest. O(N)."""
    n = scores.shape[0]
    if k >= n:
        return np.arange(n)
    among = _candidates(scores, k)
    values = scores if among is None else scores[among]
    threshold = np.partition(values, len(values) - k)[len(values) - k]
    above, tied = np.flatnonzero(values > threshold), np.flatnonzero(values == threshold)
    if among is not None:
        above, tied = among[above], among[tied]
    if above.size + tied.size > k:
        tied = tied[np.argpartition(places(tied), k - above.size - 1)[: k - above.size]]
    return np.concatenate([above, tied])


def _candidates(scores: Floats, k: int) -> Indices | None:
    """Positions that have the k highest scores and all that are tied with these among them; None, if all may have.

    All from a guessed threshold on, if they are at least k: twice as many are expected.
    """
    n = scores.shape[0]
    if n < MANY or FEW * k > n:
        return None
    some = scores[::EVERY]
    wanted = len(some) - (2 * k // EVERY + EVERY)
    found = np.flatnonzero(scores >= np.partition(some, wanted)[wanted])
    return found if k <= len(found) < n else None


def first_of(positions: Indices, order: Indices) -> int:
    """The one of some tied positions that comes first in a permutation's order."""
    return int(positions[np.argmin(order[positions])])


def first_highest(values: Floats, order: Indices, *, tie: float = TIE, least: float = 0.0) -> int:
    """Position of the highest of (N,) values; of all within the share ``tie`` of it, the first by ``order``.

    The share is of the highest value's size, or of ``least`` where that is more.
    """
    best = float(np.max(values))
    return first_of(np.flatnonzero(values >= best - tie * max(least, abs(best))), order)


def in_order(positions: Indices, order: Indices) -> Indices:
    """Positions in the order in which a permutation has them."""
    ordered: Indices = positions[np.argsort(order[positions])]
    return ordered


def ranks(values: npt.NDArray[Any]) -> Indices:
    """Each value's place among them, from 0, of equal ones the first first; the permutation that is left of a part."""
    places = np.empty(len(values), dtype=np.int64)
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


def place_within(groups: Indices) -> Indices:
    """How many of the same group, numbered from 0, come before each; (N,)."""
    ranked = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[ranked], np.arange(int(groups.max(initial=-1)) + 1))
    place = np.empty(len(groups), dtype=np.int64)
    place[ranked] = np.arange(len(groups)) - starts[groups[ranked]]
    return place
