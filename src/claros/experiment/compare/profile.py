"""How often an arm is within a factor of the best: performance profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claros.arrays import Array, Floats
from claros.errors import InputError
from claros.experiment.compare.paired import ROUNDING
from claros.experiment.compare.ranking import checked_table

__all__ = ["Profiles", "profiles"]


@dataclass(frozen=True)
class Profiles:
    """``shares[a, k]``, (A, K): in which share of ``n`` settings arm a costs at most ``ratios[k]`` times the least.

    ``ratios`` (K,) ascend from 1; the profile is a step function, constant between them. An arm's share at 1 is how
    often it is the cheapest (arms that tie all are), at the last how often it gets there at all.
    """

    names: tuple[str, ...]
    ratios: Floats
    shares: Floats
    n: int


def profiles(costs: Array, names: Sequence[str]) -> Profiles:
    """Performance profiles of costs (T, A) > 0, infinite where an arm never gets there: Dolan & Moré 2002.

    Where no arm gets there, none is within any factor of the best; the setting still counts. O(T·A·K) time and memory.

    >>> found = profiles([[100, 150], [300, 200]], ["margin", "random"])
    >>> found.ratios.tolist(), found.shares.tolist()
    ([1.0, 1.5], [[0.5, 1.0], [0.5, 1.0]])
    """
    table = checked_table(costs, names, "cost")
    if not (table > 0).all():
        raise InputError("Costs must be above 0, and infinite where an arm never gets there.")
    least = table.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        times = np.where(np.isfinite(table), table / least, np.inf)
    times = np.where(times <= 1 + ROUNDING, 1.0, times)  # a tie up to rounding
    ratios = np.unique(np.append(times[np.isfinite(times)], 1.0))
    shares = (times[:, :, None] <= ratios).mean(axis=0)
    return Profiles(tuple(names), ratios, shares, len(table))
