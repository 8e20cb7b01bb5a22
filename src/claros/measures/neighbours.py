"""The k nearest of many points: tiles of products, and only what may still be among the nearest is kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices, Scratch, fast_dtype, from_numpy, namespace, row_blocks, to_numpy
from claros.measures.geometry import Vectors, centred, difference_squares
from claros.measures.pairs import STEP_BYTES, Side, tile_shape

__all__ = ["Neighbours", "nearest_neighbours"]

#: How many more than k are kept for each point, to settle in float64 which of those at the k-th place are nearest.
SPARE = 16

#: Bytes that are partitioned at a time.
PARTITIONED = 1 << 18


class Neighbours(NamedTuple):
    """Squared distances (N, k) and positions (N, k) of the nearest, nearest first."""

    squares: Floats
    indices: Indices


def nearest_neighbours(points: Array, k: int, among: Array | None = None) -> Neighbours:
    """The k nearest of ``among`` (M, D) to each of ``points`` (N, D), or of the other points if there are none.

    Fewer where there are fewer. Which ones is as in float64 arithmetic on the differences, ties by position, as long as
    no more than 16 are tied at the k-th place; squared distances have the digits of float32, and are 0
    below its rounding.
    O(N·M·D) time in blocks of products, O(N·k) memory.
    """
    k = max(0, min(k, int(points.shape[0]) - 1 if among is None else int(among.shape[0])))
    squares = np.empty((int(points.shape[0]), k))
    indices = np.empty(squares.shape, dtype=np.int64)
    run = _Nearest(points, k, among)
    for rows in row_blocks(run.n, 1, tile_shape(points)[0]):
        squares[rows], indices[rows] = run.nearest(rows)
    return Neighbours(squares, indices)


class _Kept(NamedTuple):
    """What may be among the nearest, in no order: whose, which, and -½ of the squared distance."""

    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    values: Floats


class _Nearest:
    """One run: blocks of points against blocks of what is near them."""

    def __init__(self, points: Array, k: int, among: Array | None) -> None:
        self.points, self.among, self.self_graph = points, points if among is None else among, among is None
        self.frame, _ = centred(points, fast_dtype(points), *([] if among is None else [among]))
        table, others = self.frame.table(points), self.frame.table(self.among)
        self.left, self.right, self.noise = Side(table), Side(others), Vectors(0, table).noise
        self.n, self.m = int(points.shape[0]), int(self.among.shape[0])
        self.k = min(k, self.m - self.self_graph) if self.n else 0
        most, some = tile_shape(points)
        self.across = max(self.m if self.m <= most else some, 2 * self.k)
        self.scratch, self.last = Scratch(), slice(0, 0)

    def nearest(self, rows: slice) -> tuple[Floats, Indices]:
        """Squared distances and positions for these rows, (rows, k)."""
        size = rows.stop - rows.start
        if not self.k:
            return np.empty((size, 0)), np.empty((size, 0), dtype=np.int64)
        left = self.left.left(rows)
        norms = to_numpy(-2.0 * left[:, -2])
        kept = _Kept(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, norms.dtype))
        bound = np.full(size, -np.inf, dtype=norms.dtype)
        for columns in row_blocks(self.m, 1, self.across):
            tile = self._tile(left, rows, columns)
            if np.isneginf(bound).any():
                bound = np.maximum(bound, self._first_bound(tile, norms))
            kept = _joined(kept, self._above(tile, bound, columns.start))
            if 2 * len(kept.rows) > 3 * size * (self.k + SPARE):
                kept, bound = self._tightened(kept, norms)
        kept, _ = self._tightened(kept, norms)
        return self._best(kept, norms, rows.start)

    def _tile(self, left: Array, rows: slice, columns: slice) -> Array:
        if columns != self.last:  # where one block holds all that is near, it is made once
            self.last, self.other = columns, self.right.right(columns)
        right = self.other
        if isinstance(left, np.ndarray):
            tile = np.matmul(left, right.T, out=self.scratch.block((len(left), len(right)), left.dtype))
        else:
            tile = left @ namespace(left).matrix_transpose(right)
        both = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
        if self.self_graph and len(both):
            tile[from_numpy(both - rows.start, tile), from_numpy(both - columns.start, tile)] = -np.inf
        return tile

    def _slack(self, values: Floats, norms: Floats) -> Floats:
        """How far -½ of a squared distance may be from the truth: the nearer end has |y|² ≤ 2|x|² + 2d²."""
        slack: Floats = self.noise * (1.5 * norms - 2.0 * values)
        return slack

    def _first_bound(self, tile: Array, norms: Floats) -> Floats:
        """What a value must reach to be among the k best of this tile; -inf where the tile has fewer."""
        width = int(tile.shape[1])
        if width < self.k:
            return np.full(len(norms), -np.inf, dtype=norms.dtype)
        values, best = to_numpy(tile), np.empty(len(norms), dtype=norms.dtype)
        for some in row_blocks(len(norms), values.itemsize * width, PARTITIONED):
            best[some] = np.partition(values[some], width - self.k, axis=1)[:, width - self.k]
        least: Floats = best - 2.0 * self._slack(np.minimum(best, 0.0), norms)
        return np.where(np.isneginf(best), best, least)

    @staticmethod
    def _above(tile: Array, bound: Floats, start: int) -> _Kept:
        mask = to_numpy(tile >= from_numpy(bound[:, None], tile))
        flat = np.flatnonzero(mask)
        row, column = np.divmod(flat, max(1, mask.shape[1]))
        values = to_numpy(tile[from_numpy(row, tile), from_numpy(column, tile)])
        found = np.isfinite(values)
        return _Kept(row[found].astype(np.int32), (column[found] + start).astype(np.int32), values[found])

    def _tightened(self, kept: _Kept, norms: Floats) -> tuple[_Kept, Floats]:
        """The k best of each row and those that rounding cannot tell from them; and the new bound."""
        ranked = _ranked(kept.rows, kept.values)
        row, column, value = kept.rows[ranked], kept.columns[ranked], kept.values[ranked]
        place = np.arange(len(row)) - np.searchsorted(row, np.arange(len(norms)))[row]
        bound = np.full(len(norms), -np.inf, dtype=norms.dtype)
        last = place == self.k - 1
        bound[row[last]] = value[last] - 2.0 * self._slack(np.minimum(value[last], 0.0), norms[row[last]])
        good = (place < self.k + SPARE) & (value >= bound[row])
        return _Kept(row[good], column[good], value[good]), bound

    def _best(self, kept: _Kept, norms: Floats, start: int) -> tuple[Floats, Indices]:
        """The k nearest of what is kept, which is sorted by row and by value; open ones are settled exactly."""
        starts = np.searchsorted(kept.rows, np.arange(len(norms) + 1))
        squares = np.maximum(-2.0 * kept.values.astype(np.float64), 0.0)
        squares *= squares > 2.0 * self.noise * norms[kept.rows]
        order = np.arange(len(squares))
        unsettled = np.flatnonzero((np.diff(starts) > self.k)[kept.rows])
        if len(unsettled):
            last = kept.values[starts[:-1] + self.k - 1]
            high = last + 2.0 * self._slack(np.minimum(last, 0.0), norms)
            near = unsettled[kept.values[unsettled] <= high[kept.rows[unsettled]]]
            squares[near] = self._exactly(kept.rows[near] + start, kept.columns[near])
            ranked = np.lexsort((kept.columns[unsettled], squares[unsettled], kept.rows[unsettled]))
            order[unsettled] = unsettled[ranked]
        chosen = order[starts[:-1, None] + np.arange(self.k)[None, :]]
        return squares[chosen] / self.frame.scale**2, kept.columns[chosen]

    def _exactly(self, rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32]) -> Floats:
        """Squared distances of pairs, in float64."""
        squares = np.empty(len(rows))
        for pairs in row_blocks(len(rows), 32 * int(self.points.shape[1]), STEP_BYTES):
            left = self.frame.exactly(self.points, rows[pairs].astype(np.int64))
            squares[pairs] = difference_squares(left, self.frame.exactly(self.among, columns[pairs].astype(np.int64)))
        return squares


def _ranked(rows: npt.NDArray[np.int32], values: Floats) -> Indices:
    """Where each comes in the order of rows, and of falling values in each row; what is equal stays in its order."""
    if values.dtype != np.float32:
        return np.lexsort((-values, rows))
    bits = np.abs(np.minimum(values, 0)).view(np.uint32)  # ordered as the numbers are, since none is negative
    return np.argsort(rows.astype(np.uint64) << np.uint64(32) | bits, kind="stable")


def _joined(first: _Kept, second: _Kept) -> _Kept:
    return _Kept(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
