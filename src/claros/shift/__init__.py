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
from claros.shift.estimating import ALIASES, REGISTRY, estimate, get, names
from claros.shift.method import Method, method
from claros.shift.noise import ShiftTest, shift_test
from claros.shift.result import Interval, ShiftEstimate

__all__ = [
    "ALIASES",
    "MEDIALS",
    "REGISTRY",
    "Calibrator",
    "Interval",
    "Method",
    "ShiftEstimate",
    "ShiftTest",
    "adjust",
    "cross_fitted",
    "estimate",
    "fit_calibrator",
    "get",
    "medial",
    "method",
    "names",
    "shift_test",
]
