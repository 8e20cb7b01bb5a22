"""Strategies for items that may have any number of K labels, each predicted on its own."""

from __future__ import annotations

from typing import Literal

from claros.arrays import Array
from claros.errors import InputError
from claros.measures import labelwise
from claros.strategy import scorer

__all__ = ["label_cardinality_inconsistency", "mmc", "multilabel_margin"]


@scorer(reference="Brinker 2006; Esuli & Sebastiani 2009, ECIR", rowwise=True)
def multilabel_margin(*, label_probs: Array, reduce: Literal["mean", "max", "min"] = "mean") -> Array:
    """How near each label's probability is to a coin flip, 1 - abs(2p - 1), over all labels; in [0, 1].

    ``reduce`` is over the labels: their mean, the ``max`` (one open label is enough) or the ``min`` (all must be open).

    Cost: O(N·K) time, O(N) memory.

    Use it first of the multi-label strategies; with ``max`` where a question is about the whole item anyway, not with
    ``max`` and many rare labels, of which one is always open.
    """
    return labelwise.margin(label_probs, reduce)


@scorer(reference="Yang, Sun, Wang & Chen 2009, KDD", rowwise=True)
def mmc(*, label_probs: Array) -> Array:
    """Loss that the label sets would take away at most: labels expected to be wrong in the prediction, in [0, K].

    Maximum loss reduction with maximal confidence: as many labels are predicted as the item is thought to have, the
    most probable ones; each counts with 1 - p, and each of the others with p.

    Departures: an item is thought to have the sum of its probabilities, rounded; the paper learns that number from the
    labeled items by a logistic regression.

    Cost: O(N·K log K) time, O(N) memory.

    Use it where items with many open labels should come first; not where items differ much in how many labels they
    have, since it adds over labels.
    """
    return labelwise.expected_hamming_loss(label_probs)


@scorer(reference="Li & Guo 2013, IJCAI", rowwise=True)
def label_cardinality_inconsistency(*, label_probs: Array, label_cardinality: float, threshold: float = 0.5) -> Array:
    """How far the number of labels predicted is from what labeled items have on average; in labels, at least 0.

    A label is predicted where its probability is above ``threshold``.

    Cost: O(N·K) time, O(N) memory.

    Use it to find where the model predicts impossible sets (none, or too many), as a part of a mixture; not alone:
    many items have the same score, and ties are broken at random.
    """
    if not 0.0 <= threshold < 1.0:
        raise InputError(f"label_cardinality_inconsistency: threshold must be in [0, 1); got {threshold!r}.")
    return labelwise.cardinality_gap(label_probs, label_cardinality, threshold)
