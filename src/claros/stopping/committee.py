"""What rules record that ask whether the members of a committee agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from claros.arrays import Array, namespace
from claros.errors import InputError
from claros.measures.disagreement import vote_entropy
from claros.stopping.predictions import check_same_stop_set
from claros.stopping.rule import Observation, recorded

__all__ = ["mean_agreement", "reason_to_wait", "stop_set"]


def mean_agreement(member_probs: Array, what: str, who: str) -> float:
    """1 minus the mean entropy of the members' votes over the largest there can be, in [0, 1]; of (N, S, C), N > 0."""
    members, classes = (int(size) for size in member_probs.shape[1:])
    if members < 2:
        raise InputError(f"{who}: {what} must have at least 2 members, or nobody can disagree; got {members}.")
    if classes < 2:
        return 1.0
    entropies = vote_entropy(member_probs)
    return max(0.0, 1.0 - float(namespace(entropies).mean(entropies)) / math.log(min(members, classes)))


def stop_set(member_probs: Array, who: str) -> dict[str, Any]:
    """How far the members agree on the stop set, and whether all of them vote for one class throughout; as JSON."""
    xp = namespace(member_probs)
    n, _, classes = (int(size) for size in member_probs.shape)
    if n == 0:
        raise InputError(f"{who}: the stop set is empty; draw at least one item.")
    agreement = mean_agreement(member_probs, "stop_member_probs", who)
    votes = xp.argmax(member_probs, axis=2)
    return {"items": n, "classes": classes, "constant": bool(xp.all(votes == votes[0, 0])), "agreement": agreement}


def reason_to_wait(seen: Sequence[Observation], first: int, who: str) -> str | None:
    """Why the agreements of these observations do not compare, or say nothing yet; None if they do.

    ``first`` is the number of the first of them in the trace. Another stop set, or a lost class, is an `InputError`.
    """
    check_same_stop_set([recorded(observation, "items", who) for observation in seen], first + len(seen), who)
    classes = [recorded(observation, "classes", who) for observation in seen]
    for place in range(1, len(seen)):
        had, has = classes[place - 1], classes[place]
        if had > has:
            raise InputError(
                f"{who}: stop_member_probs had {had} classes and has {has} in round {first + place}; pass all columns, "
                "zeros for classes that the model does not know."
            )
        if had < has:
            return f"The classes grew from {had} to {has} in round {first + place}; the rounds before still count."
    constant = sum(bool(recorded(observation, "constant", who)) for observation in seen)
    if constant:
        return (
            f"In {constant} of {len(seen)} rounds all members gave all {seen[0]['items']} items of the stop set one "
            "class, so that they agree says nothing yet."
        )
    return None
