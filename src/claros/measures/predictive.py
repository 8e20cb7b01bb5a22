"""How unsure a prediction is, from class probabilities: (N, C) -> (N,), higher = less sure.

Equal rows get equal scores, bit for bit, wherever they stand: ties are for the random generator to break. So nothing
here is summed by a BLAS product, whose order of summation depends on a row's place in its block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from claros.arrays import Array, map_rows, namespace

__all__ = [
    "FEW_CLASSES",
    "UNCERTAINTY",
    "columns",
    "energy",
    "entropy",
    "gini",
    "least_confidence",
    "logit_margin",
    "margin",
    "plogp",
    "ratio",
    "resummed",
    "reweighted",
    "sum_classes",
    "tempered",
]

#: Up to so many classes, what is done over classes is fastest done class by class, over whole columns.
FEW_CLASSES = 32


def least_confidence(probs: Array) -> Array:
    """1 minus the largest probability; (N, C) -> (N,), in [0, 1 - 1/C]. O(N·C) time, O(N) memory."""
    return _not_below_0(1.0 - map_rows(_largest, probs, _row_bytes(probs)))


def margin(probs: Array) -> Array:
    """1 minus the gap between the two largest probabilities; (N, C) -> (N,), in [0, 1]; 0 throughout if C = 1.

    O(N·C) time, O(N) memory. The gap is exact: it is taken in float64, whatever the probabilities come in.
    """
    return _not_below_0(map_rows(_closeness, probs, _row_bytes(probs)))


def entropy(probs: Array) -> Array:
    """Entropy in nats, with 0 log 0 = 0; (N, C) -> (N,), in [0, log C]. O(N·C) time, O(N) memory.

    Logarithms are in the precision of the probabilities. Few classes are summed in float64, so that rounding ties next
    to nothing that is not equal.
    """
    xp, classes = namespace(probs), int(probs.shape[1])

    def score(block: Array) -> Array:
        terms = plogp(block)
        if classes > FEW_CLASSES:
            return 0.0 - sum_classes(terms, 1)
        total = 0.0 - xp.astype(terms[:, 0], xp.float64)
        for code in range(1, classes):
            total -= terms[:, code]
        return total

    return _not_below_0(map_rows(score, probs, _row_bytes(probs)))


def ratio(probs: Array) -> Array:
    """The second largest probability over the largest; (N, C) -> (N,), in [0, 1]; 0 throughout if C = 1.

    O(N·C) time, O(N) memory.
    """
    return map_rows(_ratio, probs, _row_bytes(probs))


def gini(probs: Array) -> Array:
    """Chance that two labels drawn from the prediction differ; (N, C) -> (N,), in [0, 1 - 1/C].

    The sum of p (1 - p), which keeps its digits where 1 - sum of p² loses them. O(N·C) time, O(N) memory.
    """
    few = probs.shape[1] <= FEW_CLASSES

    def score(block: Array) -> Array:
        turned = columns(block) if few else block
        return sum_classes(turned * (1.0 - turned), 0 if few else 1)

    return _not_below_0(map_rows(score, probs, _row_bytes(probs)))


def logit_margin(logits: Array) -> Array:
    """Minus the gap between the two largest logits, or -abs(logit) of a single column; (N, C) -> (N,), at most 0.

    O(N·C) time, O(N) memory. The gap is taken in float64.
    """

    def score(block: Array) -> Array:
        xp = namespace(block)
        if block.shape[1] == 1:
            return -xp.abs(block[:, 0])
        first, second = _top_two(block)
        return second - first

    return map_rows(score, logits, _row_bytes(logits))


def energy(logits: Array, temperature: float = 1.0) -> Array:
    """Free energy, -T log sum exp(z / T), in the logits' unit; (N, C) -> (N,). O(N·C) time, O(N) memory."""

    def score(block: Array) -> Array:
        xp = namespace(block)
        largest = xp.max(block, axis=1)
        with np.errstate(over="ignore"):  # far below the largest logit is as good as minus infinity
            powers = xp.exp((block - largest[:, None]) / temperature)
        logs = xp.log(xp.sum(powers, axis=1))
        return -xp.astype(largest, xp.float64) - temperature * xp.astype(logs, xp.float64)

    return map_rows(score, logits, _row_bytes(logits))


def tempered(probs: Array, temperature: float) -> Array:
    """p^(1/T), normalised over the last axis: sharper for T below 1, flatter above; the same shape."""
    if temperature == 1.0:
        return probs
    xp = namespace(probs)
    powers = (probs / xp.max(probs, axis=-1, keepdims=True)) ** (1.0 / temperature)
    return powers / xp.sum(powers, axis=-1, keepdims=True)


