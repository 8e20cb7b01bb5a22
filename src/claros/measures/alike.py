"""Which few items each of many points is nearest to in direction: one product, and one look at what it gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import (
    Array,
    Floats,
    Indices,
    Scratch,
    block_bytes,
    fast_dtype,
    from_numpy,
    namespace,
    row_blocks,
    take,
    to_numpy,
)
from claros.measures.directions import directions
from claros.measures.geometry import SAFE_SQUARES, difference_squares

__all__ = ["most_alike"]

#: Columns of a block of products, and bytes that one step of the exact work may take.
ACROSS, STEP_BYTES = 1024, 1 << 22

#: The k-th best of a row is bounded by that of so many times k groups of its columns, or a few more.
GROUPS = 8


def most_alike(points: Array, k: int, among: Array) -> Iterator[tuple[slice, Indices]]:
    """For one block of points (N, D) after the other: which k of ``among`` (M, D) are nearest to each in direction.

    Positions (rows, k), ascending in each row; fewer than k where there are no more. Nearness is the Euclidean distance
    between rows divided by their lengths (rows of zeros stay) in float64 arithmetic, ties by position: what float32
    leaves open is worked out again. The points are neither scaled nor moved, since that orders nothing differently.
    O(N·M·D) time in blocks of products, O(M·D) memory and that of a block.
    """
    run = _Alike(points, k, among)
    for rows in row_blocks(int(points.shape[0]), ACROSS, block_bytes(points)):
        yield rows, run.nearest(rows)


class _Kept(NamedTuple):
    """Entries of a block that are not below their row's bound, row by row: whose, which, and what they are."""

    rows: Indices
    columns: Indices
    values: Floats


