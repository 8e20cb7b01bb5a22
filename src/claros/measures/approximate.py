"""Most of the k nearest in a fraction of the time, by an index of faiss."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.errors import require
from claros.measures.geometry import centred
from claros.measures.neighbours import Neighbours

__all__ = ["approximate_neighbours"]

#: Links of a point in the index, and how many candidates a search keeps: about 98 of 100 neighbours are found.
LINKS, KEPT = 16, 64


def approximate_neighbours(points: Array, k: int, among: Array | None = None) -> Neighbours:
    """As `claros.measures.neighbours.nearest_neighbours`, but a few of the k nearest may be missed (HNSW, by faiss).

    Farther ones stand in their place; where too few are found at all, positions are -1 at an infinite distance. Needs
    the package faiss. About O((N + M)·log M·D) time, O(M·D) memory.
    """
    faiss: Any = require("faiss", "ann", "a search for approximate neighbours")
    frame, _ = centred(points, np.float32, *([] if among is None else [among]))
    others = points if among is None else among
    index = faiss.IndexHNSWFlat(int(points.shape[1]), LINKS)
    for block in _blocks(others, frame.table(others)):
        index.add(block)
    index.hnsw.efSearch = max(KEPT, 2 * k)
    n, own = int(points.shape[0]), among is None
    k = min(k, int(others.shape[0]) - own)
    squares, indices = np.empty((n, k)), np.empty((n, k), dtype=np.int64)
    start = 0
    for block in _blocks(points, frame.table(points)):
        rows = slice(start, start + len(block))
        gaps, found = index.search(block, k + own)
        if own:
            gaps, found = _others(gaps, found, np.arange(rows.start, rows.stop))
        squares[rows], indices[rows] = np.where(found < 0, np.inf, gaps / frame.scale**2), found
        start = rows.stop
    return Neighbours(squares, indices)


def _blocks(points: Array, table: Any) -> Any:
    """Float32 rows on the host, block by block."""
    for rows in row_blocks(int(points.shape[0]), 4 * int(points.shape[1])):
        yield np.ascontiguousarray(to_numpy(table.rows(rows)), dtype=np.float32)


def _others(gaps: Floats, found: Indices, own: Indices) -> tuple[Floats, Indices]:
    """Without the point itself, or without the last one where it is not among those found."""
    last = np.arange(found.shape[1]) == found.shape[1] - 1
    itself = found == own[:, None]
    drop = np.where(itself.any(axis=1)[:, None], itself, last[None, :])
    shape = (len(found), found.shape[1] - 1)
    return gaps[~drop].reshape(shape), found[~drop].reshape(shape)
