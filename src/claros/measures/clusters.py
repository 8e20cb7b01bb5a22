"""K-means: the blocks of products that assign points to centres, and the centres that follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import (
    Array,
    Floats,
    Indices,
    Scratch,
    block_bytes,
    device,
    from_numpy,
    namespace,
    row_blocks,
    take,
    to_numpy,
)
from claros.measures.geometry import Frame, Vectors, difference_squares

__all__ = ["Clusters", "lloyd", "nearest_members"]

#: Lloyd's iterations end when one of them lowers the sum of squares by less than this share.
ENOUGH = 1e-6

#: Members whose squared distances to the mean differ by less than this share of the squared norms are tied.
TIE = 1e-12


class Clusters(NamedTuple):
    """Centres (K, D) in the frame of the points, each point's cluster (N,) and its squared distance to its centre."""

    centres: Floats
    members: Indices
    squares: Floats


def lloyd(
    vectors: Vectors, start: Floats, order: Indices, *, weights: Floats | None = None, iterations: int = 100
) -> Clusters:
    """K-means from these centres: assign, average, repeat; (K, D) in the frame of the vectors, which have one table.

    A cluster that runs empty moves to the point farthest from its centre (ties by the permutation ``order``), as long
    as there is one that is not on its centre. Ends when nothing moves, when the (weighted) sum of squares falls by
    less than a millionth, or after ``iterations``. O(N·K·D) time an iteration, O(N + K·D) memory.
    """
    centres = start.astype(np.float64)
    mass = np.ones(vectors.n) if weights is None else weights / np.mean(weights, dtype=np.float64)
    sums, sizes = np.zeros_like(centres), np.zeros(len(centres))
    clusters = Clusters(centres, np.full(vectors.n, -1), np.zeros(vectors.n))
    before = np.inf
    for _ in range(iterations):
        clusters = _assign(vectors, centres, clusters.members, mass, sums, sizes)
        inertia = float(clusters.squares @ mass)
        filled = sizes > 1e-9
        centres = np.where(filled[:, None], sums / np.where(filled, sizes, 1.0)[:, None], centres)
        moved = _move_empty(vectors, centres, clusters.squares, np.flatnonzero(~filled), order)
        if not moved and inertia >= before * (1.0 - ENOUGH):
            break
        before = np.inf if moved else inertia
    return _assign(vectors, centres, clusters.members, mass, sums, sizes)


def _assign(vectors: Vectors, centres: Floats, members: Indices, mass: Floats, sums: Floats, sizes: Floats) -> Clusters:
    """Each point's nearest centre; sums (K, D) and sizes (K,) follow the points that changed sides, in place."""
    table, dtype, k = vectors.tables[0], vectors.dtype, len(centres)
    probe = table.rows(slice(0, 0))
    xp, scratch = namespace(probe), Scratch()
    turned = from_numpy(np.ascontiguousarray(-2.0 * centres.T.astype(dtype)), probe)  # (D, K)
    norms = from_numpy(np.sum(centres**2, axis=1).astype(dtype), probe)
    found, squares = np.empty(vectors.n, dtype=np.int64), np.empty(vectors.n)
    for rows in row_blocks(vectors.n, dtype.itemsize * (table.width + k), block_bytes(probe)):
        block = table.rows(rows)
        out = scratch.block((block.shape[0], k), dtype) if isinstance(block, np.ndarray) else None
        gaps = np.matmul(block, turned, out=out) if out is not None else block @ turned  # (rows, K)
        gaps += norms
        found[rows] = to_numpy(xp.argmin(gaps, axis=1))
        squares[rows] = to_numpy(xp.min(gaps, axis=1)) + vectors.norms[rows]
        changed = np.flatnonzero(found[rows] != members[rows])
        if len(changed):
            old, new, weight = members[rows][changed], found[rows][changed], mass[rows][changed]
            sums += to_numpy(_moves(old, new, weight, k, block) @ take(block, changed)).astype(np.float64)
            sizes += np.bincount(new, weight, k) - np.bincount(old[old >= 0], weight[old >= 0], k)
    return Clusters(centres, found, np.maximum(squares, 0.0))


