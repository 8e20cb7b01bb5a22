"""How unsure a model is, as the rules of the confidence family measure it: per item, on the stop set, of a batch."""

from __future__ import annotations

import math
from typing import Any

from claros.arrays import Array, namespace
from claros.errors import InputError
from claros.measures.predictive import UNCERTAINTY

__all__ = ["check_measure", "mean_uncertainties", "same_rows", "stop_set", "uncertainties"]


def check_measure(measure: Any, who: str) -> None:
    """Raise an `InputError` unless it is the name of a measure."""
    if measure not in [*UNCERTAINTY]:
        raise InputError(f"{who}: measure must be one of {', '.join(UNCERTAINTY)}; got {measure!r}.")


def uncertainties(probs: Array) -> dict[str, Array]:
    """Every measure of every row, in float64 and in [0, 1]; (N, C) -> name: (N,). The entropy is a share of log C."""
    xp = namespace(probs)
    probs = xp.astype(probs, xp.float64)
    found = {name: measure(probs) for name, measure in UNCERTAINTY.items()}
    found["entropy"] = found["entropy"] / math.log(max(2, probs.shape[1]))
    # rows may be off 1 by rounding, which must not make a model that is certain less than that
    return {name: xp.clip(values, min=0.0, max=1.0) for name, values in found.items()}


def mean_uncertainties(probs: Array) -> dict[str, float]:
    """Mean of each measure over (T, C) probabilities."""
    xp = namespace(probs)
    return {name: float(xp.mean(values)) for name, values in uncertainties(probs).items()}


def stop_set(probs: Array, who: str) -> dict[str, Any]:
    """What every observation of ``stop_probs`` says: how many items and classes, and whether all rows are the same."""
    n, classes = (int(size) for size in probs.shape)
    if n == 0:
        raise InputError(f"{who}: the stop set is empty; draw at least one item.")
    return {"items": n, "classes": classes, "constant": same_rows(probs)}


def same_rows(probs: Array) -> bool:
    """Whether all rows are one and the same."""
    return bool(namespace(probs).all(probs == probs[:1, :]))
