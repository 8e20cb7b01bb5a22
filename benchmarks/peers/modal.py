"""modAL: its sampling functions, with a model that has predicted already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from modAL import uncertainty


class Fixed:
    """A model that has predicted already."""

    def __init__(self, probs: np.ndarray) -> None:
        self.probs = probs

    def predict_proba(self, _: object) -> np.ndarray:
        return self.probs


def ranked(function: Callable[..., Any]) -> Callable[..., Any]:
    def routine(arrays: dict[str, np.ndarray], settings: dict[str, Any]) -> Callable[[], Any]:
        fixed, items = Fixed(arrays["probs"]), np.empty((len(arrays["probs"]), 1))
        return lambda: function(fixed, items, n_instances=settings["k"])[0]

    return routine


ROUTINES = {"margin": ranked(uncertainty.margin_sampling), "entropy": ranked(uncertainty.entropy_sampling)}
