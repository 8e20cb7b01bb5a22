"""Greedy maximisation of a sum whose gains only fall, working out few of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claros.arrays import Floats, Indices
from claros.pick.picked import Picked
from claros.pick.ranking import TIE, first_highest

__all__ = ["lazy_greedy"]

#: How many gains are worked out at a time: at first, and at most.
FEWEST, MOST = 8, 512


def lazy_greedy(
    k: int,
    bounds: Floats,
    gains: Callable[[Indices], Floats],
    add: Callable[[int], None],
    order: Indices,
    *,
    least: float = -np.inf,
) -> Picked:
    """Pick k of N, each with the largest gain at that moment; the picks of plain greedy, ties by ``order``.

    ``bounds`` (N,) are the first gains, or upper bounds on them; ``gains(which)`` works out those of a few candidates
    now, ``add(pick)`` changes what is to be gained. Since gains only fall, one from before bounds the one of now
    (Minoux 1978): only candidates whose bound is not below the best gain are worked out again. It ends before the k-th
    pick when no gain is above ``least``; a candidate whose bound is -inf is never picked.
    """
    bounds = bounds.astype(np.float64, copy=True)
    free, picks, scores = bounds > -np.inf, np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        exact, step = np.zeros(len(bounds), dtype=bool), FEWEST
        while True:
            known = free & exact
            best = float(np.max(bounds[known], initial=-np.inf))
            waiting = np.flatnonzero(free & ~exact & (bounds >= best - TIE * abs(best)))
            if not len(waiting):
                break
            if len(waiting) > step:
                waiting = waiting[np.argpartition(-bounds[waiting], step - 1)[:step]]
            bounds[waiting] = gains(waiting)
            exact[waiting] = True
            step = min(2 * step, MOST)
        if not best > least:
            return Picked(picks[:turn], scores[:turn])
        picks[turn] = first_highest(np.where(known, bounds, -np.inf), order)
        scores[turn] = bounds[picks[turn]]
        free[picks[turn]] = False
        add(int(picks[turn]))
    return Picked(picks, scores)
