"""Constants that are never judged on the data that chose them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from claros.arrays import Floats
from claros.errors import InputError

__all__ = ["by_set", "chosen_elsewhere"]


def by_set(values: Floats, sets: Sequence[str]) -> tuple[list[str], Floats]:
    """The sets in the order in which they come, and the mean of the values of each one's runs; (U, ...) -> (D, ...)."""
    names = list(dict.fromkeys(sets))
    of_run = np.array(sets)
    return names, np.array([values[of_run == name].mean(axis=0) for name in names])


def chosen_elsewhere(values: Floats, sets: Sequence[str]) -> dict[str, int]:
    """For each set the candidate with the least mean over all other sets, a set counting once; values (U, K) of U runs.

    Of several equally good ones the first. O(U · K + D² · K).
    """
    names, means = by_set(values, sets)
    if len(names) < 2:
        raise InputError(f"A constant is fitted on other data sets than it is judged on; there is only {names[0]}.")
    return {name: int(np.delete(means, place, axis=0).mean(axis=0).argmin()) for place, name in enumerate(names)}
