"""What an estimate of label shift gives back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats

__all__ = ["Interval", "ShiftEstimate"]


@dataclass(frozen=True)
class Interval:
    """Limits by the bootstrap at ``level``: (C,) each, of the weights and of the target prior."""

    weights_low: Floats
    weights_high: Floats
    prior_low: Floats
    prior_high: Floats
    level: float


@dataclass(frozen=True)
class ShiftEstimate:
    """How often the classes are in the target, against the source.

    ``weights`` (C,) >= 0, target share over source share; ``target_prior`` (C,), sums to 1; ``source_prior`` (C,), what
    the weights are relative to; ``interval``, or None where no replicates were drawn; ``diagnostics``, what to look at
    before they are used (`claros.shift.estimate` explains each); ``advice``, a sentence or two.
    """

    method: str
    classes: tuple[str, ...]
    weights: Floats
    target_prior: Floats
    source_prior: Floats
    interval: Interval | None
    diagnostics: Mapping[str, Any]
    advice: str

    def __str__(self) -> str:
        return f"{self.method}: {self.advice}"

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON; what is not finite is null."""
        limits = self.interval
        interval = limits and {name: plain(getattr(limits, name)) for name in limits.__dataclass_fields__}
        named = ("method", "classes", "weights", "target_prior", "source_prior", "diagnostics", "advice")
        return {**{name: plain(getattr(self, name)) for name in named}, "interval": interval}


def plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
