"""Single values at the door: a whole number, a number in a range; one sentence if it is something else."""

from __future__ import annotations

import math
import numbers
from typing import Any

from claros.errors import InputError

__all__ = ["number", "whole"]


def whole(value: Any, minimum: int, what: str) -> int:
    """A whole number of at least ``minimum``, as a Python int."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise InputError(f"{what} must be a whole number of at least {minimum}; got {value!r}.")
    return int(value)


def number(value: Any, low: float, high: float, what: str) -> float:
    """A finite number in [low, high], as a Python float."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        limits = f"of at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise InputError(f"{what} must be a number {limits}; got {value!r}.")
    return float(value)
