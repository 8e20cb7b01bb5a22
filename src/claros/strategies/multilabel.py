"""Strategies for items that may have any number of K labels, each predicted on its own."""

from __future__ import annotations

from typing import Literal

from claros.arrays import Array, Floats, to_numpy
from claros.errors import InputError
from claros.measures import labelwise
from claros.strategy import scorer

__all__ = ["adaptive_multilabel", "cvirs", "label_cardinality_inconsistency", "mmc", "multilabel_margin"]


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
    _check("label_cardinality_inconsistency", threshold)
    return labelwise.cardinality_gap(label_probs, label_cardinality, threshold)


@scorer(reference="Li & Guo 2013, IJCAI", rowwise=True)
def adaptive_multilabel(
    *, label_probs: Array, label_cardinality: float, weight: float = 0.5, threshold: float = 0.5
) -> Array:
    """Max-margin uncertainty to the power ``weight`` times cardinality inconsistency to the power 1 - ``weight``.

    The uncertainty is 1 over the gap between the labels predicted (probability above ``threshold``) and the others,
    each group by its least sure one, abs(2p - 1); in [1/2, inf). The inconsistency is that of
    `label_cardinality_inconsistency`: where it is 0, so is the score, unless ``weight`` is 1.

    Departures: the weight is given. The paper tries some in every round, and takes the one whose item, with the labels
    that the model gives it, leaves the least error expected on the pool.

    Cost: O(N·K) time, O(N) memory.

    Use it where the number of labels an item has is telling; not where many items have just the usual number, which are
    all tied at 0.
    """
    _check("adaptive_multilabel", threshold)
    if not 0.0 <= weight <= 1.0:
        raise InputError(f"adaptive_multilabel: weight must be in [0, 1]; got {weight!r}.")
    gap = labelwise.cardinality_gap(label_probs, label_cardinality, threshold)
    return labelwise.max_margin(label_probs, threshold) ** weight * gap ** (1.0 - weight)


@scorer(reference="Reyes, Morell & Ventura 2018, Neurocomputing 273")
def cvirs(*, label_probs: Array, label_sets: Array, threshold: float = 0.5) -> Floats:
    """Category vector inconsistency and ranking of scores: unsure of many labels, and unlike the known label sets.

    The product of two numbers in [0, 1]: the mean over the labels of the share of other candidates that are surer of
    it, by abs(2p - 1) (Borda's count, of equals the mean rank); and the mean distance of the labels predicted, those
    with probability above ``threshold``, from the label sets of the labeled items. The distance is the normalised
    entropy distance, (H(Y|Z) + H(Z|Y)) / H(Y, Z), and 1 between complements. With nothing labeled: the first number.

    Departures: none. small-text 1.4.1, by that name, takes the Hamming distance instead (the entropies are worked out
    and dropped), positions in a sort as ranks, and a probability's distance to their sum as its margin.

    Cost: O(N·K log N + N·L·K) time, O(N·K + L·K) memory.

    Use it with few labels an item and some dozens of labeled ones; not with thousands, with each of which every
    candidate is compared.
    """
    _check("cvirs", threshold)
    ranked = labelwise.shared_rank(label_probs)
    if len(label_sets):
        ranked *= to_numpy(labelwise.set_distance(label_probs, label_sets, threshold))
    return ranked


def _check(who: str, threshold: float) -> None:
    if not 0.0 <= threshold < 1.0:
        raise InputError(f"{who}: threshold must be in [0, 1); got {threshold!r}.")
