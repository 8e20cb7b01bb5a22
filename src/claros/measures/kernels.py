"""How alike two items are, as a number in [0, 1] that falls with their distance; and the space to measure it in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

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
from claros.measures.geometry import peak

__all__ = ["Kernel", "Space", "Spread", "closest_squares", "factor", "other_factor", "pair_squares", "square_norms"]

#: What an exponential is cut at: below, numbers lose their digits one by one, and processors their speed.
LOWEST = {"float32": -80.0, "float64": -700.0}

#: Squared distances up to here, in the units of a `Space`, count as 0 where their roots are taken.
COINCIDENT = 1e-12

#: Sums of squares within these bounds neither overflow nor underflow in float64.
SAFE = (1e-200, 1e200)

#: Centres are compared in groups, so that a block of rows against a group stays in the cache.
GROUP = 256

#: How features are normalised: see `Space`.
Spread: TypeAlias = Literal["spread", "length"]


@dataclass(frozen=True)
class Kernel:
    """A similarity in [0, 1] of two items at squared distance d²: 1 where they are the same, less the farther apart.

    ``rbf``: exp(-d² / width²). ``top_hat``: 1 where d < width, else 0. ``cosine``: 1 - d²/4, which for items of length
    1 is (1 + cos)/2, whatever the width. ``euclidean``: 1 - d / width, where no pair is farther apart than the width.
    """

    kind: Literal["rbf", "top_hat", "cosine", "euclidean"]
    width: float = 1.0

    @property
    def fades(self) -> bool:
        """Whether what is far apart is all but unlike; else every item is like every other one to some degree."""
        return self.kind in ("rbf", "top_hat")

    def of(self, squares: Array) -> Array:
        """The similarities at these squared distances, written over them where the library allows it."""
        if self.kind == "rbf":
            squares *= -1.0 / self.width**2
            lowest = LOWEST[str(squares.dtype).rpartition(".")[2]]
            return _over(squares, "exp", _clipped(squares, lowest, 0.0))
        squares = _clipped(squares, 0.0, math.inf)
        if self.kind == "top_hat":
            return namespace(squares).astype(squares < self.width**2, squares.dtype)
        if self.kind == "cosine":
            squares *= -0.25
        else:
            squares *= squares > COINCIDENT  # a root makes much of what rounding has left
            squares = _over(squares, "sqrt", squares)
            squares *= -1.0 / self.width
        squares += 1.0
        return squares


def _clipped(array: Array, low: float, high: float) -> Array:
    if isinstance(array, np.ndarray):
        return np.clip(array, low, high, out=array)
    return namespace(array).clip(array, low, high)


def _over(memory: Array, name: str, array: Array) -> Array:
    """A function of every entry; NumPy writes it over ``memory``."""
    if isinstance(array, np.ndarray):
        return getattr(np, name)(array, out=memory)
    return getattr(namespace(array), name)(array)


def square_norms(rows: Array) -> Array:
    """Squared lengths; (N, D) -> (N,), where the rows lie."""
    return namespace(rows).vecdot(rows, rows)


def factor(rows: Array) -> Array:
    """Rows (n, D) as one factor (n, D + 2) of a product that gives squared distances: see `pair_squares`."""
    xp, norms = namespace(rows), square_norms(rows)[:, None]
    return xp.concat([rows, xp.ones_like(norms), norms], axis=1)


def other_factor(rows: Array) -> Array:
    """The other factor, from some rows of the one."""
    xp = namespace(rows)
    return xp.concat([-2.0 * rows[:, :-2], rows[:, -1:], rows[:, -2:-1]], axis=1)


def pair_squares(other: Array, one: Array, scratch: Scratch | None = None) -> Array:
    """Squared distances from both factors, in their precision; (m, D + 2), (n, D + 2) -> (m, n).

    |x - y|² = (-2x, |x|², 1) · (y, 1, |y|²): the matrix product does the sums too, and every block is written once.
    With the rounding of squares, so a little below 0 for some pairs that coincide.
    """
    turned = namespace(one).matrix_transpose(one)
    if scratch is None or not isinstance(other, np.ndarray):
        return other @ turned
    return np.matmul(other, turned, out=scratch.block((other.shape[0], one.shape[0]), other.dtype))


def closest_squares(points: Array, centres: Array, *, itself: bool = False) -> Floats:
    """Squared distance of every point to the closest centre, on the host; (N, D), (L, D) -> (N,), inf without centres.

    ``itself`` leaves out the pair of a point and the centre in the same row, where the points are the centres. In the
    precision of the points. O(N·L·D) time, O(N) memory.
    """
    n, width = int(points.shape[0]), int(points.shape[1])
    closest, xp, scratch = np.full(n, np.inf), namespace(points), Scratch()
    for group in row_blocks(int(centres.shape[0]), 1, GROUP):
        other = other_factor(factor(centres[group]))
        for rows in row_blocks(n, 8 * (width + GROUP), block_bytes(points)):
            squares = pair_squares(other, factor(points[rows]), scratch)
            if itself:
                both = np.arange(max(group.start, rows.start), min(group.stop, rows.stop))
                squares[both - group.start, both - rows.start] = math.inf
            np.minimum(closest[rows], to_numpy(xp.min(squares, axis=0)), out=closest[rows])
    nearest: Floats = np.maximum(closest, 0.0)
    return nearest


class Space:
    """Features in units in which kernels of one width fit all data.

    ``spread`` moves them to the mean of all items and scales them to a mean squared distance of 1 from it: two random
    items are then at a mean squared distance of 2, as random directions are. ``length`` scales every item to length 1
    (zeros stay) and then moves the mean to 0, which changes no distance. All in float64, wherever the features lie.
    ``others`` are further items, such as the labeled ones, that count for mean and scale. O(N·D) time, O(D) memory.
    """

    def __init__(self, points: Array, others: Array | None = None, spread: Spread = "spread") -> None:
        self._unit = spread == "length"
        self._tables = [points] if others is None else [points, others]
        self._power = 1.0
        self._factor = 1.0
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # looked at below
            mean_square = self._measure()
        if not SAFE[0] < mean_square < SAFE[1] and not self._unit:
            self._power = 2.0 ** min(1000, -math.frexp(max(peak(table) for table in self._tables))[1])
            mean_square = self._measure()
        if mean_square > 0.0 and not self._unit:
            self._factor = 1.0 / math.sqrt(mean_square)

    def _measure(self) -> float:
        """Find the mean; returns the mean squared distance from it, which for items of length 1 does not matter."""
        count = max(1, sum(int(table.shape[0]) for table in self._tables))
        xp = namespace(self._tables[0])
        self._origin = 0.0
        self._origin = sum(xp.sum(block, axis=0) for block in self._blocks()) / count
        if self._unit:
            return 1.0
        total = sum(float(xp.sum(square_norms(block))) for block in self._blocks())
        return total / count

    def _blocks(self) -> Iterator[Array]:
        for table in self._tables:
            for rows in row_blocks(int(table.shape[0]), 8 * max(1, int(table.shape[1])), block_bytes(table)):
                yield self.rows(table, rows)

    def rows(self, points: Array, which: slice | Indices = slice(None)) -> Array:
        """These items in the units of this space, in float64, where they lie; (m, D)."""
        xp, width = namespace(points), int(points.shape[1])
        start, stop = which.indices(int(points.shape[0]))[:2] if isinstance(which, slice) else (0, len(which))
        found = xp.empty((stop - start, width), dtype=xp.float64, device=device(points))
        for block in row_blocks(stop - start, 8 * max(1, width), block_bytes(points)):
            some = slice(start + block.start, start + block.stop) if isinstance(which, slice) else which[block]
            rows = xp.astype(take(points, some), xp.float64)
            if self._power != 1.0:
                rows *= self._power
            if self._unit:
                rows = _of_length_one(rows)
            rows -= self._origin
            rows *= self._factor
            found[block, :] = rows
        return found

    def squares(self, distances: Floats) -> Floats:
        """Plain distances between features, in this space and squared; only where distances keep their ratios."""
        found: Floats = (np.asarray(distances, dtype=np.float64) * self._power * self._factor) ** 2
        return found


def _of_length_one(rows: Array) -> Array:
    """Rows divided by their lengths, over themselves; zeros stay."""
    xp = namespace(rows)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):  # odd ones are done again
        squares = square_norms(rows)
        odd = np.flatnonzero(~to_numpy((squares > SAFE[0]) & (squares < SAFE[1])))
        some = take(rows, odd)
        rows /= xp.sqrt(squares)[:, None]
    if len(odd):
        peaks = xp.max(xp.abs(some), axis=1, keepdims=True)
        some = some / xp.where(peaks > 0, peaks, xp.ones_like(peaks))
        lengths = xp.sqrt(square_norms(some))[:, None]
        rows[from_numpy(odd, rows), :] = some / xp.where(lengths > 0, lengths, xp.ones_like(lengths))
    return rows
