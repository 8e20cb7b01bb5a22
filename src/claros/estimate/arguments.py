"""What estimates are given, at the door: vectors, answers of yes and no, levels; one sentence if they are wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from claros.arrays import Floats, is_array, to_numpy
from claros.checks import number
from claros.errors import InputError

__all__ = ["check_level", "flags", "same_length", "vector"]


def vector(value: Any, what: str, low: float = 0.0, high: float = math.inf) -> Floats:
    """At least one finite number, all in [low, high], as a new float64 array."""
    try:
        array = to_numpy(value) if is_array(value) else np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths
        raise InputError(f"{what} must be a list of numbers; got {type(value).__name__}: {error}.") from error
    if array.dtype.kind not in "biuf" or array.ndim != 1 or not array.size:
        raise InputError(
            f"{what} must be a list of at least one number; got {array.dtype} values of shape {array.shape}."
        )
    numbers = array.astype(np.float64)
    _refuse(~np.isfinite(numbers), numbers, what, "non-finite value(s)")
    limits = f"below {low:g}" if math.isinf(high) else f"outside [{low:g}, {high:g}]"
    _refuse((numbers < low) | (numbers > high), numbers, what, f"value(s) {limits}")
    return numbers


def flags(value: Any, what: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """At least one answer of yes (1) or no (0), as booleans."""
    numbers = vector(value, what, -math.inf)
    _refuse((numbers != 0) & (numbers != 1), numbers, what, "value(s) that are neither 0 nor 1")
    return np.asarray(numbers == 1)


def same_length(unit: str, **arrays: np.ndarray[Any, Any]) -> None:
    """Raise an `InputError` where arrays that have one value for each ``unit`` differ in length."""
    (first, one), *others = arrays.items()
    for name, array in others:
        if len(array) != len(one):
            raise InputError(f"{first} has {len(one)} values and {name} has {len(array)}; pass one of each per {unit}.")


def check_level(level: float, who: str) -> float:
    """A confidence level, strictly between 0 and 1."""
    level = number(level, 0, 1, f"{who}: level")
    if level in (0, 1):
        raise InputError(f"{who}: level must be between 0 and 1, say 0.95; got {level!r}.")
    return level


def _refuse(bad: Any, numbers: Floats, what: str, problem: str) -> None:
    places = np.flatnonzero(bad)
    if places.size:
        raise InputError(
            f"{what} has {places.size} {problem}, the first at index {places[0]} ({numbers[places[0]]:g})."
        )
