"""How unsure a multi-label prediction is, from independent label probabilities: (N, K) -> (N,), higher = less sure."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import rankdata

from claros.arrays import Array, Floats, from_numpy, map_rows, namespace, to_numpy
from claros.measures.predictive import plogp

__all__ = ["cardinality_gap", "expected_hamming_loss", "margin", "max_margin", "set_distance", "shared_rank"]

#: The smallest gap that is told from none.
LEAST = 1e-12


def margin(label_probs: Array, reduce: Literal["mean", "max", "min"] = "mean") -> Array:
    """1 - abs(2p - 1) of each label, then its mean, maximum or minimum; (N, K) -> (N,), in [0, 1]. O(N·K) time."""

    def score(block: Array) -> Array:
        xp, closeness = namespace(block), 1.0 - _sureness(block)
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


def max_margin(label_probs: Array, threshold: float = 0.5) -> Array:
    """How near the labels predicted and those not predicted come to each other; (N, K) -> (N,), in [1/2, inf).

    1 over the gap between the least of abs(2p - 1) among labels with p > threshold and minus that among the others;
    the part of a group that is empty counts 1. O(N·K) time, O(N) memory.
    """

    def score(block: Array) -> Array:
        xp, sure, predicted = namespace(block), _sureness(block), block > threshold
        there = xp.min(xp.where(predicted, sure, xp.ones_like(sure)), axis=1)
        apart = there + xp.min(xp.where(predicted, xp.ones_like(sure), sure), axis=1)
        return 1.0 / xp.clip(apart, min=LEAST)

    return map_rows(score, label_probs, _row_bytes(label_probs))


def shared_rank(label_probs: Array) -> Floats:
    """Mean over the labels of the share of other items that are surer of it; (N, K) -> (N,), in [0, 1].

    O(N·K log N) time, O(N·K) memory.
    """
    sure = _sureness(to_numpy(label_probs))
    total: Floats = np.zeros(len(sure))
    for column in sure.T:
        total += len(sure) - rankdata(column)  # of equals the mean rank
    total /= sure.shape[1] * max(1, len(sure) - 1)
    return total


def set_distance(label_probs: Array, label_sets: Array, threshold: float = 0.5) -> Array:
    """Mean distance of the labels predicted from the label sets of other items; (N, K), (L, K) -> (N,), in [0, 1].

    The distance of two sets is (H(Y|Z) + H(Z|Y)) / H(Y, Z), over the K labels as equally likely draws: 0 where one
    tells the other, 1 where it says nothing of it; and 1 between a set and its complement, which tells it, too.
    O(N·L·K) time, O(N + L·K) memory.
    """
    xp, count = namespace(label_probs), int(label_sets.shape[0])
    held = xp.astype(from_numpy(to_numpy(label_sets), label_probs), xp.float64)
    sizes = xp.sum(held, axis=1)  # (L,)

    def score(block: Array) -> Array:
        said, n = xp.astype(block > threshold, xp.float64), float(block.shape[1])
        own = xp.sum(said, axis=1)[:, None]
        both = said @ xp.matrix_transpose(held)  # (rows, L)
        cells = both, own - both, sizes[None, :] - both, n - own - sizes[None, :] + both
        joint = 0.0 - sum(plogp(cell / n) for cell in cells)
        alone = _of_two(own / n) + _of_two(sizes / n)[None, :]
        distance = xp.where(joint > 0.0, (2.0 * joint - alone) / xp.where(joint > 0.0, joint, 1.0), joint)
        opposite = cells[1] + cells[2] == n
        return xp.sum(xp.where(opposite, xp.ones_like(distance), xp.clip(distance, 0.0, 1.0)), axis=1) / count

    return map_rows(score, label_probs, 8 * 8 * count)


def _sureness(label_probs: Array) -> Array:
    """abs(2p - 1) of each label, in float64."""
    xp = namespace(label_probs)
    return xp.abs(2.0 * xp.astype(label_probs, xp.float64) - 1.0)


def _of_two(share: Array) -> Array:
    """Entropy of a share and the rest, in nats."""
    return 0.0 - plogp(share) - plogp(1.0 - share)


def _row_bytes(label_probs: Array) -> int:
    return 24 * int(label_probs.shape[1])
