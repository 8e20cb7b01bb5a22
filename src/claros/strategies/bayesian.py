"""Strategies that compare several members' predictions: dropout passes, an ensemble, a committee, a posterior."""

from __future__ import annotations

from claros.arrays import Array
from claros.measures import disagreement
from claros.strategy import scorer

__all__ = ["bald"]


@scorer(reference="Houlsby et al. 2011, arXiv:1112.5745; Gal, Islam & Ghahramani 2017, arXiv:1703.02910")
def bald(*, member_probs: Array) -> Array:
    """What the label would tell about the model: mutual information in nats, in [0, log C].

    High where each member is sure and they contradict each other, 0 where all agree, however unsure they are.

    Cost: O(N·S·C) time, O(N) memory.

    Use it where labels are noisy in places, which it leaves alone while margin asks there again and again; not for
    large batches by itself, whose members tell the same thing: draw them by `power_bald`.
    """
    return disagreement.mutual_information(member_probs)
