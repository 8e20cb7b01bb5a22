"""Label shift: how often classes are in the target, against the source; and what to do about it.

::

    shift = claros.shift.estimate("em", source_probs=P, source_labels=y, target_probs=T, calibration="bcts")
    print(shift.advice)
    claros.shift.adjust(T, shift.weights)                  # posteriors under the target's prior

Under label shift p(x|y) is the same in both, p(y) is not. Everything here is arrays to arrays.
"""

from __future__ import annotations

from claros.shift.adjust import MEDIALS, adjust, medial
from claros.shift.calibration import Calibrator, fit_calibrator
from claros.shift.cross_fit import cross_fitted
from claros.shift.drift import DRIFTS, drift
from claros.shift.estimating import ALIASES, REGISTRY, estimate, get, names
from claros.shift.laws import SHIFTS
from claros.shift.method import Method, method
from claros.shift.noise import ShiftTest, shift_test
from claros.shift.online import FOLLOWERS, Follower, follow
from claros.shift.result import Interval, ShiftEstimate
from claros.shift.simulation import Parts, simulate, simulate_stream
from claros.shift.subsampling import Drift, subsampling_drift

__all__ = [
    "ALIASES",
    "DRIFTS",
    "FOLLOWERS",
    "MEDIALS",
    "REGISTRY",
    "SHIFTS",
    "Calibrator",
    "Drift",
    "Follower",
    "Interval",
    "Method",
    "Parts",
    "ShiftEstimate",
    "ShiftTest",
    "adjust",
    "cross_fitted",
    "drift",
    "estimate",
    "fit_calibrator",
    "follow",
    "get",
    "medial",
    "method",
    "names",
    "shift_test",
    "simulate",
    "simulate_stream",
    "subsampling_drift",
]