class _Alike:
    """One run: blocks of points against all others."""

    def __init__(self, points: Array, k: int, among: Array) -> None:
        self.points, self.xp, self.dtype = points, namespace(points), fast_dtype(points)
        self.m, self.k = int(among.shape[0]), min(k, int(among.shape[0]))
        self.exact = directions(to_numpy(among).astype(np.float64))
        zeros = np.einsum("ij,ij->i", self.exact, self.exact) < 0.5
        moved = self.exact - self.exact.mean(axis=0, keepdims=True) if self.m else self.exact
        self.others = self.xp.astype(from_numpy(moved, points), self.dtype)
        #: Half of how much nearer a row of zeros is than a direction that is at a right angle.
        self.nearer = np.where(zeros, 0.5, 0.0) if np.any(zeros) else None
        largest = math.sqrt(float(np.max(np.einsum("ij,ij->i", moved, moved), initial=0.0)))
        #: Rounding of a product, as a share of the point's length: random rounding, with a wide margin.
        self.noise = float(self.xp.finfo(self.dtype).eps) * (8.0 + 4.0 * math.sqrt(points.shape[1]))
        self.noise *= largest + (0.0 if self.nearer is None else 0.5)
        self.products = Scratch()

    def nearest(self, rows: slice) -> Indices:
        """Positions of the k nearest of these rows, ascending; (rows, k)."""
        size = rows.stop - rows.start
        if not self.k:
            return np.empty((size, 0), dtype=np.int64)
        left, lengths = self._left(rows)
        slack = 2.0 * self.noise * lengths
        bound = np.full(size, -np.inf, dtype=lengths.dtype)
        found = []
        for columns in row_blocks(self.m, 1, max(ACROSS, GROUPS * self.k)):
            tile = self._tile(left, lengths, columns)
            if tile.shape[1] >= self.k:
                bound = np.maximum(bound, self._reached(tile) - slack)
            found.append(_above(tile, bound, columns.start))
        row, column, value = (np.concatenate(part) for part in zip(*found, strict=True))
        if len(found) > 1:
            good = np.flatnonzero(value >= bound[row])
            good = good[np.argsort(row[good] * self.m + column[good])]
            row, column, value = row[good], column[good], value[good]
        counts = np.bincount(row, minlength=size)
        if len(row) > size * self.k:
            crowded = (counts > self.k)[row]
            kept = ~crowded
            some = _Kept(row[crowded], column[crowded], value[crowded])
            kept[crowded] = self._nearest_of(some, counts[counts > self.k], slack, rows.start)
            column = column[kept]
        return column.reshape(size, self.k)

    def _left(self, rows: slice) -> tuple[Array, Floats]:
        """These points in the fast precision, as they are or divided by their lengths; and how long they then are."""
        block = self.points[rows]
        with np.errstate(over="ignore", under="ignore"):
            squares = to_numpy(self.xp.vecdot(block, block))
        low, high = SAFE_SQUARES
        if block.dtype == self.dtype and np.all((squares > low) & (squares < high)):
            return block, np.sqrt(squares)
        unit = self.xp.astype(directions(block), self.dtype)
        return unit, np.sqrt(to_numpy(self.xp.vecdot(unit, unit)))

    def _tile(self, left: Array, lengths: Floats, columns: slice) -> Array:
        """x·y for these columns, up to what is the same for a whole row: larger is nearer."""
        others = self.others[columns]
        if isinstance(left, np.ndarray):
            tile = np.matmul(left, others.T, out=self.products.block((len(left), len(others)), left.dtype))
        else:
            tile = left @ self.xp.matrix_transpose(others)
        if self.nearer is not None:
            tile += from_numpy(np.multiply.outer(lengths, self.nearer[columns]).astype(lengths.dtype), tile)
        return tile

    def _reached(self, tile: Array) -> Floats:
        """What at least k entries of each row reach: the k-th best of groups' best ones."""
        best = tile
        while best.shape[1] >= 2 * GROUPS * self.k:
            half, odd = divmod(int(best.shape[1]), 2)
            both = self.xp.maximum(best[:, :half], best[:, half : 2 * half])
            if odd:
                both[:, 0] = self.xp.maximum(both[:, 0], best[:, -1])
            best = both
        place = int(best.shape[1]) - self.k
        if isinstance(best, np.ndarray):
            reached: Floats = np.partition(best, place, axis=1)[:, place]
            return reached
        return to_numpy(self.xp.sort(best, axis=1)[:, place])

    def _nearest_of(self, kept: _Kept, sizes: Indices, slack: Floats, start: int) -> npt.NDArray[np.bool_]:
        """Which entries are among the k nearest of their row, of rows that have more than k: so many each."""
        row, column, value = kept
        group = np.repeat(np.arange(len(sizes)), sizes)
        table = np.full((len(sizes), int(sizes.max())), -np.inf, dtype=value.dtype)
        table[group, _places(sizes)] = value
        least = table.shape[1] - self.k
        last, doubt = np.partition(table, least, axis=1)[:, least][group], slack[row]
        found: npt.NDArray[np.bool_] = value > last + doubt
        left = np.flatnonzero(~found & (value >= last - doubt))
        missing = self.k - np.bincount(group[found], minlength=len(sizes))
        unsettled = missing < np.bincount(group[left], minlength=len(sizes))
        found[left] = ~unsettled[group[left]]
        left = left[unsettled[group[left]]]
        if len(left):
            squares = self._squares(row[left] + start, column[left])
            ranked = left[np.lexsort((column[left], squares, group[left]))]
            place = _places(np.bincount(group[left], minlength=len(sizes)))
            found[ranked[place < missing[group[ranked]]]] = True
        return found

    def _squares(self, rows: Indices, columns: Indices) -> Floats:
        """Squared distances between directions, in float64."""
        squares = np.empty(len(rows))
        for pairs in row_blocks(len(rows), 32 * int(self.points.shape[1]), STEP_BYTES):
            left = directions(to_numpy(take(self.points, rows[pairs])).astype(np.float64))
            squares[pairs] = difference_squares(left, self.exact[columns[pairs]])
        return squares


def _places(sizes: Indices) -> Indices:
    """0, 1, ... for each of some groups that lie one after the other."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _above(tile: Array, bound: Floats, start: int) -> _Kept:
    mask = to_numpy(tile >= from_numpy(bound[:, None], tile))
    row, column = np.divmod(np.flatnonzero(mask), max(1, mask.shape[1]))
    if isinstance(tile, np.ndarray):
        return _Kept(row, column + start, tile[row, column])
    return _Kept(row, column + start, to_numpy(tile[from_numpy(row, tile), from_numpy(column, tile)]))
