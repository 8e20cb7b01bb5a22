"""Strategies that count what annotators have said already, so that a second opinion competes with a first label."""

from __future__ import annotations

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.measures.annotators import active_label_quality
from claros.strategy import scorer

__all__ = ["active_lab"]


@scorer(reference="Goh & Mueller 2023, arXiv:2301.11856")
def active_lab(*, annotations: Indices, probs: Array) -> Floats:
    """One minus how sure one may be of the item's class by its annotations and the model; in [0, 1].

    Candidates may have annotations already (-1 where there is none): one with few or contradicting ones, or that the
    model doubts, comes before one without any that the model is sure of. Annotators and the model weigh as much as they
    agree with the consensus beyond what a constant guess does.

    Departures: the model is taken as calibrated, where the authors scale its temperature first; see `tempered`.

    Cost: O(N·(A + C)) time and memory.

    Use it where labels are noisy and an item may be asked again; not with one annotator who is always right.
    """
    return 1.0 - active_label_quality(annotations, to_numpy(probs).astype(float))
