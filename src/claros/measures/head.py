"""What a linear last layer predicts when its input is disturbed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import (
    Array,
    Floats,
    Indices,
    block_bytes,
    device,
    from_numpy,
    map_rows,
    namespace,
    row_blocks,
    to_numpy,
)

__all__ = ["Head", "dropout_flips", "flip_distance"]


class Head:
    """The linear last layer: logits are ``embeddings @ weights.T + bias``, in the embeddings' precision."""

    def __init__(self, weights: Array, bias: Array | None, embeddings: Array) -> None:
        xp = namespace(weights)
        self.weights = xp.astype(weights, embeddings.dtype, copy=False)  # (C, D)
        self.bias = None if bias is None else xp.astype(bias, embeddings.dtype, copy=False)
        self.classes = int(weights.shape[0])

    def logits(self, block: Array) -> Array:
        """(m, D) -> (m, C)."""
        found = block @ namespace(block).matrix_transpose(self.weights)
        return found if self.bias is None else found + self.bias


def flip_distance(embeddings: Array, head: Head) -> Floats:
    """How far an embedding can go up its own loss before the predicted class changes; (N, D) -> (N,), inf if for ever.

    Up the loss is along the gradient of the cross-entropy with the predicted class for the label. Logits are linear on
    the way, so the distance is the least quotient of a class's lag and of what it gains on the predicted class. Only
    the gradient's direction counts, which is worked out relative to the runner-up: it is there however sure the model
    is. O(N·C·D) time, O(N + C·min(C, D)) memory.
    """
    xp = namespace(embeddings)
    centred = head.weights - xp.mean(head.weights, axis=0)
    many = head.classes > centred.shape[1]
    gram = centred[:0] if many else centred @ xp.matrix_transpose(centred)  # (C, C)
    each = xp.arange(head.classes, device=device(embeddings))

    def distance(block: Array) -> Array:
        logits = head.logits(block)
        predicted = each[None, :] == xp.argmax(logits, axis=1, keepdims=True)
        lag = xp.where(predicted, math.inf, xp.max(logits, axis=1, keepdims=True) - logits)
        pull = xp.exp(xp.min(lag, axis=1, keepdims=True) - lag)
        pull = xp.where(predicted, -xp.sum(pull, axis=1, keepdims=True), pull)
        rises = (pull @ centred) @ xp.matrix_transpose(centred) if many else pull @ gram
        length = xp.sqrt(xp.clip(xp.sum(pull * rises, axis=1), min=0.0))
        gains = rises - xp.sum(xp.where(predicted, rises, 0.0), axis=1, keepdims=True)
        gaining = gains > 0.0
        least = xp.min(xp.where(gaining, lag / xp.where(gaining, gains, 1.0), math.inf), axis=1)
        moves = length > 0.0
        return xp.where(moves, least, math.inf) * xp.where(moves, length, 1.0)

    if head.classes == 1:
        return np.full(int(embeddings.shape[0]), math.inf)
    row_bytes = embeddings.dtype.itemsize * int(embeddings.shape[1] + 4 * head.classes)
    return to_numpy(map_rows(distance, embeddings, row_bytes))


def dropout_flips(embeddings: Array, head: Head, rng: np.random.Generator, masks: int, rate: float) -> Indices:
    """In how many of some random masks of the features the prediction changes; (N, D) -> (N,), in 0..masks.

    Each mask drops each feature of each item with probability ``rate`` (to 1/65,536) and divides the others by
    1 - rate. O(N·masks·C·D) time, O(N) memory.
    """
    n, width = (int(size) for size in embeddings.shape)
    xp, flips, dtype = namespace(embeddings), np.zeros(n, dtype=np.int64), to_numpy(embeddings[:0]).dtype
    blocks = [*row_blocks(n, dtype.itemsize * (2 * width + head.classes) + 2 * width, block_bytes(embeddings))]
    plain = [to_numpy(xp.argmax(head.logits(embeddings[rows]), axis=1)) for rows in blocks]
    for _ in range(masks):
        for rows, predicted in zip(blocks, plain, strict=True):
            block = embeddings[rows]
            kept = _kept(rng, len(predicted), width, rate).astype(dtype) / dtype.type(1.0 - rate)
            flips[rows] += to_numpy(xp.argmax(head.logits(block * from_numpy(kept, block)), axis=1)) != predicted
    return flips


def _kept(rng: np.random.Generator, m: int, width: int, rate: float) -> npt.NDArray[Any]:
    """Which features stay, (m, width); whole words for every row, so that blocks of any size draw the same."""
    words = rng.integers(0, 2**64 - 1, (m, -(-width // 4)), dtype=np.uint64, endpoint=True)
    kept: npt.NDArray[Any] = words.view(np.uint16)[:, :width] >= round(rate * (1 << 16))
    return kept
