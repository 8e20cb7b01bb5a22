"""Strategies that weigh how unsure the model is against how different the candidates are."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from claros.arrays import Array, Indices, Scratch, device, namespace, row_blocks, take
from claros.errors import InputError
from claros.measures.geometry import Table, Vectors, safe_scale
from claros.measures.predictive import tempered
from claros.pick import Picked, draw_spread, first_of
from claros.strategy import strategy

__all__ = ["badge"]


@strategy(reference="Ash et al. 2020, arXiv:1906.03671", stochastic=True)
def badge(
    k: int,
    *,
    probs: Array,
    embeddings: Array,
    rng: np.random.Generator,
    method: Literal["lazy", "sequential"] = "lazy",
    temperature: float = 1.0,
    bias: bool = False,
) -> Picked:
    """Spread a batch over the gradients that each candidate would cause, long gradients first.

    The gradient of the cross-entropy by the last layer's weights, with the predicted class taken for the label, is
    (onehot(argmax p) - p) ⊗ h: long where the model is unsure. The first pick is the longest (exact ties by the
    permutation drawn from ``rng``), the others are drawn as k-means++ draws centres; a pick's score is its gradient's
    distance to the picks before it, its probability the chance it had in its draw.

    ``method="lazy"`` draws from the exact law by proposals that are accepted or rejected; ``"sequential"`` does as the
    authors' code, one uniform number a pick through the cumulative sum, and picks the same from the same numbers.
    ``temperature`` first sharpens (< 1) or flattens (> 1) the probabilities: p^(1/T), normalised. ``bias=True`` adds
    the gradient by the last layer's bias, as if every embedding ended in a 1.

    Departures: a squared distance below the rounding of the inputs' precision counts as 0, and where all that is left
    lies on a pick the draw is uniform over the rest; the authors' code stops there in the debugger.

    Cost: O(N·k·(C + D)) time, O(N + (k + 64)·(C + D)) memory: distances between outer products need only inner
    products of the factors, so the (N, C·D) gradients are never built.

    Use it for large batches of a network or a linear head, once some ten labels a class are there; not for the first
    batch, when the model's gradients say little.
    """
    if temperature <= 0:
        raise InputError(f"badge: temperature must be positive; got {temperature!r}.")
    order = rng.permutation(int(probs.shape[0]))
    errors = _errors(probs, temperature, embeddings.dtype)
    vectors = Vectors(len(order), errors, _embeddings(embeddings, 1.0, bias))
    scale = safe_scale(vectors.norms, embeddings)
    if scale != 1.0:
        vectors = Vectors(len(order), errors, _embeddings(embeddings, scale, bias))
    first = _longest(vectors, order)
    picked = draw_spread(vectors, k, rng, order, first, one_by_one=method == "sequential")
    return picked._replace(scores=picked.scores / scale)


def _embeddings(embeddings: Array, scale: float, bias: bool) -> Table:
    """The embeddings h; a bias is one more feature of 1, which adds 1 to every inner product."""

    def rows(which: slice | Indices) -> Array:
        return take(embeddings, which) if scale == 1.0 else take(embeddings, which) * scale

    return Table(rows, int(embeddings.shape[1]), scale**2 if bias else 0.0)


def _errors(probs: Array, temperature: float, dtype: Any) -> Table:
    """onehot(argmax p) - p, made block by block; a block lives until the next one is asked for."""
    xp, classes = namespace(probs), int(probs.shape[1])
    each = xp.arange(classes, device=device(probs))
    predicted, scratch = xp.argmax(probs, axis=1), Scratch()

    def rows(which: slice | Indices) -> Array:
        p, largest = tempered(take(probs, which), temperature), take(predicted, which)
        if not isinstance(p, np.ndarray) or p.dtype != dtype:
            return xp.astype(xp.astype(each[None, :] == largest[:, None], p.dtype) - p, dtype, copy=False)
        errors = np.negative(p, out=scratch.block(p.shape, p.dtype) if isinstance(which, slice) else None)
        errors[np.arange(len(p)), largest] += 1.0
        return errors

    return Table(rows, classes)


def _longest(vectors: Vectors, order: Indices) -> int:
    """The longest vector; what rounding leaves open is settled in float64."""
    slack = 2.0 * vectors.noise * vectors.norms
    near = np.flatnonzero(vectors.norms + slack >= np.max(vectors.norms - slack))
    if len(near) == 1:
        return int(near[0])
    squares = np.empty(len(near))
    for rows in row_blocks(len(near), 16 * sum(table.width for table in vectors.tables)):
        parts = vectors.gather(near[rows]).parts
        squares[rows] = np.prod(
            [
                np.sum(part.astype(np.float64) ** 2, axis=1) + table.offset
                for part, table in zip(parts, vectors.tables, strict=True)
            ],
            axis=0,
        )
    return first_of(near[squares == squares.max()], order)
