"""Graphs over points: an edge between any two within a radius, in compressed rows; never an (N, N) table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Indices, row_blocks
from claros.errors import InputError
from claros.measures.pairs import Within

__all__ = ["MOST_EDGES", "RadiusGraph", "components", "expected_edges", "radius_graph"]

#: Edges that a graph may have, each counted from both its ends: 4 bytes apiece, and as much again while it is made.
MOST_EDGES = 1 << 27

#: How many points are asked for their neighbours to estimate the number of edges.
ASKED = 512

#: How many neighbours are gathered at a time.
GATHERED = 1 << 20


@dataclass(frozen=True, eq=False, repr=False)
class RadiusGraph:
    """Who is within ``radius`` of whom. Symmetric; no point is its own neighbour.

    Attributes:
        radius: Euclidean; what is exactly at it is within.
        starts: (N + 1,) where each point's neighbours start, and where the last one's end.
        neighbours: (2E,) int32 positions, those of each point in ascending order.
    """

    radius: float
    starts: Indices
    neighbours: npt.NDArray[np.int32]

    def __repr__(self) -> str:
        return f"<RadiusGraph of {self.n} points, {len(self.neighbours) // 2} edges within {self.radius:.4g}>"

    @property
    def n(self) -> int:
        """How many points there are."""
        return len(self.starts) - 1

    @property
    def degrees(self) -> Indices:
        """(N,): how many neighbours each has."""
        return np.diff(self.starts)

    def __getitem__(self, rows: Indices) -> RadiusGraph:
        return self.restricted(rows)

    def ball(self, position: int) -> Indices:
        """The point itself and its neighbours."""
        own = self.neighbours[self.starts[position] : self.starts[position + 1]]
        return np.append(own.astype(np.int64), position)

    def reached(self, rows: Indices | None = None) -> Indices:
        """How many of these points (all, if none are given) have each point in their ball; (N,). O(their edges)."""
        if rows is None:
            return np.asarray(self.degrees + 1, dtype=np.int64)
        counts = np.zeros(self.n, dtype=np.int64)
        counts[rows] = 1
        for found in self.gathered(rows):
            counts += np.bincount(found, minlength=self.n)
        return counts

    def gathered(self, nodes: Indices) -> Iterator[npt.NDArray[np.int32]]:
        """The neighbours of several points, one list after the other, in pieces of some million."""
        sizes = self.starts[nodes + 1] - self.starts[nodes]
        piece = np.cumsum(sizes) // GATHERED
        for first in np.unique(piece):
            some = nodes[piece == first]
            yield self.neighbours[_ranges(self.starts[some], sizes[piece == first])]

    def restricted(self, rows: Indices) -> RadiusGraph:
        """The graph of these points alone, numbered in this order: for a pool that shrinks. O(their edges)."""
        place = np.full(self.n, -1, dtype=np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        lists, counts = [np.empty(0, dtype=np.int32)], np.zeros(len(rows), dtype=np.int64)
        each = max(1, GATHERED // max(1, int(self.degrees.max(initial=0))))
        for some in row_blocks(len(rows), 1, each):
            sizes = self.degrees[rows[some]]
            owner = np.repeat(np.arange(some.start, some.stop), sizes)
            found = place[self.neighbours[_ranges(self.starts[rows[some]], sizes)]]
            owner, found = owner[found >= 0], found[found >= 0]
            lists.append(found[np.lexsort((found, owner))])
            counts[some] = np.bincount(owner - some.start, minlength=some.stop - some.start)
        return RadiusGraph(self.radius, _starts(counts), np.concatenate(lists))


def _starts(counts: Indices) -> Indices:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


def _ranges(starts: Indices, sizes: Indices) -> Indices:
    """start, start + 1, ... for each start, so many as its size, in one array."""
    ends = np.cumsum(sizes)
    ranges: Indices = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
    return ranges


def expected_edges(within: Within) -> int:
    """About how many edges the graph will have, from both ends, by the neighbours of some points evenly spread."""
    rows = np.unique(np.linspace(0, within.n - 1, min(within.n, ASKED)).astype(np.int64)) if within.n else np.empty(0)
    return round(int(within.reached(rows.astype(np.int64)).sum()) / max(1, len(rows)) * within.n) - within.n


def radius_graph(points: Array, radius: float, *, most: int = MOST_EDGES) -> RadiusGraph:
    """All pairs of points within a Euclidean radius of each other; (N, D) -> `RadiusGraph`.

    Pairs are those of float64 arithmetic on the differences. Raises `InputError` before the work where a sample shows
    that there would be more than ``most`` edges. O(N²·D / 2) time in blocks of products, memory for the edges.
    """
    within = Within(points, radius)
    edges = expected_edges(within)
    if edges > most:
        raise InputError(
            f"A graph of {within.n} points within {radius:.4g} has about {edges} edges ({4e-9 * edges:.1f} GB), "
            f"more than {most}; take a smaller radius or fewer points."
        )
    return graph_of(within, radius)


def graph_of(within: Within, radius: float) -> RadiusGraph:
    """The graph of these pairs: every tile above the diagonal once, then each edge from its other end."""
    counts = np.zeros(within.n, dtype=np.int64)

    def lists() -> Iterator[npt.NDArray[np.int32]]:
        yield np.empty(0, dtype=np.int32)
        for rows in row_blocks(within.n, 1, within.step):
            owner, found = _above(within, rows)
            counts[rows] = np.bincount(owner, minlength=rows.stop - rows.start)
            yield found

    return RadiusGraph(radius, *_both_ways(np.concatenate([*lists()]), counts))


def _above(within: Within, rows: slice) -> tuple[Indices, npt.NDArray[np.int32]]:
    """The neighbours that come after each of these rows: whose (from 0), and which, sorted by both."""
    owners, lists = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
    for columns, mask in within.tiles(np.arange(rows.start, rows.stop), rows.start):
        if columns.start < rows.stop:
            mask = np.triu(mask, rows.start - columns.start + 1)
        owner, found = np.divmod(np.flatnonzero(mask), mask.shape[1])
        owners.append(owner)
        lists.append((found + columns.start).astype(np.int32))
    owner, found = np.concatenate(owners), np.concatenate(lists)
    ranked = np.argsort(owner, kind="stable")
    return owner[ranked], found[ranked]


def _both_ways(above: npt.NDArray[np.int32], counts: Indices) -> tuple[Indices, npt.NDArray[np.int32]]:
    """Starts and neighbours of the whole graph from the neighbours that come after each point."""
    from scipy.sparse import csr_array

    n = len(counts)
    upper = csr_array((np.ones(len(above), dtype=np.bool_), above, _starts(counts)), shape=(n, n))
    lower = upper.tocsc()  # its columns are the neighbours that come before each point
    below, ends = lower.indices, lower.indptr.astype(np.int64)
    del upper, lower
    starts = _starts(counts + np.diff(ends))
    neighbours = np.empty(2 * len(above), dtype=np.int32)
    for source, own, shift in ((below, np.diff(ends), 0), (above, counts, np.diff(ends))):
        firsts = starts[:-1] + shift
        done = 0
        for rows in _pieces(own):
            size = int(own[rows].sum())
            neighbours[_ranges(firsts[rows], own[rows])] = source[done : done + size]
            done += size
    return starts, neighbours


def _pieces(sizes: Indices) -> Iterator[slice]:
    """Runs of rows that have some million entries together."""
    piece = np.cumsum(sizes) // GATHERED
    edges = np.flatnonzero(np.diff(piece)) + 1
    bounds = [0, *edges.tolist(), len(sizes)]
    yield from (slice(start, stop) for start, stop in pairwise(bounds) if stop > start)


def components(graph: RadiusGraph) -> Indices:
    """(N,): the first point of the connected component that each is in; itself for the first one."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = graph.n
    ones = np.ones(len(graph.neighbours), dtype=np.int8)
    matrix = csr_array((ones, graph.neighbours, graph.starts), shape=(n, n))
    _, names = connected_components(matrix, directed=False)
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)
