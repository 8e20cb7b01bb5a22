"""How much the members of a committee, an ensemble or a posterior disagree: (N, S, C) -> (N,), higher = more."""

from __future__ import annotations

import math

from claros.arrays import Array, map_rows, namespace
from claros.measures.predictive import FEW_CLASSES, columns, plogp, sum_classes

__all__ = ["mutual_information"]


def mutual_information(member_probs: Array) -> Array:
    """Mutual information of label and model, in nats; (N, S, C) -> (N,), in [0, log C].

    Entropy of the mean prediction minus the mean of the members' entropies, which is the mean Kullback-Leibler
    divergence of the members from their mean. What is below the rounding of the inputs' precision counts as 0, so
    that items on which all members agree are tied, and not ordered by noise. O(N·S·C) time, O(N) memory.
    """
    xp = namespace(member_probs)
    _, members, classes = (int(size) for size in member_probs.shape)
    noise = 8 * float(xp.finfo(member_probs.dtype).eps) * (1 + math.log(members * classes))

    def score(block: Array) -> Array:  # (rows, S, C)
        flat = xp.reshape(block, (block.shape[0], -1))
        if classes <= FEW_CLASSES:
            mean = xp.sum(xp.reshape(columns(flat), (members, classes, -1)), axis=0) / members
            of_mean = sum_classes(plogp(mean), 0)
        else:
            of_mean = sum_classes(plogp(xp.sum(block, axis=1) / members), 1)
        information = sum_classes(plogp(flat), 1) / members - of_mean
        return xp.where(information > noise, information, xp.zeros_like(information))

    return map_rows(score, member_probs, 8 * members * classes)
