"""A mean over a pool from a few items of it, drawn with unequal chances."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri, stdtrit

from claros.arrays import Array, Floats
from claros.checks import whole
from claros.errors import InputError, NoEstimateError
from claros.estimate.arguments import check_level, same_length, vector
from claros.estimate.estimate import Estimate, beta_interval
from claros.estimate.estimator import estimator

__all__ = ["lure"]


@estimator(reference="Farquhar, Gal & Rainforth 2021, arXiv:2101.11665; Kossen et al. 2021, arXiv:2103.05331")
def lure(*, losses: Array, acquisition_probabilities: Array, n_pool: int, level: float = 0.95) -> Estimate:
    """Mean loss over a pool, from test items drawn one by one without replacement with known chances; unbiased.

    ``losses`` (M,) of the test items in the order drawn, at least 0, 1 where wrong and 0 where right for an error rate;
    ``acquisition_probabilities`` (M,), the chance with which each was drawn among those left at its turn; ``n_pool``,
    how many items there were at first. `claros.estimate.active_testing.draw` draws items and gives the chances. Every
    item must have had a chance at every turn, and no test item may have trained the model: keep a list of them.

    The weight of the m-th of M is 1 + (N - M) / (N - m) (1 / ((N - m + 1) q_m) - 1), so that equal chances give the
    plain mean. The value is unbiased, and so it is not cut off where it exceeds 1.

    Interval: approximate. The value is a weighted sum of M terms of which each has the true mean given those before;
    their squared deviations estimate its variance, which falls to 0 when the whole pool is tested. Losses in [0, 1]
    get the limits of Clopper and Pearson at the number of plain draws of equal variance (Korn & Graubard 1998); where
    all losses are 0 (or 1), that number is what it would be if losses had nothing to do with the chances. Other losses
    get Student's. At 95 % and 50 to 200 test items of simulated pools the former covered 90 to 96 %: it misses where
    large losses hide among items that hardly had a chance.

    Departures: the papers give no interval; theirs is for the value alone.

    Cost: O(M).

    >>> print(lure(losses=[1, 0, 0, 1], acquisition_probabilities=[0.1, 1 / 9, 1 / 8, 1 / 7], n_pool=10).value)
    0.5
    """
    level = check_level(level, "lure")
    loss = vector(losses, "losses")
    # the last of a pool has a chance of 1, give or take the rounding of a sum
    chances = np.minimum(vector(acquisition_probabilities, "acquisition_probabilities", 0, 1 + 1e-9), 1.0)
    same_length("test item", losses=loss, acquisition_probabilities=chances)
    _check(chances, n := whole(n_pool, 1, "n_pool"))
    terms, weights = _terms(loss, chances, n)
    value = float(weights @ terms)
    if loss.max() > 1:
        low, high = _student(value, terms, weights, level)
        return Estimate(value, low, high, level, "LURE, Student's t over martingale terms", loss.size, "", "test item")
    low, high = _korn_graubard(value, terms, weights, chances, n, level)
    method = "LURE, Korn-Graubard over martingale terms"
    return Estimate(value, min(low, value), max(high, value), level, method, loss.size, counted="test item")


def _check(chances: Floats, n: int) -> None:
    if chances.size < 2:
        raise NoEstimateError(f"lure needs at least 2 test items, better 50; got {chances.size}.")
    if chances.size > n:
        raise InputError(f"n_pool says {n} items, but losses has {chances.size}; items are drawn without replacement.")
    if not chances.all():
        place = int(np.flatnonzero(chances == 0)[0])
        raise InputError(f"acquisition_probabilities has 0 at index {place}; what has no chance cannot be drawn.")
    if chances.size == n and chances[-1] < 1 - 1e-6:
        raise InputError(
            f"acquisition_probabilities ends with {chances[-1]:g}, but the last of {n} items has chance 1."
        )


def _terms(loss: Floats, chances: Floats, n: int) -> tuple[Floats, Floats]:
    """(M,) terms of which each is unbiased given those before, and the weights (M,) with which they sum to LURE."""
    drawn = loss.size
    before = np.concatenate([[0.0], np.cumsum(loss)[:-1]])
    terms = (before + loss / chances) / n
    if drawn == n:  # all is known: the last term is the mean itself
        return terms, np.eye(n)[-1]
    left = n - np.arange(1, drawn + 1)
    return terms, n * (n - drawn) / (left * (left + 1.0) * drawn)


def _variance(value: float, terms: Floats, weights: Floats) -> float:
    m = terms.size
    return float(weights**2 @ (terms - value) ** 2) * m / (m - 1)


def _student(value: float, terms: Floats, weights: Floats, level: float) -> tuple[float, float]:
    width = float(stdtrit(terms.size - 1, (1 + level) / 2)) * math.sqrt(_variance(value, terms, weights))
    return max(0.0, value - width), value + width


def _korn_graubard(
    value: float, terms: Floats, weights: Floats, chances: Floats, n: int, level: float
) -> tuple[float, float]:
    if terms.size == n:
        return value, value
    rate = min(value, 1.0)
    variance = _variance(value, terms, weights)
    # the plain draws that these are worth; by the chances alone where losses that are all alike show no spread
    if variance > 0 and 0 < rate < 1:
        draws = rate * (1 - rate) / variance
    else:
        draws = 1 / float(((weights / (n * chances)) ** 2).sum())
    draws *= (float(ndtri((1 + level) / 2)) / float(stdtrit(terms.size - 1, (1 + level) / 2))) ** 2
    return beta_interval(rate * draws, draws, level)
