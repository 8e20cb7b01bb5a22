"""apricot-select: facility location over all pairs' similarities, with its lazy greedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from apricot import FacilityLocationSelection


def facility_location(arrays: dict[str, np.ndarray], settings: dict[str, Any]) -> Callable[[], Any]:
    points, k = arrays["features"], settings["k"]

    def go() -> np.ndarray:
        alike = (1.0 + (points @ points.T).astype(np.float64)) / 2  # its own cosine takes what is negative for 0
        return FacilityLocationSelection(k, metric="precomputed").fit(alike).ranking

    return go


ROUTINES = {"facility_location": facility_location}
