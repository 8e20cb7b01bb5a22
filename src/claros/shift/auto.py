"""The default: correct where there is something to correct, and leave alone what is not shifted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from claros.checks import number
from claros.errors import NoEstimateError
from claros.shift.calibration import calibrated
from claros.shift.em import em
from claros.shift.evidence import Evidence
from claros.shift.method import Solution, method
from claros.shift.noise import shift_test

__all__ = ["auto"]


@method(reference="Alexandari, Kundaje & Shrikumar 2020, arXiv:1901.06852, behind a two-sample test", uses_labels=True)
def auto(evidence: Evidence, *, significance: float = 0.05, allowance: float = 0.01) -> Solution:
    """Maximum likelihood on bias-corrected predictions if there is a shift beyond noise, weights of 1 if not.

    Where `shift_test` finds mean predictions no farther apart than noise puts them (p-value above ``significance``) it
    abstains: the weights are 1, with the flag ``abstained``; the interval is still that of what it would have said.
    With ``significance=1`` it never abstains. Predictions are bias-corrected (``"bcts"``) unless that makes their log
    loss out of fold worse by more than ``allowance``, 1 %: with few hold-out rows it can. A calibration that was asked
    for is kept.

    Cost: that of `em`, and of six fits of a calibration.
    """
    p_value = shift_test(evidence.source, evidence.target).p_value
    ready, said = _corrected(evidence, number(allowance, -1, np.inf, "auto: allowance"))
    found = em.function(ready)
    diagnostics: dict[str, Any] = {**found.diagnostics, **said, "shift_p_value": p_value}
    if p_value <= number(significance, 0, 1, "auto: significance"):
        return replace(found, diagnostics=diagnostics)
    ones, prior = np.ones(evidence.n_classes), evidence.prior
    return replace(
        found,
        weights=ones,
        source_prior=prior,
        target_prior=prior,
        diagnostics=diagnostics,
        flags=(*found.flags, "abstained"),
    )


def _corrected(evidence: Evidence, allowance: float) -> tuple[Evidence, dict[str, Any]]:
    if evidence.cross_fitted is not evidence.source:  # calibrated already
        return evidence, {}
    try:
        ready, said = calibrated(evidence, "bcts")
    except NoEstimateError:  # too few rows to fit anything
        return evidence, {}
    if said["log_loss_after"] <= (1 + allowance) * said["log_loss_before"]:
        return ready, {"calibration": said}
    return evidence, {}
