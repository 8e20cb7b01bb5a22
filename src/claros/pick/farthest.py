"""Farthest first: again and again the point that is farthest from all that is labeled or picked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.measures.nearest import Nearest
from claros.pick.picked import Picked
from claros.pick.ranking import first_of

__all__ = ["farthest_first"]


def farthest_first(
    points: Array,
    k: int,
    order: Indices,
    *,
    labeled: Array | None = None,
    known: Floats | None = None,
    taken: Sequence[int] = (),
) -> Picked:
    """Again and again the point that is farthest from its nearest labeled or picked one; its score is that distance.

    (N, D) -> (k,), the picks that float64 arithmetic on the differences would give one by one; exact ties by ``order``,
    a permutation of N. Points already ``taken`` count as picked, and are not picked again. Without these, labeled
    points and ``known`` distances to labeled points (N,), it starts at the point nearest to the mean, whose score is
    the radius of the pool around it.

    A pick can only lower the others' distances. So the race is run among the ~N/64 points that lead, and its winner is
    the winner over all as long as it is beyond what anyone outside had when the race began. Then all picks since are
    taken into account by one blocked matrix product, where one by one would read all N x D numbers for each. Distances
    are in float32 with a bound on their error; what that leaves open is settled in float64.
    O(N·(L + k)·D) time, O(N + L·D + (N/64)·D) memory.
    """
    n, skip = len(order), len(taken)
    cold = labeled is None and known is None and not skip
    wanted = min(n, max(k, 2) if cold else skip + k)
    race = _Race(Nearest(points, labeled, known, wanted), order, wanted)
    race.take(taken)
    if cold and wanted:
        race.start_in_the_middle()
    while len(race.picks) < wanted:
        race.run()
    if cold and wanted:
        race.squares[0] = race.squares[1] if wanted > 1 else 0.0
    chosen = slice(skip, skip + k)
    scores = race.nearest.distance(np.array(race.squares[chosen], dtype=np.float64))
    return Picked(np.array(race.picks[chosen], dtype=np.int64), scores)


class _Race:
    """One run of `farthest_first`: what is picked so far, and how to pick more."""

    def __init__(self, nearest: Nearest, order: Indices, wanted: int) -> None:
        self.nearest, self.order, self.wanted = nearest, order, wanted
        self.free = np.ones(nearest.n, dtype=bool)
        self.picks: list[int] = []
        self.squares: list[float] = []

    def take(self, positions: Sequence[int]) -> None:
        """Count these as picked."""
        for position in positions:
            self._pick(int(position), 0.0)
        if len(positions):
            self.nearest.catch_up(0)

    def start_in_the_middle(self) -> None:
        """Pick the point nearest to the mean."""
        self._pick(first_of(self.nearest.middle(), self.order), 0.0)
        self.nearest.catch_up(0)

    def run(self) -> None:
        """Race among the leaders for as long as the winner is certain; then bring every distance up to date."""
        known, norms, before = self.nearest.rough, self.nearest.vectors.norms, len(self.picks)
        high = np.where(self.free, known + self.nearest.slack(known, norms), -np.inf)
        size = min(len(high), max(1024, len(high) // 64))
        ranked = np.argpartition(high, len(high) - size) if size < len(high) else np.arange(size)
        outside, leaders = ranked[: len(high) - size], ranked[len(high) - size :]
        self._race(leaders, float(np.max(high[outside], initial=-np.inf)))
        if len(self.picks) == before:  # more points are tied for the lead than there are leaders
            low = np.where(self.free, known - self.nearest.slack(known, norms), -np.inf)
            self._settle(np.flatnonzero(high >= np.max(low)))
        if len(self.picks) < self.wanted:
            self.nearest.catch_up(before)

    def _race(self, leaders: Indices, limit: float) -> None:
        """Pick among the leaders while the best is surely above the limit, which no one else can be."""
        vectors = self.nearest.vectors
        few = vectors.gather(leaders)
        squares = np.where(self.free[leaders], self.nearest.rough[leaders], -np.inf)
        while len(self.picks) < self.wanted:
            slack = self.nearest.slack(np.maximum(squares, 0.0), few.norms)
            best = np.max(squares - slack)
            if best <= limit:
                return
            self._settle(leaders[squares + slack >= best])
            place = np.flatnonzero(leaders == self.picks[-1])[0]
            gaps = few.norms + few.norms[place] - 2.0 * (few.parts[0] @ few.parts[0][place])
            squares = np.where(self.free[leaders], np.minimum(squares, np.maximum(gaps, 0.0)), -np.inf)

    def _settle(self, near: Indices) -> None:
        """Pick the farthest of those that may be it, or all that is wanted if they and so all others are at 0."""
        squares = self.nearest.exactly(near)
        farthest = float(squares.max())
        if farthest > 0.0:
            self._pick(first_of(near[squares == farthest], self.order), farthest)
            return
        rest = np.flatnonzero(self.free)
        for position in rest[np.argsort(self.order[rest])][: self.wanted - len(self.picks)]:
            self._pick(int(position), 0.0)

    def _pick(self, position: int, square: float) -> None:
        self.picks.append(position)
        self.squares.append(square)
        self.free[position] = False
        self.nearest.add(position)
