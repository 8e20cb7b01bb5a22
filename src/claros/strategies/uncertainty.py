"""Strategies that ask what the model is least sure of, one item at a time."""

from __future__ import annotations

from claros.arrays import Array
from claros.measures import predictive
from claros.strategy import scorer

__all__ = ["entropy", "least_confidence", "margin"]


@scorer(reference="Lewis & Gale 1994, SIGIR")
def least_confidence(*, probs: Array) -> Array:
    """1 minus the probability of the predicted class, in [0, 1 - 1/C]. O(N·C) time, O(N) memory."""
    return predictive.least_confidence(probs)


@scorer(reference="Scheffer, Decomain & Wrobel 2001, IDA")
def margin(*, probs: Array) -> Array:
    """1 minus the gap between the two most probable classes, in [0, 1]; also called breaking ties.

    With one class, all scores are 0. O(N·C) time, O(N) memory.
    """
    return predictive.margin(probs)


@scorer(reference="Shannon 1948; Settles 2009, section 3.1")
def entropy(*, probs: Array) -> Array:
    """Entropy of the predicted classes in nats, in [0, log C], with 0 log 0 = 0. O(N·C) time, O(N) memory."""
    return predictive.entropy(probs)
