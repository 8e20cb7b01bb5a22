"""Strategies over a committee's votes and its average, whatever the members are: models, dropout passes, an ensemble.

The mean divergence of the members from their average is `claros.strategies.bayesian.bald`.
"""

from __future__ import annotations

from claros.arrays import Array
from claros.measures import disagreement, predictive
from claros.strategy import scorer

__all__ = [
    "consensus_entropy",
    "consensus_least_confidence",
    "consensus_margin",
    "max_kl",
    "variation_ratio",
    "vote_entropy",
]


@scorer(reference="Dagan & Engelson 1995, ICML", rowwise=True)
def vote_entropy(*, member_probs: Array) -> Array:
    """Entropy of the members' votes in nats, in [0, log min(S, C)].

    A member votes for its most probable class, the first of tied ones. It is blind to how sure they are: many items
    have the same score, and ties are broken at random.

    Cost: O(N·S·(C + S)) time, O(N) memory.

    Use it with members whose probabilities mean nothing, such as trees or nearest neighbours; not where they do mean
    something: `bald` sees more.
    """
    return disagreement.vote_entropy(member_probs)


@scorer(reference="Freeman 1965; Beluch et al. 2018, CVPR", rowwise=True)
def variation_ratio(*, member_probs: Array) -> Array:
    """Share of the members that do not vote for the class with most votes, in [0, 1 - 1/C].

    It counts votes; 1 minus the largest mean probability, which some call so, is `consensus_least_confidence`. A
    member votes for its most probable class, the first of tied ones.

    Cost: O(N·S·(C + S)) time, O(N) memory.

    Use it with an ensemble of five or more, where it did well on images; not with two or three members, who can
    disagree in one way only.
    """
    return disagreement.variation_ratio(member_probs)


@scorer(reference="max entropy of Gal, Islam & Ghahramani 2017, arXiv:1703.02910", rowwise=True)
def consensus_entropy(*, member_probs: Array) -> Array:
    """Entropy of the members' mean prediction in nats, in [0, log C].

    All the uncertainty there is: what the members disagree about (`bald`) and what each of them is unsure of.

    Cost: O(N·S·C) time, O(N) memory.

    Use it as entropy, with the better probabilities that an average gives; not where labels are noisy in places, which
    it asks for again and again.
    """
    return disagreement.consensus(predictive.entropy, member_probs)


@scorer(reference="margin of the mean; Gal, Islam & Ghahramani 2017, arXiv:1703.02910", rowwise=True)
def consensus_margin(*, member_probs: Array) -> Array:
    """1 minus the gap between the two most probable classes of the members' mean prediction, in [0, 1].

    With one class, all scores are 0.

    Cost: O(N·S·C) time, O(N) memory.

    Use it as margin, with the better probabilities that an average of dropout passes or of an ensemble gives; not
    where labels are noisy in places.
    """
    return disagreement.consensus(predictive.margin, member_probs)


@scorer(reference="least confidence of the mean; Gal, Islam & Ghahramani 2017, arXiv:1703.02910", rowwise=True)
def consensus_least_confidence(*, member_probs: Array) -> Array:
    """1 minus the largest probability of the members' mean prediction, in [0, 1 - 1/C].

    Cost: O(N·S·C) time, O(N) memory.

    Use it with two classes, where it ranks as `consensus_margin` does; not with many.
    """
    return disagreement.consensus(predictive.least_confidence, member_probs)


@scorer(reference="McCallum & Nigam 1998, ICML, with the largest divergence in place of the mean", rowwise=True)
def max_kl(*, member_probs: Array) -> Array:
    """Divergence in nats of the member farthest from the mean prediction, KL(member || mean); in [0, log S].

    Cost: O(N·S·C) time, O(N) memory.

    Use it where one dissenting member is reason enough to ask; not with many members, of whom one always dissents:
    their mean divergence is `bald`.
    """
    return disagreement.max_divergence(member_probs)
