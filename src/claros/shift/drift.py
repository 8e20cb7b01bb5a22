"""Class shares that change over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from claros.arrays import Array, Floats
from claros.checks import whole
from claros.errors import InputError, UnknownNameError, suggest
from claros.rng import generator
from claros.shift.adjust import distribution

__all__ = ["DRIFTS", "drift"]


def _square(steps: int, period: int, rng: np.random.Generator) -> Floats:
    return np.asarray((np.arange(steps) // max(1, period // 2)) % 2, dtype=np.float64)


def _bernoulli(steps: int, period: int, rng: np.random.Generator) -> Floats:
    flips = rng.random(steps) < 1 / period
    flips[0] = False
    return np.asarray(np.cumsum(flips) % 2, dtype=np.float64)


#: Name -> the share of the second distribution at each step, (T,) in [0, 1].
DRIFTS: Mapping[str, Callable[[int, int, np.random.Generator], Floats]] = MappingProxyType(
    {
        "monotone": lambda steps, period, rng: np.arange(steps) / max(1, steps - 1),
        "square": _square,
        "sinusoidal": lambda steps, period, rng: np.sin(np.pi * (np.arange(steps) % period) / period),
        "bernoulli": _bernoulli,
    }
)


def drift(
    kind: str,
    steps: int,
    start: Array,
    end: Array,
    *,
    period: int | None = None,
    seed: int | None = None,
    rng: np.random.Generator | None = None,
) -> Floats:
    """Class shares (T, C) that move between two distributions, (C,) each, over ``steps`` T.

    The share of ``end`` at step t: ``"monotone"`` t / (T - 1); ``"square"`` 0 and 1 in turn, for half a period each;
    ``"sinusoidal"`` sin(pi (t mod period) / period); ``"bernoulli"`` changes side with chance 1 / period at each step.
    The period is sqrt(T), rounded, unless given (Bai, Zhang, Zhao, Sugiyama & Zhou 2022, arXiv:2207.02121). O(T · C).

    >>> drift("monotone", 3, [1, 0], [0, 1]).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    if kind not in DRIFTS:
        raise UnknownNameError(suggest(kind, DRIFTS, "drift"))
    steps = whole(steps, 1, "steps")
    length = max(2, round(math.sqrt(steps))) if period is None else whole(period, 2, "period")
    first, last = distribution(start, "start"), distribution(end, "end")
    if first.shape != last.shape:
        raise InputError(f"start has {first.size} classes and end has {last.size}.")
    share = DRIFTS[kind](steps, length, generator(seed, rng, "drift"))[:, None]
    return np.asarray((1 - share) * first + share * last)
