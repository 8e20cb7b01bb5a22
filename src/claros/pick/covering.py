"""Greedy covering: again and again the point whose ball holds most that no ball of the picks holds yet."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from claros.arrays import Indices
from claros.measures.pairs import Mask
from claros.pick.picked import Picked

__all__ = ["Balls", "cover"]


class Balls(Protocol):
    """A ball round each of N points: stored as a `RadiusGraph`, or worked out by `Within` each time."""

    @property
    def n(self) -> int:
        """How many points there are."""

    def ball(self, position: int) -> Indices:
        """What a point's ball holds, itself included."""

    def reached(self, rows: Indices | None = None) -> Indices:
        """How many of these balls (all, if none are given) hold each point; (N,)."""


def cover(balls: Balls, k: int, order: Indices, covered: Mask | None = None) -> Picked:
    """Again and again the point whose ball holds most points that are not ``covered`` yet; its score is how many.

    At most k, and fewer where all is covered before: a point that adds nothing is not picked. Ties by ``order``, a
    permutation of N. Symmetric balls: when a point becomes covered, everything whose ball holds it, which is all in
    its own ball, counts one less. So each edge is looked at once, whatever k is. O(edges + k·N) time, O(N) memory.
    """
    n = balls.n
    covered = np.zeros(n, dtype=bool) if covered is None else covered.copy()
    gain = balls.reached(np.flatnonzero(~covered) if covered.any() else None)
    # One number says both how much a point would cover and where it stands among its ties.
    rank = gain * (n + 1) + (n - order)
    picks: list[int] = []
    scores: list[int] = []
    while len(picks) < min(k, n):
        best = int(np.argmax(rank))
        if rank[best] <= n:
            break
        picks.append(best)
        scores.append(int(rank[best]) // (n + 1))
        ball = balls.ball(best)
        fresh = ball[~covered[ball]]
        covered[fresh] = True
        rank -= balls.reached(fresh) * (n + 1)
    return Picked(np.array(picks, dtype=np.int64), np.array(scores, dtype=np.float64))
