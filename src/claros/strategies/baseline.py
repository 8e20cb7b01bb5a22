"""The strategy that every other one has to beat."""

from __future__ import annotations

import numpy as np

from claros.pick import Picked
from claros.strategy import strategy

__all__ = ["random"]


@strategy(reference="uniform sampling without replacement", stochastic=True)
def random(k: int, *, n: int, rng: np.random.Generator) -> Picked:
    """Uniformly at random, without replacement.

    Every candidate is equally likely at every place, so all scores are 0; a pick's probability is 1 over the number of
    candidates left in its draw.

    Cost: O(N) time and memory.

    Use it as the control arm of every comparison, and for labels that are to measure something (an accuracy, a class's
    share) without bias; not where labels are dear and a model can already say what it is unsure of.
    """
    indices = rng.permutation(n)[:k].astype(np.int64)
    return Picked(indices, np.zeros(k), 1.0 / np.arange(n, n - k, -1))
