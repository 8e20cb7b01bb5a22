"""Squared distances among many vectors: blocks of matrix products, never an (N, N), (k, N) or (N, C·D) array.

|x - c|² = |x|² + |c|² - 2 x·c turns distances into matrix products, and rounds away what is small against |x|². Three
things are done about that: points are first moved to their mean (`Frame`); what is below the rounding is 0 and never
negative (`Vectors.noise`); and where a decision hangs on the digits that were lost, `Nearest` works them out from the
differences themselves, in float64, for the few points that it hangs on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import (
    DEVICE_BLOCK_BYTES,
    Array,
    Floats,
    Indices,
    Scratch,
    block_bytes,
    from_numpy,
    namespace,
    row_blocks,
    take,
    to_numpy,
)

__all__ = ["Few", "Frame", "Table", "Vectors", "centred", "difference_squares", "mean_point", "peak", "safe_scale"]

#: Centres are compared in groups, so that a block of rows against a group stays in the cache.
GROUP = 512
#: Blocks are so many times longer where they are passed through once, and against whole groups of centres, as products
#: are then faster; but never longer than an accelerator's.
LONGER = 4

#: Squares within these bounds neither overflow nor underflow in float32.
SAFE_SQUARES = (1e-20, 1e30)


class Few(NamedTuple):
    """Some of the vectors on the host: a part (m, F) for each factor, and squared norms (m,)."""

    parts: tuple[Floats, ...]
    norms: Floats

    def some(self, rows: Any) -> Few:
        """These rows of it."""
        return Few(tuple(part[rows] for part in self.parts), self.norms[rows])

    @staticmethod
    def joined(several: list[Few]) -> Few:
        """All rows of several, in order."""
        parts = tuple(np.concatenate(same) for same in zip(*(few.parts for few in several), strict=True))
        return Few(parts, np.concatenate([few.norms for few in several]))


@dataclass(frozen=True)
class Table:
    """One factor of the vectors: how to make its rows, how wide they are, and what to add to inner products."""

    rows: Callable[[slice | Indices], Array]
    width: int
    offset: float = 0.0


class Vectors:
    """N vectors, each the outer product of one row from each table: their distances, without ever forming them.

    <a⊗b, c⊗d> = <a, c> <b, d>, so distances between outer products cost (F₁ + F₂) a pair and not F₁·F₂. Plain points
    are the case of one table. Distances are squared, and 0 where they are below the rounding of the tables' precision.
    """

    def __init__(self, n: int, *tables: Table) -> None:
        self.n = n
        self.tables = tables
        probe = tables[0].rows(slice(0, min(1, n)))
        self._xp = namespace(probe)
        self._block_bytes = block_bytes(probe)
        self.dtype = to_numpy(probe).dtype
        self.eps = float(np.finfo(self.dtype).eps)
        self._width = sum(table.width for table in tables)
        #: Rounding of a squared distance, as a share of the squared norms: random rounding, with a wide margin.
        self.noise = self.eps * sum(8.0 + 4.0 * math.sqrt(table.width) for table in tables)
        self.norms = np.empty(n, dtype=self.dtype)
        #: (N,) lengths of the last factor, where there is another.
        self._lengths = np.empty(n if len(tables) > 1 else 0, dtype=self.dtype)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # see safe_scale
            for rows in self._blocks(1):
                parts = [table.rows(rows) for table in tables]
                squares = [
                    self._xp.vecdot(part, part) + table.offset for table, part in zip(tables, parts, strict=True)
                ]
                self.norms[rows] = to_numpy(math.prod(squares[1:], start=squares[0]))
                if len(tables) > 1:
                    self._lengths[rows] = to_numpy(self._xp.sqrt(squares[-1]))

    def _blocks(self, m: int, longer: int = 1) -> Iterator[slice]:
        block_bytes = max(self._block_bytes, min(longer * self._block_bytes, DEVICE_BLOCK_BYTES))
        return row_blocks(self.n, self.dtype.itemsize * (self._width + m), block_bytes)

    def gather(self, positions: Indices) -> Few:
        """The vectors at these positions, on the host."""
        return Few(tuple(to_numpy(table.rows(positions)) for table in self.tables), self.norms[positions])

    def between(self, left: Few, right: Few) -> Floats:
        """Squared distances; (l, r), on the host."""
        inner: Any = 1.0
        for table, a, b in zip(self.tables, left.parts, right.parts, strict=True):
            inner = inner * (a @ b.T + table.offset)
        norms = left.norms[:, None] + right.norms[None, :]
        squares: Floats = norms - 2.0 * inner
        squares *= squares > self.noise * norms
        return squares

    def approach(self, nearest: Floats, centres: Few) -> None:
        """Lower ``nearest`` (N,), squared distances to the nearest centre so far, by these centres. O(N·m·F) time."""
        for rows, _, gaps in self._gaps(centres):
            squares = to_numpy(self._xp.min(gaps, axis=0)) + self.norms[rows]
            np.minimum(nearest[rows], np.maximum(squares, 0.0), out=nearest[rows])

    def approach_in_turn(self, nearest: Floats, centres: Few, weights: Floats | None = None) -> Floats:
        """The same, one centre after the other; returns the (weighted) sum of ``nearest`` after each, (m,).

        What is below the rounding is 0, so that copies of a centre weigh nothing.
        """
        if len(centres.norms) == 1 and len(self.tables) == 2:
            self._approach_one(nearest, centres)
            return np.array([np.sum(nearest if weights is None else nearest * weights, dtype=np.float64)])
        xp, totals = self._xp, np.zeros(len(centres.norms))
        for rows, group, gaps in self._gaps(centres):
            norms = from_numpy(self.norms[rows], gaps)
            gaps += norms[None, :]
            gaps *= gaps > 4.0 * self.noise * norms[None, :]
            running = from_numpy(nearest[rows], gaps)
            for turn in range(gaps.shape[0]):
                running = gaps[turn, :] = xp.minimum(running, gaps[turn, :])
            nearest[rows] = to_numpy(running)
            if weights is not None:
                gaps *= from_numpy(weights[rows].astype(self.dtype), gaps)[None, :]
            totals[group] += to_numpy(xp.sum(gaps, axis=1))
        return totals

    def _approach_one(self, nearest: Floats, centre: Few) -> None:
        """Lower ``nearest`` by one centre; the second factor is read only where the first leaves room to be nearer.

        <a, c><b, d> is at most abs(<a, c>)·|b|·|d|, which is small for gradients of other classes.
        """
        first, second = self.tables
        of_first, of_second = (from_numpy(part[0], first.rows(slice(0, 0))) for part in centre.parts)
        length = math.sqrt(float(centre.parts[1][0] @ centre.parts[1][0]) + second.offset)
        for rows in self._blocks(1, LONGER):
            norms, before = self.norms[rows], nearest[rows]
            inner = to_numpy(first.rows(rows) @ of_first) + first.offset
            sums = norms + centre.norms[0]
            least = sums - 2.0 * length * np.abs(inner) * self._lengths[rows]
            near = np.flatnonzero(least - self.noise * sums < before)
            few = 2 * len(near) <= len(norms)
            block = second.rows(rows.start + near if few else rows)
            some = near if few else slice(None)
            gaps = sums[some] - 2.0 * inner[some] * (to_numpy(block @ of_second) + second.offset)
            gaps *= gaps > 4.0 * self.noise * norms[some]
            before[some] = np.minimum(before[some], gaps)

    def _gaps(self, centres: Few) -> Iterator[tuple[slice, slice, Array]]:
        """|c|² - 2 <c, x> for each block of rows and, within it, each group of centres: (group, rows)."""
        groups = [*row_blocks(len(centres.norms), 1, GROUP)]
        if not groups:
            return
        probe = self.tables[0].rows(slice(0, 0))
        # The factor -2 goes into the centres, which are few.
        parts = [from_numpy(-2.0 * part if i == 0 else part, probe) for i, part in enumerate(centres.parts)]
        offsets = [-2.0 * table.offset if i == 0 else table.offset for i, table in enumerate(self.tables)]
        norms = from_numpy(centres.norms[:, None], probe)
        scratch = [Scratch() for _ in parts]
        m = min(len(centres.norms), GROUP)
        longer = LONGER if m == GROUP else 1
        for rows in self._blocks(m, longer):
            blocks = [table.rows(rows) for table in self.tables]
            for group in groups:
                gaps = None
                for part, block, offset, room in zip(parts, blocks, offsets, scratch, strict=True):
                    inner = _product(part[group], block, room)
                    if offset:
                        inner += offset
                    if gaps is None:
                        gaps = inner
                    else:
                        gaps *= inner
                gaps += norms[group]
                yield rows, group, gaps


def _product(left: Array, rows: Array, scratch: Scratch) -> Array:
    """(m, F) times (rows, F) transposed."""
    if not isinstance(rows, np.ndarray):
        return left @ namespace(rows).matrix_transpose(rows)
    return np.matmul(left, rows.T, out=scratch.block((left.shape[0], rows.shape[0]), rows.dtype))


@dataclass(frozen=True)
class Frame:
    """An origin and a power of two: (x - origin) · scale has room for its digits in the working type."""

    origin: Array
    scale: float
    dtype: Any

    def table(self, points: Array) -> Table:
        """The points in this frame, as one factor; a block lives until the next one is asked for."""
        scratch = Scratch()

        def rows(which: slice | Indices) -> Array:
            found = take(points, which)
            if self.scale != 1.0:
                found = found * self.scale
            if isinstance(which, slice) and isinstance(found, np.ndarray):
                moved = scratch.block(found.shape, self.dtype)
                return np.subtract(found, self.origin, out=moved, casting="same_kind")
            return namespace(found).astype(found - self.origin, self.dtype, copy=False)

        return Table(rows, int(points.shape[1]))

    def exactly(self, points: Array, positions: Indices) -> Floats:
        """Points in float64 on the host, scaled but not moved: differences of these lose nothing."""
        return to_numpy(take(points, positions)).astype(np.float64) * self.scale


def mean_point(points: Array, scale: float = 1.0) -> Floats:
    """Mean of ``points · scale`` in float64 on the host; (N, D) -> (D,)."""
    xp = namespace(points)
    total = np.zeros(int(points.shape[1]))
    for rows in row_blocks(int(points.shape[0]), 8 * max(1, int(points.shape[1])), block_bytes(points)):
        block = points[rows] if scale == 1.0 else xp.astype(points[rows], xp.float64) * scale
        total += to_numpy(xp.sum(block, axis=0, dtype=xp.float64))
    return total / max(1, int(points.shape[0]))


def safe_scale(norms: Floats, *tables: Array) -> float:
    """1 if squares are within reach of float32, else the power of two that brings all numbers in the tables below 1.

    ``norms`` are squared norms of the first table's rows, which spare a look at it where they are ordinary.
    """
    peaks = [peak(table) for table in tables[1:]]
    squares = [peak**2 * table.shape[1] for peak, table in zip(peaks, tables[1:], strict=True)]
    largest = max([float(np.max(norms, initial=0.0)), *squares])
    if SAFE_SQUARES[0] < largest < SAFE_SQUARES[1] or not len(norms):
        return 1.0
    highest = max(peak(tables[0]), *peaks, 0.0)
    room = int(np.finfo(to_numpy(tables[0][:0]).dtype).maxexp) - 8  # the scale itself must be a number
    return float(2.0 ** min(-math.frexp(highest)[1], room))


def peak(table: Array) -> float:
    """The largest absolute value; (N, D) -> a number, 0 where there is none. O(N·D)."""
    xp = namespace(table)
    blocks = row_blocks(int(table.shape[0]), 8 * max(1, int(table.shape[1])), block_bytes(table))
    return max((float(xp.max(xp.abs(table[rows]))) for rows in blocks), default=0.0)


def centred(points: Array, dtype: Any, *others: Array) -> tuple[Frame, Vectors]:
    """Points as vectors around their mean, in the working type, scaled where squares would overflow or vanish.

    ``others`` are points that will be compared with these in the same frame.
    """
    n, frame = int(points.shape[0]), _frame(points, 1.0, dtype)
    vectors = Vectors(n, frame.table(points))
    scale = safe_scale(vectors.norms, points, *others)
    if scale == 1.0:
        return frame, vectors
    frame = _frame(points, scale, dtype)
    return frame, Vectors(n, frame.table(points))


def _frame(points: Array, scale: float, dtype: Any) -> Frame:
    with np.errstate(over="ignore"):
        origin = mean_point(points, scale).astype(to_numpy(points[:0]).dtype)
    return Frame(from_numpy(origin, points), scale, dtype)


def difference_squares(left: Floats, right: Floats) -> Floats:
    """Squared lengths of the differences, row by row and equal for equal rows; (m, D), (m, D) -> (m,)."""
    difference = left - right
    difference *= difference
    squares: Floats = np.sum(difference, axis=1)
    return squares
