"""Near-duplicates by features: items so alike that one question serves for all of them."""

from __future__ import annotations

import math

import numpy as np

from claros.arrays import Array, Indices, row_blocks, take, to_numpy
from claros.data.pool import Pool, derive
from claros.errors import DataError, InputError
from claros.measures.directions import directions
from claros.measures.pairs import Within

__all__ = ["group_near_duplicates", "near_duplicates"]


def near_duplicates(features: Array, threshold: float, *, groups: Indices | None = None) -> Indices:
    """(N,): position of the first item that each is a near-duplicate of; itself if there is none before.

    Two items are near-duplicates if the cosine of their features (N, D) is at least ``threshold``, above 0.5 and at
    most 1; a row of zeros is like zeros only. In the order of the pool, an item that is like no representative so far
    becomes one, and any other goes to the first representative that it is like. So every item is like the one that is
    asked in its place; connected components would join chains whose ends have nothing in common. ``groups`` (N,), exact
    duplicates as `Pool.groups` has them, stay together. O(N·R·D) time for R representatives, in blocks of products;
    O(N·D) memory.
    """
    if not 0.5 < threshold <= 1:
        raise InputError(
            f"threshold, the cosine of near-duplicates, must be above 0.5 and at most 1; got {threshold!r}."
        )
    n = int(features.shape[0])
    exact = np.arange(n) if groups is None else groups
    first = np.flatnonzero(exact == np.arange(n))
    points = directions(features if len(first) == n else take(features, first))
    found = _led(Within(points, math.sqrt(2.0 - 2.0 * threshold)))
    near = np.empty(n, dtype=np.int64)
    near[first] = first[found]
    return near[exact]


def _led(within: Within) -> Indices:
    """The first representative within the radius of each, (N,): itself where there is none before."""
    leader = np.full(within.n, -1, dtype=np.int64)
    for rows in row_blocks(within.n, 1, within.step):
        waiting = np.flatnonzero(leader[rows] < 0) + rows.start
        leaders = _leaders(within, waiting)
        leader[leaders] = leaders
        for columns, mask in within.tiles(leaders, rows.start) if len(leaders) else ():
            followers = mask.any(axis=0) & (leader[columns] < 0)
            leader[columns][followers] = leaders[np.argmax(mask[:, followers], axis=0)]
    return leader


def _leaders(within: Within, waiting: Indices) -> Indices:
    """Which of some items in a row are like none that stands before them and leads."""
    if not len(waiting):
        return waiting
    start, stop = int(waiting[0]), int(waiting[-1]) + 1
    alike = np.empty((len(waiting), stop - start), dtype=bool)
    for columns, mask in within.tiles(waiting, start):
        if columns.start >= stop:
            break
        alike[:, columns.start - start : columns.stop - start] = mask[:, : stop - columns.start]
    follows = np.zeros(stop - start, dtype=bool)
    leads = np.zeros(len(waiting), dtype=bool)
    for place, position in enumerate(waiting - start):
        if not follows[position]:
            leads[place] = True
            follows |= alike[place]
    return waiting[leads]


def group_near_duplicates(pool: Pool, threshold: float, features: Array | None = None) -> Pool:
    """The pool with near-duplicates in one of its `Pool.groups`, so that a campaign asks one question for each group.

    By the cosine of ``features`` (N, D), or of `Pool.fixed_features`; see `near_duplicates`. Groups are kept in memory:
    a pool that is opened again must be grouped again, by the same threshold.
    """
    given = pool.fixed_features if features is None else features
    if given is None:
        raise DataError(
            f"A pool of {pool.kind} has no features to find near-duplicates by; pass features=, shape (N, D)."
        )
    if given.ndim != 2 or int(given.shape[0]) != len(pool):
        raise InputError(f"features must have shape (N, D) with N = {len(pool)}; got {tuple(given.shape)}.")
    if not np.all(np.isfinite(to_numpy(given))):
        raise InputError("features must be finite to find near-duplicates by; some are not.")
    alike = near_duplicates(given, threshold, groups=pool.groups)
    alike.flags.writeable = False
    return derive(pool, alike=alike)
