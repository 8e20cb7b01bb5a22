"""Stop when the model expects enough of the relevant items among those screened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.arrays import Array, namespace
from claros.checks import number
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.recall.screening import RecallRule, class_code, target
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["Quant", "QuantCI"]


@dataclass(frozen=True)
class Quant(RecallRule):
    """Stops when the estimated recall, less ``z`` standard deviations, is at least ``recall``; a share in [0, 1].

    The estimate is K / (K + U): K is the sum of the model's probabilities of being relevant over all that is
    screened, U that over what is not. With V = p (1 - p) summed over the one or the other, its variance is V_K / (K +
    U)² + K² (V_K + V_U) / (K + U)⁴. The value is K / (K + U) - z · sd, the threshold ``recall``. ``z=0`` is the rule
    Quant, ``z=2`` QuantCI, which is also had as ``quant_ci``. It waits where all probabilities are 0. With nothing
    left unscreened U is 0 and the estimate is 1, less its uncertainty.

    The labels themselves are not looked at: for what is screened, too, the model's probability counts. O(N + L) time;
    an observation is six numbers.

    Departures: none.

    >>> rule = Quant(recall=0.9)
    >>> screened, rest = [[0.1, 0.9], [0.2, 0.8]], [[0.9, 0.1], [1.0, 0.0]]
    >>> print(rule.decide([rule.observe(labeled_probs=screened, probs=rest)]))
    The model expects 1.7 of 1.8 relevant items among the 2 screened: estimated recall 0.944, at least 0.9.
    """

    recall: float = 0.95
    z: float = 0.0
    relevant: int = 1

    name = "quant"
    needs = ("probs", "labeled_probs")
    assumes = (
        "The probabilities are calibrated, among what is screened and among what is not; models trained on a ranked "
        "screening seldom are."
    )
    guarantee = (
        "None: were the probabilities calibrated and independent, recall would be expected to be at the target when it "
        "stops, so about half of all looks there are below it."
    )
    reference = "Yang, Lewis & Frieder 2021, arXiv:2106.09871"

    def __post_init__(self) -> None:
        self._set(
            recall=target(self.recall, self.name),
            z=number(self.z, 0, math.inf, f"{self.name}: z"),
            relevant=class_code(self.relevant, self.name),
        )

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """Sums of p and of p (1 - p) over what is screened and what is not."""
        sums: dict[str, Any] = {}
        for what, name in (("screened", "labeled_probs"), ("rest", "probs")):
            probs = inputs[name]
            if probs.shape[1] <= self.relevant:
                raise InputError(f"{self.name}: {name} has {probs.shape[1]} columns, none for class {self.relevant}.")
            n, expected, variance = _sums(probs[:, self.relevant])
            sums |= {f"{what}_items": n, f"{what}_expected": expected, f"{what}_variance": variance}
        return sums

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the estimate, less its uncertainty, reaches the target."""

        def now(what: str, key: str) -> float:
            return float(recorded(trace[-1], f"{what}_{key}", self.name))

        known, unknown = now("screened", "expected"), now("rest", "expected")
        n, total = int(now("screened", "items")), known + unknown
        if not n or total <= 0:
            return Decision.not_ready(f"The model expects {total:.3g} relevant items, {n} screened.", self.recall)
        share = known / total
        variance = now("screened", "variance")
        variance = (variance + share**2 * (variance + now("rest", "variance"))) / total**2
        value = share - self.z * math.sqrt(variance)
        stop = value >= self.recall
        less = f", {value:.3g} less {self.z:g} standard deviations" if self.z else ""
        reason = (
            f"The model expects {known:.4g} of {total:.4g} relevant items among the {n} screened: estimated recall "
            f"{share:.3g}{less}, {'at least' if stop else 'below'} {self.recall:g}."
        )
        return Decision(stop, True, value, self.recall, reason)


@dataclass(frozen=True)
class QuantCI(Quant):
    """Stops when the estimated recall, less two standard deviations, is at least ``recall``; a share in [0, 1].

    It is the rule ``quant`` with ``z=2``: see there for the formulas. O(N + L) time; an observation is six numbers.

    Departures: none.

    >>> rule = QuantCI(recall=0.5)
    >>> screened, rest = [[0.1, 0.9], [0.2, 0.8]], [[0.9, 0.1], [1.0, 0.0]]
    >>> print(rule.decide([rule.observe(labeled_probs=screened, probs=rest)]).stop)
    False
    """

    z: float = 2.0

    name = "quant_ci"
    guarantee = (
        "None: were the probabilities calibrated and independent, some 98 of 100 looks at which it says stop would "
        "have reached the target, but nothing makes a model's probabilities so."
    )


def _sums(p: Array) -> tuple[int, float, float]:
    """How many, the sum of p and the sum of p (1 - p), in float64."""
    xp = namespace(p)
    p = xp.astype(p, xp.float64)
    return int(p.shape[0]), float(xp.sum(p)), max(0.0, float(xp.sum(p * (1.0 - p))))
