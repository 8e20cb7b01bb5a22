"""submodlib-py: facility location over all pairs' similarities, with its lazy greedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from submodlib import FacilityLocationFunction


def facility_location(arrays: dict[str, np.ndarray], settings: dict[str, Any]) -> Callable[[], Any]:
    points = arrays["features"]

    def go() -> list[int]:
        alike = (1.0 + points @ points.T) / 2
        function = FacilityLocationFunction(n=len(points), mode="dense", sijs=alike, separate_rep=False)
        picks = function.maximize(settings["k"], "LazyGreedy", show_progress=False)
        return [position for position, _ in picks]

    return go


ROUTINES = {"facility_location": facility_location}
