"""The lower tail of the hypergeometric distribution, for many urns at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Floats

__all__ = ["at_most"]

#: Terms below this share of the sum no longer change it.
NEGLIGIBLE = 1e-17
#: So many terms are summed at once.
TERMS = 32


def at_most(k: Any, population: Any, successes: Any, draws: Any) -> Floats:
    """P(at most k successes among the draws without replacement), elementwise; arrays of one shape, or scalars.

    More successes than the population holds are impossible, and so is what follows from them: 0. Sums from the
    largest term of the shorter side of the mode outwards, so a small probability keeps some 9 digits at populations
    of a million. O(urns · standard deviations) time; scipy's cdf sums every term of every urn.

    >>> at_most([0, 1], 10, 2, 5).round(6).tolist()  # C(8, 5) / C(10, 5) = 2 / 9; 1 - C(8, 3) / C(10, 5) = 7 / 9
    [0.222222, 0.777778]
    """
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (k, population, successes, draws)))
    k, population, successes, draws = (np.ravel(array) for array in arrays)
    low, high = np.maximum(0, draws - (population - successes)), np.minimum(successes, draws)
    possible = successes <= population
    result = np.where(possible & (k >= high), 1.0, 0.0)
    inside = np.flatnonzero(possible & (k >= low) & (k < high))
    if inside.size:
        k, population, successes, draws = (array[inside] for array in (k, population, successes, draws))
        below = k < np.floor((draws + 1) * (successes + 1) / (population + 2))
        start = np.where(below, k, k + 1)
        sums = _tail(start, np.where(below, -1.0, 1.0), population, successes, draws)
        result[inside] = np.where(below, sums, 1.0 - sums)
    return np.clip(result, 0.0, 1.0).reshape(arrays[0].shape)


def _tail(start: Floats, step: Floats, population: Floats, successes: Floats, draws: Floats) -> Floats:
    """Probability of ``start`` and of all that lies beyond it, down or up; it is on the falling side of the mode."""
    rest = population - successes - draws  # may be negative
    total, term = np.ones_like(start), np.ones_like(start)
    active, done = np.arange(start.size), 0
    while active.size:
        x = start[active, None] + step[active, None] * np.arange(done, done + TERMS)
        good, drawn, left, up = (array[active, None] for array in (successes, draws, rest, step > 0))
        # past the end of the support a ratio is 0, and the product stays so
        with np.errstate(divide="ignore", invalid="ignore"):  # of the direction that is not taken
            rising = (good - x) * (drawn - x) / ((x + 1) * (left + x + 1))
            falling = x * (left + x) / ((good - x + 1) * (drawn - x + 1))
        ratios = np.where(up, rising, falling)
        terms = term[active, None] * np.cumprod(ratios, axis=1)
        total[active] += terms.sum(axis=1)
        term[active], done = terms[:, -1], done + TERMS
        active = active[term[active] > NEGLIGIBLE * total[active]]
    return np.exp(_log_chance(start, population, successes, draws)) * total


def _log_chance(x: Floats, population: Floats, successes: Floats, draws: Floats) -> Floats:
    return _log_choose(successes, x) + _log_choose(population - successes, draws - x) - _log_choose(population, draws)


def _log_choose(n: Floats, k: Floats) -> Floats:
    from scipy.special import gammaln

    chosen: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen
