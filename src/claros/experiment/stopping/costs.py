"""What stopping costs, in errors that stay and labels bought; and the regret against the best stop of the same run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from claros.arrays import Array, Floats, Indices

__all__ = ["NEVER", "PRICES", "costs", "first_places", "regrets"]

#: Prices of one label over the worth of 1.00 of accuracy: at 1e-4 a hundred labels must bring one point.
PRICES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)

#: The place of a stop that never came; the run is then paid for to its end.
NEVER = -1


def costs(n_labeled: Array, accuracy: Array, prices: Sequence[float]) -> Floats:
    """What a stop in each round costs, in accuracy: (1 - accuracy) + price · n; (R,), (R,), P prices -> (P, R).

    >>> costs([10, 20], [0.5, 0.75], [0.01]).round(3).tolist()
    [[0.6, 0.45]]
    """
    n, errors = np.asarray(n_labeled, dtype=np.float64), 1.0 - np.asarray(accuracy, dtype=np.float64)
    return errors + np.asarray(prices, dtype=np.float64)[:, None] * n


def regrets(cost: Floats, places: Indices) -> Floats:
    """Log of the cost at a stop over the best cost of the same run; costs (P, R), places (..., P) -> (..., P), >= 0.

    A place of `NEVER` counts as the last round: who never stops pays to the end.
    """
    at_stop = cost[np.arange(len(cost)), places]  # NEVER is -1, which is the last
    return np.asarray(np.log(at_stop / cost.min(axis=1)))


def first_places(stops: Array) -> Indices:
    """The first true place along the last axis, `NEVER` where there is none; (..., R) -> (...)."""
    return np.where(stops.any(axis=-1), stops.argmax(axis=-1), NEVER)
