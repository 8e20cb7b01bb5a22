"""Strategies that ask what the model is least sure of, one item at a time."""

from __future__ import annotations

from claros.arrays import Array
from claros.measures import predictive
from claros.strategy import scorer

__all__ = ["entropy", "least_confidence", "margin"]


@scorer(reference="Lewis & Gale 1994, SIGIR")
def least_confidence(*, probs: Array) -> Array:
    """1 minus the probability of the predicted class, in [0, 1 - 1/C].

    Cost: O(N·C) time, O(N) memory.

    Use it with two classes, where it ranks as margin does; not with many: what counts is how far the second class is.
    """
    return predictive.least_confidence(probs)


@scorer(reference="Scheffer, Decomain & Wrobel 2001, IDA")
def margin(*, probs: Array) -> Array:
    """1 minus the gap between the two most probable classes, in [0, 1]; also called breaking ties.

    With one class, all scores are 0.

    Cost: O(N·C) time, O(N) memory.

    Use it with any model that gives probabilities, from some ten labels a class on; it is hard to beat for its price.
    Not for the first labels, and not for batches so large that near copies of one item fill them.
    """
    return predictive.margin(probs)


@scorer(reference="Shannon 1948; Settles 2009, section 3.1")
def entropy(*, probs: Array) -> Array:
    """Entropy of the predicted classes in nats, in [0, log C], with 0 log 0 = 0.

    Cost: O(N·C) time, O(N) memory.

    Use it where confusion among several classes is what a label should end; not with many classes, whose small
    probabilities add up to more than the decision between the two that matter.
    """
    return predictive.entropy(probs)
