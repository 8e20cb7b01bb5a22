"""Checks of parameters that several strategies have."""

from __future__ import annotations

from claros.errors import InputError

__all__ = ["check_counts", "check_positive"]


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
