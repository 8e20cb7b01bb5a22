"""K-means: the blocks of products that assign points to centres, and the centres that follow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
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
from claros.measures.geometry import Frame, Table, Vectors, difference_squares

__all__ = ["Clusters", "closest", "lloyd", "nearest_members", "start_centres"]

#: Lloyd's iterations end when one of them lowers the sum of squares by less than this share: on all the points, and on
#: a sample of them, where the last digits are those of the sample.
ENOUGH, ENOUGH_OF_A_SAMPLE = 1e-6, 1e-3

#: Points per centre among which starts are sought, if so many bytes a core's cache can hold; but never fewer than this.
START, START_BYTES, LEAST_START = 32, 1 << 24, 8

#: Members whose squared distances to the mean differ by less than this share of the squared norms are tied.
TIE = 1e-12


class Clusters(NamedTuple):
    """Centres (K, D) in the frame of the points, each point's cluster (N,) and its squared distance to its centre."""

    centres: Floats
    members: Indices
    squares: Floats


def start_centres(
    vectors: Vectors, k: int, rng: np.random.Generator, order: Indices, *, weights: Floats | None = None
) -> Floats:
    """Centres to begin k-means from, (K, D) in the frame of the vectors, which have one table.

    Greedy k-means++: for each centre a few points are drawn with probability in proportion to their (weighted) squared
    distance from the centres so far, and the one that lowers the sum of squares most is taken. Only a sample of the
    points takes part, 8 to 32 for each centre. O(K²·D·log K) time, O(K·D) memory.
    """
    table, trials = vectors.tables[0], 2 + int(np.log(max(1, k)))
    room = START_BYTES // (vectors.dtype.itemsize * max(1, table.width))
    several = max(LEAST_START * k, min(START * k, room))
    places, mass = _sampled(weights, order, min(vectors.n, several))
    rows, norms = table.rows(places), vectors.norms[places]
    nearest = np.full(len(places), np.inf)
    first = int(np.searchsorted(np.cumsum(mass), rng.random() * np.sum(mass), side="right"))
    chosen = [min(first, len(places) - 1)]
    for _ in range(k - 1):
        nearest = np.minimum(nearest, _gaps(rows, norms, np.array(chosen[-1:]), vectors.noise)[:, 0])
        nearest[chosen[-1]] = 0.0
        cumulative = np.cumsum(nearest * mass)
        if not cumulative[-1] > 0.0:  # everything lies on a centre
            free = np.setdiff1d(np.arange(len(places)), chosen)
            chosen.extend(free[np.argsort(order[places[free]])][: k - len(chosen)].tolist())
            break
        last = int(np.searchsorted(cumulative, cumulative[-1], side="left"))
        drawn = np.minimum(np.searchsorted(cumulative, rng.random(trials) * cumulative[-1], side="right"), last)
        left = mass @ np.minimum(_gaps(rows, norms, drawn, vectors.noise), nearest[:, None])
        chosen.append(int(drawn[np.argmin(left)]))
    return to_numpy(take(rows, np.array(chosen))).astype(np.float64)


def _gaps(rows: Array, norms: Floats, which: Indices, noise: float) -> Floats:
    """Squared distances of all rows to some of them, (m, t), 0 where they are below the rounding."""
    inner = to_numpy(rows @ namespace(rows).matrix_transpose(take(rows, which)))
    sums = norms[:, None] + norms[which][None, :]
    gaps: Floats = sums - 2.0 * inner
    gaps *= gaps > noise * sums
    return gaps


def _sampled(weights: Floats | None, order: Indices, m: int) -> tuple[Indices, Floats]:
    """m positions and their masses, by which sums over the sample are unbiased for (weighted) sums over all.

    Without weights the first of a random order. With weights, priority sampling (Duffield, Lund & Thorup 2007): heavy
    points are in for sure and with their own weight, light ones in proportion to it and with the threshold's.
    """
    n = len(order)
    if m >= n:
        return np.arange(n), np.ones(n) if weights is None else weights.astype(np.float64)
    if weights is None:
        return np.flatnonzero(order < m), np.ones(m)
    priority = weights.astype(np.float64) * n / (order + 0.5)
    ranked = np.lexsort((order, -priority))
    places = np.sort(ranked[:m])
    return places, np.maximum(weights[places], priority[ranked[m]])