def _moves(old: Indices, new: Indices, weight: Floats, k: int, like: Array) -> Array:
    """(K, m): each point's weight, taken from its old cluster (-1: none) and given to its new one."""
    xp = namespace(like)
    each = xp.arange(k, device=device(like))[:, None]
    joins = xp.astype(each == from_numpy(new, like)[None, :], like.dtype)
    leaves = xp.astype(each == from_numpy(old, like)[None, :], like.dtype)
    return (joins - leaves) * from_numpy(weight.astype(to_numpy(like[:0]).dtype), like)[None, :]


def _move_empty(vectors: Vectors, centres: Floats, squares: Floats, empty: Indices, order: Indices) -> bool:
    """Put each empty cluster's centre on one of the points farthest from theirs, in place."""
    if not len(empty):
        return False
    farthest = np.lexsort((order, -squares))[: len(empty)]
    farthest = farthest[squares[farthest] > 4.0 * vectors.noise * vectors.norms[farthest]]
    centres[empty[: len(farthest)]] = vectors.gather(farthest).parts[0]
    return len(farthest) > 0


def nearest_members(
    clusters: Clusters,
    points: Array,
    frame: Frame,
    vectors: Vectors,
    order: Indices,
    *,
    weights: Floats | None = None,
) -> tuple[Indices, Indices]:
    """The member nearest to the mean of each cluster that has one: positions and cluster numbers.

    What the rounding of the squares leaves open is settled in float64, from the means of those clusters. Ties are
    broken by ``order``, also those that are exact but for the last digits: both members of a pair are as near to its
    mean, whatever the sum makes of it.
    """
    members, k = clusters.members, len(clusters.centres)
    slack = 4.0 * vectors.noise * (vectors.norms + np.sum(clusters.centres**2, axis=1)[members])
    near = np.flatnonzero(clusters.squares - slack <= _least(clusters.squares + slack, members, k)[members])
    open_ones = np.bincount(members[near], minlength=k) > 1
    means = _means(points, frame, members, open_ones, np.ones(vectors.n) if weights is None else weights)
    origin, squares = to_numpy(frame.origin).astype(np.float64), np.zeros(len(near))
    doubtful = np.flatnonzero(open_ones[members[near]])
    for rows in row_blocks(len(doubtful), 32 * max(1, vectors.tables[0].width)):
        places = near[doubtful[rows]]
        squares[doubtful[rows]] = difference_squares(frame.exactly(points, places) - origin, means[members[places]])
    size = vectors.norms[near].astype(np.float64) + np.sum(clusters.centres**2, axis=1)[members[near]]
    tied = near[squares <= (_least(squares, members[near], k)[members[near]] + TIE * size)]
    ranked = tied[np.lexsort((order[tied], members[tied]))]
    found, first = np.unique(members[ranked], return_index=True)
    return ranked[first], found


def _least(values: Floats, members: Indices, k: int) -> Floats:
    """The least of each cluster's values; (N,) -> (K,)."""
    least = np.full(k, np.inf)
    np.minimum.at(least, members, values)
    return least


def _means(points: Array, frame: Frame, members: Indices, wanted: npt.NDArray[np.bool_], weights: Floats) -> Floats:
    """Means of the wanted clusters in float64, from the frame's origin; (K, D), 0 for the others."""
    origin = to_numpy(frame.origin).astype(np.float64)
    sums, sizes = np.zeros((len(wanted), int(points.shape[1]))), np.zeros(len(wanted))
    places = np.flatnonzero(wanted[members])
    places = places[np.argsort(members[places], kind="stable")]
    for rows in row_blocks(len(places), 16 * max(1, int(points.shape[1]))):
        at, mass = places[rows], weights[places[rows]]
        own, starts = np.unique(members[at], return_index=True)
        moved = frame.exactly(points, at) - origin
        sums[own] += np.add.reduceat(moved * mass[:, None], starts, axis=0)
        sizes[own] += np.add.reduceat(mass, starts)
    means: Floats = sums / np.where(sizes > 0, sizes, 1.0)[:, None]
    return means
