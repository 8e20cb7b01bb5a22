"""What several strategies do with their parameters: checks of numbers, and rows that may not be given."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, to_numpy
from claros.errors import InputError

__all__ = ["check_counts", "check_positive", "given", "given_floats"]


def check_counts(who: str, **values: int) -> None:
    """Raise an `InputError` for the first of the parameters that is below 1."""
    for name, value in values.items():
        if value < 1:
            raise InputError(f"{who}: {name} must be at least 1; got {value!r}.")


def check_positive(who: str, **values: float) -> None:
    """Raise an `InputError` for the first of the parameters that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise InputError(f"{who}: {name} must be positive; got {value!r}.")


def given(rows: Array | None) -> Array | None:
    """The rows, or None if there are none."""
    return None if rows is None or not rows.shape[0] else rows


def given_floats(rows: Array | None, width: int) -> Floats:
    """The rows on the host in float64, (L, width); L is 0 if they are not given."""
    found = given(rows)
    return np.empty((0, width)) if found is None else to_numpy(found).astype(np.float64)
