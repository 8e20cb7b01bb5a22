"""Importance-weighted active learning: asking by coin flips whose chances are known."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, to_numpy
from claros.checks import number
from claros.pick import Picked
from claros.strategy import strategy

__all__ = ["chances", "iwal"]


@strategy(reference="Beygelzimer, Dasgupta & Langford 2009, arXiv:0812.4952", stochastic=True)
def iwal(k: int, *, member_probs: Array, rng: np.random.Generator, floor: float = 0.1) -> Picked:
    """Ask, in random order, each candidate with a chance that grows with the members' disagreement, until k are asked.

    The chance is floor + (1 - floor) · d, where d in [0, 1] is the largest difference between two members'
    probabilities of a class; a pick's score is d, its probability the chance. Weighting each pick by 1 / probability
    makes sums over the picks unbiased for sums over everything met, so that labels chosen this way can train a model
    without bias. Who is not asked when all were met is met again; the chance of a pick of the t-th pass is that of t
    coins.

    Departures: MALLS' code asks for one item more than there is a budget for, may ask for one twice, and trains without
    the weights. The chances come from the spread of members in place of a version space.

    Cost: O(N·S·C) time, O(N) memory.

    Use it where estimates from the labels, or training on them, must not be biased by the choice; it asks for more
    labels than margin does to reach the same accuracy. A floor near 0 makes single weights huge.

    >>> import numpy as np
    >>> agree, differ = [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]
    >>> picked = iwal(1, member_probs=np.array([agree, differ]), rng=np.random.default_rng(0), floor=0.01)
    >>> picked.indices.tolist(), picked.probabilities.tolist()
    ([1], [1.0])
    """
    number(floor, 1e-4, 1, "iwal: floor")
    spread = _spread(member_probs)
    once = chances(spread, floor)
    order = rng.permutation(len(once))
    found: list[int] = []
    probability: list[float] = []
    passes = 0
    while len(found) < k:
        passes += 1
        asked = order[rng.random(len(order)) < once[order]]
        asked = asked[: k - len(found)]
        found += asked.tolist()
        probability += (1 - (1 - once[asked]) ** passes).tolist()
        order = order[~np.isin(order, asked)]
    indices = np.array(found, dtype=np.int64)
    return Picked(indices, spread[indices], np.array(probability))


def chances(spread: Floats, floor: float) -> Floats:
    """Chance (N,) of being asked when met, in [floor, 1], for a disagreement (N,) in [0, 1].

    >>> chances(np.array([0.0, 0.5, 1.0]), 0.2).round(3).tolist()
    [0.2, 0.6, 1.0]
    """
    return np.asarray(np.minimum(floor + (1 - floor) * spread, 1.0))


def _spread(member_probs: Array) -> Floats:
    """(N,) the largest difference between two members' probabilities of a class."""
    probs = to_numpy(member_probs).astype(np.float64)
    found: Floats = (probs.max(axis=1) - probs.min(axis=1)).max(axis=-1)
    return np.clip(found, 0.0, 1.0)
