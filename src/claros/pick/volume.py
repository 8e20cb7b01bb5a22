"""The largest volume, greedily: again and again the point that sticks out most from the span of those picked."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, block_bytes, from_numpy, namespace, row_blocks, take, to_numpy
from claros.pick.picked import Picked
from claros.pick.ranking import first_of, in_order

__all__ = ["largest_volume"]

#: Squared heights that differ by less than this share are tied, and those below this share of a point's are 0.
TIE, NOTHING = 1e-9, 1e-12


def largest_volume(points: Array, k: int, order: Indices, *, quality: Floats | None = None) -> Picked:
    """Greedy maximum of det of qᵢ qⱼ cos(xᵢ, xⱼ) over k points; a pick's score is the factor by which it multiplies it.

    (N, D) -> (k,). The factor is qᵢ² times the squared height of xᵢ, scaled to length 1, over the span of the picks: as
    by the incremental Cholesky factor of Chen, Zhang & Zhou (2018), but along at most D directions, so that nothing of
    N x k is kept. Where no factor is left (after D picks at the latest, and where all the rest are copies) it begins
    again with what is not picked. Points of no length or quality come last. Ties by the permutation ``order``. In
    float64. O(N·k·D) time, O(N + min(k, D)·D) memory.
    """
    n, width = (int(size) for size in points.shape)
    lengths = _lengths(points)
    whole = np.where(lengths > 0.0, 1.0 if quality is None else quality**2, 0.0)
    free, basis, used = np.ones(n, dtype=bool), np.zeros((min(k, width), width)), 0
    volume = whole.copy()
    picks, scores = np.empty(k, dtype=np.int64), np.zeros(k)
    for place in range(k):
        if used == width or not np.max(volume) > 0.0:
            volume, used = whole * free, 0
        largest = float(np.max(volume))
        if not largest > 0.0:
            rest = np.flatnonzero(free)
            picks[place:] = in_order(rest, order)[: k - place]
            break
        pick = first_of(np.flatnonzero(volume >= largest * (1.0 - TIE)), order)
        picks[place], scores[place], free[pick] = pick, volume[pick], False
        height = to_numpy(take(points, np.array([pick])))[0].astype(np.float64) / lengths[pick]
        for _ in range(2):  # the second time takes away what the first left by rounding
            height -= basis[:used].T @ (basis[:used] @ height)
        basis[used] = height / np.linalg.norm(height)
        volume -= whole * _along(points, basis[used], lengths) ** 2
        volume *= (volume > NOTHING * whole) & free
        used += 1
    return Picked(picks, scores)


def _lengths(points: Array) -> Floats:
    """Euclidean length of every row, squared in float64; (N, D) -> (N,)."""
    xp, out = namespace(points), np.empty(int(points.shape[0]))
    for rows in row_blocks(len(out), 8 * max(1, int(points.shape[1])), block_bytes(points)):
        wide = xp.astype(points[rows], xp.float64)
        out[rows] = np.sqrt(to_numpy(xp.vecdot(wide, wide)))
    return out


def _along(points: Array, direction: Floats, lengths: Floats) -> Floats:
    """Cosine of every row with a direction of length 1, 0 for zero rows; (N, D), (D,) -> (N,)."""
    xp, out = namespace(points), np.empty(len(lengths))
    there = from_numpy(direction, points)
    for rows in row_blocks(len(out), 8 * max(1, len(direction)), block_bytes(points)):
        out[rows] = to_numpy(xp.astype(points[rows], xp.float64) @ there)
    return np.divide(out, lengths, out=np.zeros(len(out)), where=lengths > 0.0)
