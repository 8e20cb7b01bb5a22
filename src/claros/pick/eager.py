"""Greedy maximisation where every gain is worked out for every pick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claros.arrays import Floats, Indices
from claros.pick.picked import Picked
from claros.pick.ranking import TIE, first_highest

__all__ = ["eager_greedy"]


def eager_greedy(
    k: int, gains: Callable[[int], Floats], add: Callable[[int], None], order: Indices, *, tie: float = TIE
) -> Picked:
    """Pick k of N, each with the highest gain at that moment, which is its score; ties by ``order``.

    ``gains(turn)`` works out those of all N, ``add(pick)`` changes what is to be gained. Where gains only fall,
    `lazy_greedy` picks the same and works out few of them.
    """
    free, picks, scores = np.ones(len(order), dtype=bool), np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        now = np.where(free, gains(turn), -np.inf)
        pick = first_highest(now, order, tie=tie)
        picks[turn], scores[turn], free[pick] = pick, now[pick], False
        add(pick)
    return Picked(picks, scores)
