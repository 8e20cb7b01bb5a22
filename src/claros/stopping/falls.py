"""How often in a row a figure has fallen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["falls_in_a_row"]


def falls_in_a_row(values: Sequence[float], more_than: float = 0.0, strict: bool = True) -> int:
    """How many of the newest steps went down without one between them that did not; oldest value first.

    A step goes down if it loses more than ``more_than``, or, unless ``strict``, just that: then 0 counts what stays.

    >>> falls_in_a_row([0.5, 0.4, 0.45, 0.35]), falls_in_a_row([0.5, 0.4, 0.45, 0.35, 0.3])
    (1, 2)
    """
    steps = [before - after for before, after in pairwise(values)]
    fell = [step > more_than or (step == more_than and not strict) for step in reversed(steps)]
    return next((place for place, down in enumerate(fell) if not down), len(fell))
