"""Which items to label for a test, so that few say much: those on which a loss is expected."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.checks import number, whole
from claros.errors import InputError
from claros.estimate.arguments import vector

__all__ = ["Drawn", "draw"]


class Drawn(NamedTuple):
    """Test items in the order drawn: positions (n,), and the chance (n,) that each had among those left at its turn."""

    positions: Indices
    probabilities: Floats


def draw(losses_expected: Array, n: int, rng: np.random.Generator, *, uniform: float = 0.1) -> Drawn:
    """Draw ``n`` test items of a pool one by one, with chances in proportion to the expected loss; for `lure`.

    ``losses_expected`` (N,) is at least 0 and best not the tested model's own opinion alone: 1 minus the largest mean
    probability of an ensemble, say. A share ``uniform`` of every chance is spread evenly over what is left, so that
    every item has one; less than the default makes rare surprises costlier. Kossen et al. 2021, arXiv:2103.05331.

    O(n · N) time, O(N) memory.

    >>> drawn = draw([0.1, 0.1, 0.8, 0.0], 4, np.random.default_rng(0))
    >>> sorted(drawn.positions.tolist()), float(drawn.probabilities[-1])
    ([0, 1, 2, 3], 1.0)
    """
    expected = vector(losses_expected, "losses_expected")
    n = whole(n, 1, "n, the number of test items,")
    uniform = number(uniform, 0, 1, "uniform")
    if n > expected.size:
        raise InputError(f"There are {expected.size} items to draw {n} from; they are drawn without replacement.")
    if uniform == 0:
        raise InputError("uniform must be above 0: an item without a chance makes the estimate biased.")
    left = np.arange(expected.size)
    positions, probabilities = np.empty(n, dtype=np.int64), np.empty(n)
    for turn in range(n):
        chances = _chances(expected[left], uniform)
        place = int(rng.choice(left.size, p=chances))
        positions[turn], probabilities[turn] = left[place], chances[place]
        left = np.delete(left, place)
    return Drawn(positions, probabilities)


def _chances(expected: Floats, uniform: float) -> Floats:
    total = expected.sum()
    even = np.full(expected.size, 1 / expected.size)
    chances = (1 - uniform) * expected / total + uniform * even if total > 0 else even
    return np.asarray(chances / chances.sum())