def lloyd(
    vectors: Vectors,
    start: Floats,
    order: Indices,
    *,
    weights: Floats | None = None,
    iterations: int = 100,
    sample: int = 256,
) -> Clusters:
    """K-means from these centres: assign, average, repeat; (K, D) in the frame of the vectors, which have one table.

    A cluster that runs empty moves to the point farthest from its centre (ties by the permutation ``order``), as long
    as there is one that is not on its centre. Ends when nothing moves, when the (weighted) sum of squares falls by
    less than a millionth, or after ``iterations``.

    Where there are more than ``sample`` points a centre, centres are first found on a sample of a quarter as many,
    then of so many, each until the sum of squares falls by less than a thousandth; all the points then move them once.
    O(min(N, sample·K)·K·D) time an iteration, O(N·K·D) at the end; O(N + sample·K·D) memory.
    """
    centres: Floats = start.astype(np.float64)
    if vectors.n > sample * len(centres):
        for several in (max(1, sample // 4), sample):
            places, mass = _sampled(weights, order, several * len(centres))
            rows = vectors.tables[0].rows(places)
            part = Vectors(len(places), Table(partial(take, rows), vectors.tables[0].width))
            centres = _iterate(part, centres, order[places], mass, iterations, ENOUGH_OF_A_SAMPLE).centres
        iterations = 1
    mass = np.ones(vectors.n) if weights is None else weights
    return _iterate(vectors, centres, order, mass, iterations, ENOUGH)


def _iterate(
    vectors: Vectors, centres: Floats, order: Indices, weights: Floats, iterations: int, enough: float
) -> Clusters:
    mass = weights / np.mean(weights, dtype=np.float64)
    sums, sizes = np.zeros_like(centres), np.zeros(len(centres))
    clusters = Clusters(centres, np.full(vectors.n, -1), np.zeros(vectors.n))
    before = np.inf
    for _ in range(iterations):
        clusters = _assign(vectors, centres, clusters.members, mass, sums, sizes)
        inertia = float(clusters.squares @ mass)
        filled = sizes > 1e-9
        centres = np.where(filled[:, None], sums / np.where(filled, sizes, 1.0)[:, None], centres)
        moved = _move_empty(vectors, centres, clusters.squares * (mass > 0.0), np.flatnonzero(~filled), order)
        if not moved and inertia >= before * (1.0 - enough):
            break
        before = np.inf if moved else inertia
    return _assign(vectors, centres, clusters.members, mass, sums, sizes)


def closest(vectors: Vectors, centres: Floats, tie: float = 0.0) -> Clusters:
    """Each point's nearest centre, of (K, D) in the frame of the vectors; the first of those within a share ``tie``.

    O(N·K·D) time, O(N + K·D) memory.
    """
    found, squares = np.empty(vectors.n, dtype=np.int64), np.empty(vectors.n)
    for rows, _, members, gaps in _nearest_of_blocks(vectors, centres, tie):
        found[rows], squares[rows] = members, gaps
    squares *= squares > 4.0 * vectors.noise * vectors.norms
    return Clusters(centres, found, squares)


def _nearest_of_blocks(
    vectors: Vectors, centres: Floats, tie: float = 0.0
) -> Iterator[tuple[slice, Array, Indices, Floats]]:
    """Blocks of rows, with each one's nearest centre and squared distance to it."""
    table, dtype, k = vectors.tables[0], vectors.dtype, len(centres)
    probe = table.rows(slice(0, 0))
    xp, scratch = namespace(probe), Scratch()
    turned = from_numpy(np.ascontiguousarray(-2.0 * centres.T.astype(dtype)), probe)  # (D, K)
    norms = from_numpy(np.sum(centres**2, axis=1).astype(dtype), probe)
    for rows in row_blocks(vectors.n, dtype.itemsize * (table.width + k), block_bytes(probe)):
        block = table.rows(rows)
        out = scratch.block((block.shape[0], k), dtype) if isinstance(block, np.ndarray) else None
        gaps = np.matmul(block, turned, out=out) if out is not None else block @ turned  # (rows, K)
        gaps += norms
        found = to_numpy(xp.argmin(gaps, axis=1))
        least = gaps[np.arange(len(gaps)), found] if out is not None else to_numpy(xp.min(gaps, axis=1))
        squares = np.maximum(least + vectors.norms[rows], 0.0)
        if tie:
            slack = from_numpy((least + tie * squares + vectors.noise * vectors.norms[rows]).astype(dtype), gaps)
            found = to_numpy(xp.argmax(xp.astype(gaps <= slack[:, None], xp.uint8), axis=1))
        yield rows, block, found, squares


def _assign(vectors: Vectors, centres: Floats, members: Indices, mass: Floats, sums: Floats, sizes: Floats) -> Clusters:
    """Each point's nearest centre; sums (K, D) and sizes (K,) follow the points that changed sides, in place."""
    k, found, squares = len(centres), np.empty(vectors.n, dtype=np.int64), np.empty(vectors.n)
    for rows, block, nearest, gaps in _nearest_of_blocks(vectors, centres):
        found[rows], squares[rows] = nearest, gaps
        changed = np.flatnonzero(nearest != members[rows])
        if len(changed):
            old, new, weight = members[rows][changed], nearest[changed], mass[rows][changed]
            sums += to_numpy(_moves(old, new, weight, k, block) @ take(block, changed)).astype(np.float64)
            sizes += np.bincount(new, weight, k) - np.bincount(old[old >= 0], weight[old >= 0], k)
    return Clusters(centres, found, squares)


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
