"""Vectors brought to length 1, as methods on self-supervised features want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
from claros.measures.geometry import SAFE_SQUARES, Table, mean_point

__all__ = ["UnitFrame", "centred_directions", "directions"]


def directions(*tables: Array) -> Array:
    """The rows of all tables, one table after the other, divided by their lengths; (N, D), (L, D) -> (N + L, D).

    In the precision and library of the first table. A row of zeros has no direction and stays as it is; rows whose
    squares overflow or vanish are scaled by their largest number first. O((N + L)·D) time.
    """
    like, width = tables[0], int(tables[0].shape[1])
    shape = (sum(int(table.shape[0]) for table in tables), width)
    out = namespace(like).empty(shape, dtype=like.dtype, device=device(like))
    start = 0
    for table in tables:
        for rows in row_blocks(int(table.shape[0]), like.dtype.itemsize * width, block_bytes(table)):
            _normalise(table[rows], out[start + rows.start : start + rows.stop, :])
        start += int(table.shape[0])
    return out


@dataclass(frozen=True)
class UnitFrame:
    """A `Frame` for directions: rows are divided by their lengths when they are asked for, and moved by the origin."""

    origin: Array
    dtype: Any
    scale: float = 1.0

    def table(self, points: Array) -> Table:
        """The directions in this frame, as one factor; a block lives until the next one is asked for."""
        scratch = Scratch()

        def rows(which: slice | Indices) -> Array:
            block = take(points, which)
            xp = namespace(block)
            if isinstance(block, np.ndarray) and isinstance(which, slice):
                moved = scratch.block(block.shape, self.dtype)
            else:
                moved = xp.empty(block.shape, dtype=self.dtype, device=device(block))
            _normalise(block, moved)
            moved -= self.origin
            return moved

        return Table(rows, int(points.shape[1]))

    def exactly(self, points: Array, positions: Indices) -> Floats:
        """Directions in float64 on the host, not moved."""
        exact: Floats = directions(to_numpy(take(points, positions)).astype(np.float64))
        return exact


def centred_directions(points: Array, dtype: Any, others: Array) -> UnitFrame:
    """The frame around the mean direction of the others, for directions that are not kept."""
    origin = mean_point(directions(others))
    return UnitFrame(namespace(points).astype(from_numpy(origin, points), dtype, copy=False), dtype)


def _normalise(block: Array, out: Array) -> None:
    """Write the rows of a block, divided by their lengths."""
    xp = namespace(block)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        squares = xp.vecdot(block, block)
        out[:, :] = xp.astype(block * (1.0 / xp.sqrt(squares))[:, None], out.dtype, copy=False)
    least, most = SAFE_SQUARES
    odd = np.flatnonzero(~to_numpy((squares > least) & (squares < most)))
    if len(odd):
        some = xp.astype(take(block, odd), xp.float64)
        peak = xp.max(xp.abs(some), axis=1, keepdims=True)
        some = some / xp.where(peak > 0, peak, xp.ones_like(peak))
        length = xp.sqrt(xp.sum(some * some, axis=1, keepdims=True))
        out[from_numpy(odd, out)] = xp.astype(some / xp.where(length > 0, length, xp.ones_like(length)), out.dtype)
