"""Lengths of the gradients that a label would cause in a linear last layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Array, block_bytes, device, namespace, row_blocks
from claros.measures.predictive import FEW_CLASSES, columns, sum_classes

__all__ = ["expected_gradient_length", "lengths"]

#: Squared lengths within these bounds have neither overflown nor lost digits in float32.
SAFE_SQUARES = (1e-30, 1e37)


def expected_gradient_length(probs: Array, embeddings: Array, *, bias: bool = False) -> Array:
    """Expected length of the cross-entropy's gradient by the last layer; (N, C), (N, D) -> (N,) in float64, at least 0.

    For label c it is (p - e_c) ⊗ h, of length |p - e_c|·|h|, so that nothing is differentiated. ``bias`` adds the
    gradient by the bias, as if every embedding ended in a 1. O(N·(C + D)) time, O(N) memory.
    """
    xp = namespace(probs)
    out = xp.empty(probs.shape[0], dtype=xp.float64, device=device(probs))
    row_bytes = 8 * int(probs.shape[1]) + int(embeddings.shape[1]) * 4
    for rows in row_blocks(int(probs.shape[0]), row_bytes, block_bytes(probs)):
        out[rows] = _expected_error(probs[rows], xp) * lengths(embeddings[rows], 1.0 if bias else 0.0)
    return out


def _expected_error(block: Array, xp: Any) -> Array:
    """Σ_c p_c |p - e_c|; the largest p² never enters a sum that it would have to leave again, so small ones last."""
    few = block.shape[1] <= FEW_CLASSES
    p, axis = xp.astype(columns(block) if few else block, xp.float64), 0 if few else 1
    classes = xp.arange(p.shape[axis], device=device(p))
    top = (classes[:, None] if few else classes[None, :]) == xp.argmax(p, axis=axis, keepdims=True)
    squares = p * p
    small = sum_classes(xp.where(top, 0.0, squares), axis)
    errors = xp.max(squares, axis=axis, keepdims=True) - squares  # 0 for the largest
    errors += small if few else small[:, None]
    errors += (1.0 - p) ** 2
    return sum_classes(p * xp.sqrt(errors), axis)


def lengths(block: Array, offset: float = 0.0) -> Array:
    """Euclidean length of every row, √(|x|² + offset), in float64; (m, D) -> (m,).

    Squares are in the rows' own precision, and in float64 where they leave what that can hold.
    """
    xp = namespace(block)
    with np.errstate(over="ignore", under="ignore"):
        squares = xp.astype(xp.vecdot(block, block), xp.float64)
    low, high = SAFE_SQUARES
    if bool(xp.any((squares < low) | ~(squares < high))):
        wide = xp.astype(block, xp.float64)
        squares = xp.vecdot(wide, wide)
    return xp.sqrt(squares + offset)
