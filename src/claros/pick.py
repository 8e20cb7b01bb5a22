"""From scores or geometry to picks: every strategy ends in one of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.measures.geometry import Few, Vectors
from claros.measures.nearest import Nearest

__all__ = ["Picked", "draw_spread", "farthest_first", "first_of", "top_k"]


class Picked(NamedTuple):
    """Positions in the order picked, each one's score at that moment, and the chance it was drawn with, if it was."""

    indices: Indices
    scores: Floats
    probabilities: Floats | None = None


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


#: How many are proposed at a time, always the same, so that the first picks do not depend on how many are wanted.
PROPOSALS = 64

#: Rejections cost about as much as taking the picks into account when there are N·F divided by so many of them.
PATIENCE = 1 << 13


def draw_spread(
    vectors: Vectors,
    k: int,
    rng: np.random.Generator,
    order: Indices,
    first: int,
    *,
    one_by_one: bool = False,
    weights: Floats | None = None,
) -> Picked:
    """Draw k of N vectors as k-means++ does: each with probability in proportion to its squared distance to the picks.

    Starts at ``first``. A pick's score is its distance to the picks before it (its length, for the first), its
    probability the chance it had in its draw. Where all that is left is a copy of a pick, draws are uniform over the
    rest. ``weights`` (N,) multiply the squared distances.

    ``one_by_one`` brings all distances up to date after every pick and spends one ``rng.random()`` a draw. Otherwise
    vectors are proposed by their distances as of the last update, which are too large, and accepted with probability
    true over proposed. That is the same law from another stream; an update is due only when as much has been spent
    on rejections, and takes all picks since into account in one matrix product.
    O(N·k·F) time, O(N) memory.
    """
    run = _Draws(vectors, k, rng, order, weights)
    run.accept(first, float(vectors.norms[first]))
    while len(run.picks) < k:
        run.update()
        if not run.cumulative[-1] > 0.0:
            run.finish_uniformly(one_by_one)
        elif one_by_one:
            run.draw()
        else:
            run.propose()
    return run.picked()


class _Draws:
    """One run of `draw_spread`: what is picked, and what is known of the distances."""

    def __init__(
        self, vectors: Vectors, k: int, rng: np.random.Generator, order: Indices, weights: Floats | None
    ) -> None:
        self.vectors, self.k, self.rng, self.order, self.weights = vectors, k, rng, order, weights
        self.nearest = np.full(vectors.n, np.inf, dtype=vectors.dtype)
        self.cumulative = np.empty(0)
        self.picks: list[int] = []
        self.squares: list[float] = []
        self.totals: list[float] = []  # of the weights, after each pick that is taken into account
        self.uniform = 0

    def accept(self, position: int, square: float) -> None:
        self.picks.append(position)
        self.squares.append(square)

    def update(self) -> None:
        """Take all picks into account."""
        fresh = np.array(self.picks[len(self.totals) :])
        self.totals.extend(self.vectors.approach_in_turn(self.nearest, self.vectors.gather(fresh), self.weights))
        self.nearest[fresh] = 0.0
        masses = self.nearest if self.weights is None else self.nearest * self.weights
        self.cumulative = np.cumsum(masses, dtype=np.float64)

    def _at(self, shares: Floats) -> Indices:
        """The positions at these shares of the cumulative mass; never one without mass."""
        places = np.searchsorted(self.cumulative, shares * self.cumulative[-1], side="right")
        last = np.searchsorted(self.cumulative, self.cumulative[-1], side="left")
        at: Indices = np.minimum(places, last)
        return at

    def draw(self) -> None:
        """One draw from distances that are up to date."""
        position = int(self._at(np.array([self.rng.random()]))[0])
        self.accept(position, float(self.nearest[position]))

    def propose(self) -> None:
        """Draw by proposals until rejections have cost as much as an update would."""
        vectors = self.vectors
        budget = max(PROPOSALS, vectors.n * sum(table.width for table in vectors.tables) // PATIENCE)
        pending: list[Few] = []
        while len(self.picks) < self.k and budget > 0:
            shares, chances = self.rng.random((2, PROPOSALS))
            proposed = self._at(shares)
            few = vectors.gather(proposed)
            stale = self.nearest[proposed]
            current = stale
            if pending:
                current = np.minimum(current, np.min(vectors.between(few, Few.joined(pending)), axis=1))
            among, accepted = vectors.between(few, few), []
            for place in range(PROPOSALS):
                if chances[place] * stale[place] < current[place]:
                    self.accept(int(proposed[place]), float(current[place]))
                    accepted.append(place)
                    current = np.where(proposed == proposed[place], 0.0, np.minimum(current, among[:, place]))
                    if len(self.picks) == self.k:
                        return
            pending.append(few.some(accepted))
            budget -= PROPOSALS - len(accepted)

    def finish_uniformly(self, one_by_one: bool) -> None:
        """Everything left lies on a pick: draw uniformly from the rest."""
        free = np.ones(self.vectors.n, dtype=bool)
        free[self.picks] = False
        rest = np.flatnonzero(free)
        rest = rest[np.argsort(self.order[rest])]
        while len(self.picks) < self.k:
            place = int(self.rng.random() * len(rest)) if one_by_one else 0
            self.accept(int(rest[place]), 0.0)
            rest = np.delete(rest, place)
            self.uniform += 1

    def picked(self) -> Picked:
        """The picks; the chances of the last ones need the sums of distances that no one has asked for so far."""
        drawn = len(self.picks) - self.uniform
        late = np.array(self.picks[len(self.totals) : drawn - 1], dtype=np.int64)
        self.totals.extend(self.vectors.approach_in_turn(self.nearest, self.vectors.gather(late), self.weights))
        squares = np.array(self.squares)
        indices = np.array(self.picks, dtype=np.int64)
        chances = np.ones(len(indices))
        mass = squares if self.weights is None else squares * self.weights[indices]
        chances[1:drawn] = np.minimum(mass[1:drawn] / np.array(self.totals[: drawn - 1]), 1.0)
        chances[drawn:] = 1.0 / np.arange(self.vectors.n - drawn, self.vectors.n - len(indices), -1)
        return Picked(indices, np.sqrt(squares), chances)
