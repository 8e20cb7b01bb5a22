"""Vectors brought to length 1, as methods on self-supervised features want them."""

from __future__ import annotations

import numpy as np

from claros.arrays import (
    Array,
    block_bytes,
    device,
    from_numpy,
    namespace,
    row_blocks,
    take,
    to_numpy,
)
from claros.measures.geometry import SAFE_SQUARES

__all__ = ["directions"]


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
