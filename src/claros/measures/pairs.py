"""Which points lie within a radius of which: tile by tile, in float32 where that is enough to tell."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
    to_numpy,
)
from claros.measures.geometry import Table, Vectors, centred, difference_squares

__all__ = ["Mask", "Side", "Within", "tile_shape"]

#: Which of some rows is within reach of which of some columns.
Mask = npt.NDArray[np.bool_]

#: Bytes that one step of the exact work may take.
STEP_BYTES = 1 << 22


def tile_shape(like: Array) -> tuple[int, int]:
    """How many rows and columns a tile of pairs has, so that it stays in the cache; columns are made anew for each."""
    side = max(1, math.isqrt(block_bytes(like) // 4))
    return 2 * side, side


class Side:
    """One side of a table of pairs: rows with two more columns, so that one product gives -½ |x - y|² and no more.

    <(x, -½|x|², 1), (y, 1, -½|y|²)> = <x, y> - ½|x|² - ½|y|². ``norms`` are the squared lengths, worked out on the way
    if they are not given; ``less`` shrinks them by that share, which lowers every squared distance by as much of both.
    """

    def __init__(self, table: Table, norms: Floats | None = None, less: float = 0.0) -> None:
        self._table, self._norms, self._share = table, norms, -0.5 * (1.0 - less)

    def left(self, rows: slice | Indices) -> Array:
        """(x, -½|x|², 1) of these rows."""
        return self._wide(rows, True)

    def right(self, rows: slice | Indices) -> Array:
        """(y, 1, -½|y|²) of these rows."""
        return self._wide(rows, False)

    def _wide(self, rows: slice | Indices, first: bool) -> Array:
        block = self._table.rows(rows)
        xp = namespace(block)
        norms = xp.vecdot(block, block) if self._norms is None else from_numpy(self._norms[rows], block)
        half = (self._share * norms)[:, None]
        one = xp.ones_like(half)
        return xp.concat([block, half, one] if first else [block, one, half], axis=1)


class Within:
    """Which of ``points`` (N, D) lie within a Euclidean radius (it counts as within) of which of ``others`` (M, D).

    Without others, the points among themselves. One matrix product a tile says for nearly every pair on which side of
    the radius it is; what float32 leaves open is settled in float64 from the differences. O(tile) memory.
    """

    def __init__(self, points: Array, radius: float, others: Array | None = None) -> None:
        self._points, self._others = points, points if others is None else others
        self._frame, vectors = centred(points, fast_dtype(points), *([] if others is None else [others]))
        self.n, self.m = vectors.n, int(self._others.shape[0])
        self.step, self._across = tile_shape(points)
        self._noise, self._limit = vectors.noise, (radius * self._frame.scale) ** 2
        table = self._frame.table(self._others)
        self._left_norms = vectors.norms
        self._right_norms = vectors.norms if others is None else Vectors(self.m, table).norms
        self._left = Side(self._frame.table(points), self._left_norms, self._noise)
        self._right = Side(table, self._right_norms, self._noise)
        self._scratch = Scratch()

    def tiles(self, rows: Indices, start: int = 0) -> Iterator[tuple[slice, Mask]]:
        """For each block of the others from ``start`` on: which block, and which of these rows reach which of it."""
        left = self._left.left(rows)
        for block in row_blocks(self.m - start, 1, self._across):
            columns = slice(start + block.start, start + block.stop)
            yield columns, self._mask(rows, columns, left)

    def _mask(self, rows: Indices, columns: slice, left: Array) -> Mask:
        """Everything that may be within, less the open pairs that exact work shows to be outside."""
        tile = self._product(left, self._right.right(columns))
        few, many = self._left_norms[rows], self._right_norms[columns]
        least = max(-0.5 * self._limit, -float(np.finfo(few.dtype).max))
        doubt = self._noise * (float(few.max(initial=0.0)) + float(many.max(initial=0.0)))
        mask = to_numpy(tile >= least)
        mask = mask if mask.flags.writeable else mask.copy()
        row, column = np.divmod(np.flatnonzero(to_numpy(tile < least + doubt) & mask), max(1, mask.shape[1]))
        if len(row):
            values = to_numpy(tile[from_numpy(row, tile), from_numpy(column, tile)])
            open_ones = values < least + self._noise * (few[row] + many[column])
            row, column = row[open_ones], column[open_ones]
            mask[row, column] = self._squares(rows[row], column + columns.start) <= self._limit
        return mask

    def _product(self, left: Array, right: Array) -> Array:
        if not isinstance(left, np.ndarray):
            return left @ namespace(left).matrix_transpose(right)
        return np.matmul(left, right.T, out=self._scratch.block((len(left), len(right)), left.dtype))

    def _squares(self, rows: Indices, columns: Indices) -> Floats:
        """Squared distances of pairs, in float64."""
        squares = np.empty(len(rows))
        for pairs in row_blocks(len(rows), 32 * int(self._points.shape[1]), STEP_BYTES):
            left = self._frame.exactly(self._points, rows[pairs])
            squares[pairs] = difference_squares(left, self._frame.exactly(self._others, columns[pairs]))
        return squares

    def ball(self, position: int) -> Indices:
        """Which of the others a point reaches, in ascending order. O(M·D) time."""
        tiles = self.tiles(np.array([position]))
        found = [np.flatnonzero(mask[0]) + columns.start for columns, mask in tiles]
        return np.concatenate([np.empty(0, dtype=np.int64), *found])

    def reached(self, rows: Indices | None = None) -> npt.NDArray[np.int64]:
        """How many of these rows (all, if none are given) reach each of the others; (M,). O(N·M·D) time."""
        rows = np.arange(self.n) if rows is None else rows
        counts = np.zeros(self.m, dtype=np.int64)
        for block in row_blocks(len(rows), 1, self.step):
            for columns, mask in self.tiles(rows[block]):
                counts[columns] += np.add.reduce(mask, axis=0, dtype=np.int64)
        return counts
