"""Draws in proportion to the squared distance to what is picked, as k-means++ draws its centres."""

from __future__ import annotations

import numpy as np

from claros.arrays import Floats, Indices
from claros.measures.geometry import Few, Vectors
from claros.pick.picked import Picked

__all__ = ["draw_spread"]

#: How many are proposed at a time, always the same, so that the first picks do not depend on how many are wanted.
PROPOSALS = 64

#: Rejections cost about as much as taking the picks into account when there are N·F divided by so many of them.
PATIENCE = 1 << 13


def draw_spread(
    vectors: Vectors,
    k: int,
    rng: np.random.Generator,
    order: Indices,
    first: int | None,
    *,
    one_by_one: bool = False,
    weights: Floats | None = None,
    nearest: Floats | None = None,
) -> Picked:
    """Draw k of N vectors as k-means++ does: each with probability in proportion to its squared distance to the picks.

    Starts at ``first``. A pick's score is its distance to the picks before it (its length, for the first), its
    probability the chance it had in its draw. Where all that is left is a copy of a pick, draws are uniform over the
    rest. ``weights`` (N,) multiply the squared distances. ``nearest`` (N,) are squared distances to what counts as
    picked from the start; then ``first`` is None, and the first pick is drawn too.

    ``one_by_one`` brings all distances up to date after every pick and spends one ``rng.random()`` a draw. Otherwise
    vectors are proposed by their distances as of the last update, which are too large, and accepted with probability
    true over proposed. That is the same law from another stream; an update is due only when as much has been spent
    on rejections, and takes all picks since into account in one matrix product.
    O(N·k·F) time, O(N) memory.
    """
    run = _Draws(vectors, k, rng, order, weights, nearest)
    if first is not None:
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
        self,
        vectors: Vectors,
        k: int,
        rng: np.random.Generator,
        order: Indices,
        weights: Floats | None,
        nearest: Floats | None,
    ) -> None:
        self.vectors, self.k, self.rng, self.order, self.weights = vectors, k, rng, order, weights
        self.nearest = np.full(vectors.n, np.inf, dtype=vectors.dtype)
        self.before: list[float] = []  # the total of the weights before any pick, if that is known
        if nearest is not None:
            self.nearest[:] = nearest
            self.before = [float(np.sum(nearest if weights is None else nearest * weights, dtype=np.float64))]
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
        fresh = np.array(self.picks[len(self.totals) :], dtype=np.int64)
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
        drawn, given = len(self.picks) - self.uniform, 1 - len(self.before)
        late = np.array(self.picks[len(self.totals) : max(0, drawn - 1)], dtype=np.int64)
        self.totals.extend(self.vectors.approach_in_turn(self.nearest, self.vectors.gather(late), self.weights))
        squares = np.array(self.squares)
        indices = np.array(self.picks, dtype=np.int64)
        chances = np.ones(len(indices))
        mass = squares if self.weights is None else squares * self.weights[indices]
        totals = np.array([*self.before, *self.totals][: max(0, drawn - given)])
        chances[given:drawn] = np.minimum(mass[given:drawn] / totals, 1.0)
        chances[drawn:] = 1.0 / np.arange(self.vectors.n - drawn, self.vectors.n - len(indices), -1)
        return Picked(indices, np.sqrt(squares), chances)
