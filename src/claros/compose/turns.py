"""Wrappers that change strategies as labels come."""

from __future__ import annotations

import math

from claros.checks import number
from claros.compose.composite import Candidates, Part, compose, resolve
from claros.pick import Picked
from claros.strategy import Strategy

__all__ = ["switch"]


def switch(first: Part, then: Part, *, at: float = 10.0) -> Strategy:
    """One strategy until there are so many labels for each class, then another.

    ``at`` is the number of labels divided by the number of classes from which on the second strategy picks. A pick's
    score is that of the strategy whose turn it is, and the note says which that is.

    Source: as Hacohen & Weinshall 2023, arXiv:2304.09624, find that the best strategy depends on the budget; here the
    budget at which it changes is given.

    Cost: that of the strategy whose turn it is.

    Use it to cover the pool first and ask about doubts later, as in switch(max_herding, margin, at=5); not where `auto`
    serves, which does so with a coverage that looks at doubts from the first label on.
    """
    first, then = resolve(first), resolve(then)
    at = number(at, 0, math.inf, "switch: at")

    def pick(pool: Candidates, k: int) -> Picked:
        labels, classes = len(pool.inputs["labels"]), int(pool.inputs["probs"].shape[1])
        early = labels < at * classes
        strategy = first if early else then
        why = f"{labels} labels are {'fewer than' if early else 'at least'} {at:g} for each of {classes} classes"
        picked = pool.pick(strategy, k, pool.rng)
        return picked._replace(note=" ".join(filter(None, [f"{strategy.name}, since {why}.", picked.note])))

    return compose(switch, (first, then), pick, needs=("probs", "labels"), at=at)