def reweighted(probs: Array, weights: Array) -> Array:
    """p · w, normalised over the last axis; as it was where nothing is left; (..., C), (C,) -> (..., C)."""
    xp = namespace(probs)
    products = probs * weights
    total = xp.sum(products, axis=-1, keepdims=True)
    return xp.where(total > 0.0, products / xp.where(total > 0.0, total, xp.ones_like(total)), probs)


def resummed(array: Array) -> Array:
    """Rows that are off 1 by no more than bfloat16 rounds, made to sum to 1."""
    xp = namespace(array)
    sums = xp.sum(array, axis=-1, keepdims=True)
    return array / xp.where(xp.abs(sums - 1.0) <= 2.0**-8, sums, xp.ones_like(sums))


def _not_below_0(values: Array) -> Array:
    """Values that are below 0 only where a probability is a little above 1, which rows that sum to 1.001 may have."""
    if isinstance(values, np.ndarray):
        return np.maximum(values, 0.0, out=values)
    return namespace(values).clip(values, min=0.0)


def plogp(probs: Array) -> Array:
    """p log p of every entry, 0 where p is 0; the same shape."""
    xp = namespace(probs)
    # The smallest normal number stands in for 0: its logarithm is finite, and times 0 it is 0.
    least = float(xp.finfo(probs.dtype).smallest_normal)
    if isinstance(probs, np.ndarray):
        above = probs if np.min(probs, initial=1.0) >= least else np.maximum(probs, least)
        logs = np.log(above, order="C")  # sums go by the order in memory
    else:
        logs = xp.log(xp.clip(probs, min=least))
    logs *= probs
    return logs


def columns(block: Array) -> Array:
    """Classes first; NumPy is fast over whole columns only where these are contiguous."""
    turned = namespace(block).matrix_transpose(block)
    return np.ascontiguousarray(turned) if isinstance(block, np.ndarray) else turned


def sum_classes(values: Array, axis: int) -> Array:
    """Sum over the classes, in the same order for every item."""
    if axis == 1:
        return namespace(values).sum(values, axis=1)
    if len(values) == 1:
        return values[0]
    total = values[0] + values[1]
    for column in values[2:]:
        total += column
    return total


def _row_bytes(probs: Array) -> int:
    return 8 * int(probs.shape[1])


def _largest(block: Array) -> Array:
    xp = namespace(block)
    if block.shape[1] > FEW_CLASSES:
        return xp.max(block, axis=1)
    of_class = columns(block)
    largest = of_class[0]
    for column in of_class[1:]:
        largest = xp.maximum(largest, column)
    return largest


def _closeness(block: Array) -> Array:
    if block.shape[1] == 1:
        return namespace(block).zeros_like(block[:, 0])
    first, second = _top_two(block)
    return 1.0 - (first - second)


def _ratio(block: Array) -> Array:
    if block.shape[1] == 1:
        return namespace(block).zeros_like(block[:, 0])
    first, second = _top_two(block)
    return second / first


def _top_two(block: Array) -> tuple[Array, Array]:
    """Each row's largest value and the next, in float64."""
    xp = namespace(block)
    first, second = _top_two_of_few(block, xp) if block.shape[1] <= FEW_CLASSES else _top_two_of_many(block, xp)
    return xp.astype(first, xp.float64), xp.astype(second, xp.float64)


def _top_two_of_few(block: Array, xp: Any) -> tuple[Array, Array]:
    of_class = columns(block)
    first = xp.maximum(of_class[0], of_class[1])
    second = xp.minimum(of_class[0], of_class[1])
    for column in of_class[2:]:
        second = xp.maximum(second, xp.minimum(first, column))
        first = xp.maximum(first, column)
    return first, second


def _top_two_of_many(block: Array, xp: Any) -> tuple[Array, Array]:
    if isinstance(block, np.ndarray):
        ordered = np.partition(block, block.shape[1] - 2, axis=1)
        return ordered[:, -1], ordered[:, -2]
    winner = xp.argmax(block, axis=1, keepdims=True)
    classes = xp.arange(block.shape[1], device=block.device)
    others = xp.where(classes[None, :] == winner, xp.full_like(block, -xp.inf), block)
    return xp.max(block, axis=1), xp.max(others, axis=1)


#: The measures that a parameter names.
UNCERTAINTY: Mapping[str, Callable[[Array], Array]] = {
    "entropy": entropy,
    "least_confidence": least_confidence,
    "margin": margin,
}
