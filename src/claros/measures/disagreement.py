"""How much the members of a committee, an ensemble or a posterior disagree: (N, S, C) -> (N,), higher = more."""

from __future__ import annotations

import math
from collections.abc import Callable

from claros.arrays import Array, map_rows, namespace
from claros.measures.predictive import FEW_CLASSES, columns, plogp, sum_classes

__all__ = [
    "consensus",
    "max_divergence",
    "mean_deviation",
    "mutual_information",
    "noise",
    "variation_ratio",
    "vote_entropy",
]


def noise(array: Array, terms: int) -> float:
    """What a difference of two sums of so many p log p may be by rounding alone, in the array's precision."""
    return 8 * float(namespace(array).finfo(array.dtype).eps) * (1 + math.log(max(1, terms)))


def mutual_information(member_probs: Array) -> Array:
    """Mutual information of label and model, in nats; (N, S, C) -> (N,), in [0, log C].

    Entropy of the mean prediction minus the mean of the members' entropies, which is the mean Kullback-Leibler
    divergence of the members from their mean. What is below the rounding of the inputs' precision counts as 0, so
    that items on which all members agree are tied, and not ordered by noise. O(N·S·C) time, O(N) memory.
    """
    xp = namespace(member_probs)
    _, members, classes = (int(size) for size in member_probs.shape)
    rounding = noise(member_probs, members * classes)

    def score(block: Array) -> Array:  # (rows, S, C)
        flat = xp.reshape(block, (block.shape[0], -1))
        if classes <= FEW_CLASSES:
            mean = xp.sum(xp.reshape(columns(flat), (members, classes, -1)), axis=0) / members
            of_mean = sum_classes(plogp(mean), 0)
        else:
            of_mean = sum_classes(plogp(xp.sum(block, axis=1) / members), 1)
        information = sum_classes(plogp(flat), 1) / members - of_mean
        return xp.where(information > rounding, information, xp.zeros_like(information))

    return map_rows(score, member_probs, 8 * members * classes)


def max_divergence(member_probs: Array) -> Array:
    """Divergence of the member farthest from the mean, KL(member || mean) in nats; (N, S, C) -> (N,), in [0, log S].

    What is below the rounding of the inputs' precision counts as 0. O(N·S·C) time, O(N) memory.
    """
    xp = namespace(member_probs)
    _, members, classes = (int(size) for size in member_probs.shape)
    rounding = noise(member_probs, members * classes)

    def score(block: Array) -> Array:  # (rows, S, C)
        mean = xp.sum(block, axis=1, keepdims=True) / members
        logs = xp.log(xp.clip(mean, min=float(xp.finfo(block.dtype).smallest_normal)))
        largest = xp.max(xp.sum(plogp(block) - block * logs, axis=2), axis=1)
        return xp.where(largest > rounding, largest, xp.zeros_like(largest))

    return map_rows(score, member_probs, 8 * members * classes)


def mean_deviation(member_probs: Array) -> Array:
    """Standard deviation over the members, averaged over the classes; (N, S, C) -> (N,), in [0, 1/2].

    Exactly 0 where all members agree. O(N·S·C) time, O(N) memory.
    """
    xp = namespace(member_probs)

    def score(block: Array) -> Array:  # (rows, S, C)
        apart = block - block[:, :1, :]
        apart = apart - xp.mean(apart, axis=1, keepdims=True)
        return xp.mean(xp.sqrt(xp.mean(apart * apart, axis=1)), axis=1)

    return map_rows(score, member_probs, 8 * math.prod(int(size) for size in member_probs.shape[1:]))


def vote_entropy(member_probs: Array) -> Array:
    """Entropy of the members' votes in nats; (N, S, C) -> (N,), in [0, log min(S, C)].

    A member votes for its most probable class, the first of tied ones. Items whose votes are split alike are tied,
    bit for bit. O(N·S·(C + S)) time, O(N) memory.
    """
    members = int(member_probs.shape[1])

    def score(block: Array) -> Array:
        xp = namespace(block)
        # sorted, so that the same split is summed in the same order whichever members and classes it is between
        shares = xp.sort(_supporters(block), axis=1) / members
        return 0.0 - xp.sum(xp.log(shares), axis=1) / members

    return map_rows(score, member_probs, _vote_bytes(member_probs))


def variation_ratio(member_probs: Array) -> Array:
    """Share of the members that do not vote for the class with most votes; (N, S, C) -> (N,), in [0, 1 - 1/C].

    O(N·S·(C + S)) time, O(N) memory.
    """
    members = int(member_probs.shape[1])
    return map_rows(
        lambda block: 1.0 - namespace(block).max(_supporters(block), axis=1) / members,
        member_probs,
        _vote_bytes(member_probs),
    )


def _supporters(block: Array) -> Array:
    """How many members vote as each member does, itself included: (rows, S, C) -> (rows, S), in float64."""
    xp = namespace(block)
    votes = xp.argmax(block, axis=2)
    counts = xp.zeros_like(votes)
    for member in range(int(votes.shape[1])):
        counts = counts + xp.astype(votes == votes[:, member : member + 1], counts.dtype)
    return xp.astype(counts, xp.float64)


def _vote_bytes(member_probs: Array) -> int:
    _, members, classes = (int(size) for size in member_probs.shape)
    return 8 * members * (classes + 4)


def consensus(measure: Callable[[Array], Array], member_probs: Array) -> Array:
    """A measure (rows, C) -> (rows,) of the members' mean prediction, which is never held whole; (N, S, C) -> (N,)."""
    members, classes = (int(size) for size in member_probs.shape[1:])
    return map_rows(
        lambda block: measure(namespace(block).mean(block, axis=1)), member_probs, 8 * (members + 1) * classes
    )
