"""The farthest point of the heaviest cluster, again and again."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, namespace, to_numpy
from claros.measures.clusters import closest
from claros.measures.geometry import centred
from claros.pick.picked import Picked
from claros.pick.ranking import first_of, in_order

__all__ = ["heaviest_first"]

#: Weights and squared distances that differ by less than this share are tied.
TIE = 1e-9


def heaviest_first(points: Array, k: int, order: Indices, *, labeled: Array | None = None) -> Picked:
    """Each point belongs to its nearest labeled or picked one; pick the farthest of the cluster with most to lose.

    (N, D) -> (k,). A cluster's weight is the sum of its members' squared distances; a pick's score is its distance to
    the centre it belonged to. Without labeled points it starts at the point farthest from the mean. Ties, also between
    clusters, by the permutation ``order``. In float64. O(N·(L + k)·D) time, O(N + (L + k)·D) memory.
    """
    others = [] if labeled is None else [labeled]
    frame, vectors = centred(points, namespace(points).float64, *others)
    free, picks, scores = np.ones(vectors.n, dtype=bool), np.empty(k, dtype=np.int64), np.zeros(k)
    squares: Floats = vectors.norms.astype(np.float64)
    owner = np.zeros(vectors.n, dtype=np.int64)
    if labeled is not None:
        rows = to_numpy(frame.table(labeled).rows(np.arange(int(labeled.shape[0]))))
        _, owner, squares = closest(vectors, rows, TIE)
    for place in range(k):
        near = _farthest_of_heaviest(squares, owner)
        if not len(near):
            rest = np.flatnonzero(free)
            picks[place:] = in_order(rest, order)[: k - place]
            break
        pick = first_of(near, order)
        picks[place], scores[place], free[pick] = pick, np.sqrt(squares[pick]) / frame.scale, False
        if not place and labeled is None:
            squares = np.full(vectors.n, np.inf)
        before = squares.copy()
        vectors.approach(squares, vectors.gather(np.array([pick])))
        # a tie, which rounding may tilt, leaves a point where it is
        owner[squares < before * (1.0 - TIE) - vectors.noise * vectors.norms] = int(owner.max()) + 1
        squares *= squares > 4.0 * vectors.noise * vectors.norms
        squares[pick] = 0.0
    return Picked(picks, scores)


def _farthest_of_heaviest(squares: Floats, owner: Indices) -> Indices:
    """The points that tie for the farthest of the heaviest cluster, or of those tied for it; none if all are at 0."""
    weights = np.bincount(owner, squares)
    heaviest = float(np.max(weights))
    if not heaviest > 0.0:
        return np.empty(0, dtype=np.int64)
    members = np.flatnonzero((weights >= heaviest * (1.0 - TIE))[owner])
    farthest = np.zeros(len(weights))
    np.maximum.at(farthest, owner[members], squares[members])
    return members[squares[members] >= farthest[owner[members]] * (1.0 - TIE)]
