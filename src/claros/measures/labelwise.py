"""How unsure a multi-label prediction is, from independent label probabilities: (N, K) -> (N,), higher = less sure."""

from __future__ import annotations

from typing import Literal

from claros.arrays import Array, map_rows, namespace

__all__ = ["cardinality_gap", "expected_hamming_loss", "margin"]


def margin(label_probs: Array, reduce: Literal["mean", "max", "min"] = "mean") -> Array:
    """1 - abs(2p - 1) of each label, then its mean, maximum or minimum; (N, K) -> (N,), in [0, 1]. O(N·K) time."""

    def score(block: Array) -> Array:
        xp = namespace(block)
        closeness = 1.0 - xp.abs(2.0 * xp.astype(block, xp.float64) - 1.0)
        if reduce == "mean":
            return xp.mean(closeness, axis=1)
        return (xp.max if reduce == "max" else xp.min)(closeness, axis=1)

    return map_rows(score, label_probs, _row_bytes(label_probs))


def expected_hamming_loss(label_probs: Array) -> Array:
    """Labels expected to be wrong if as many are predicted as are expected, most probable first; (N, K) -> (N,).

    In [0, K]. With r labels predicted it is r + sum of p - 2 · the r largest p. O(N·K log K) time, O(N) memory.
    """

    def score(block: Array) -> Array:
        xp = namespace(block)
        ordered = xp.sort(xp.astype(block, xp.float64), axis=1, descending=True)
        expected = xp.sum(ordered, axis=1)
        count = xp.floor(expected + 0.5)
        places = xp.arange(block.shape[1], dtype=xp.float64, device=block.device)
        predicted = xp.astype(places[None, :] < count[:, None], xp.float64)
        return xp.sum(predicted * (1.0 - ordered) + (1.0 - predicted) * ordered, axis=1)

    return map_rows(score, label_probs, _row_bytes(label_probs))


def cardinality_gap(label_probs: Array, cardinality: float, threshold: float = 0.5) -> Array:
    """Distance from the number of labels predicted, those with p > threshold, to the usual one; (N, K) -> (N,), >= 0.

    O(N·K) time, O(N) memory.
    """

    def score(block: Array) -> Array:
        xp = namespace(block)
        return xp.abs(xp.sum(xp.astype(block > threshold, xp.float64), axis=1) - cardinality)

    return map_rows(score, label_probs, _row_bytes(label_probs))


def _row_bytes(label_probs: Array) -> int:
    return 24 * int(label_probs.shape[1])
