"""Stop when the predictions are known to be stable, not only seen to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from claros.arrays import Indices
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.agreement import Kappa, f_change_bound, kappa_with_variance
from claros.stopping.predictions import pack
from claros.stopping.rule import Decision, Observation, Rule, reaches
from claros.stopping.steps import measured, too_early, waits_for_classes

__all__ = ["StabilizingPredictionsBound"]


@dataclass(frozen=True)
class StabilizingPredictionsBound(Rule):
    """Stops when a lower confidence bound on the mean of the last kappas, at most 1, is at least ``threshold``.

    As ``stabilizing_predictions`` it compares each round's predictions on the stop set with those of the round before,
    but it asks what the mean kappa of the whole pool is, of which the stop set is a sample: the bound is below it with
    the probability ``confidence``, one-sided, at each look. ``bound`` says how. "exact" takes each share of
    disagreements at its upper limit (Clopper & Pearson). "large_sample" subtracts z standard deviations by the formula
    of Fleiss, Cohen & Everitt, save where nothing disagrees: there the formula gives 0, however small the stop set is,
    and the exact limit stands in. With a handful of disagreements the formula still promises too much: at a true kappa
    of 0.98 between two balanced classes and 300 items, a bound of 95 % held in 81 of 100 draws, the exact one in 96.

    Successive kappas share a model and the items, so their mean is taken to vary as much as they do; where they are
    independent, a ``window`` above 1 makes the bound lower than it need be. A small stop set cannot show a high kappa:
    with two balanced classes 0.99 takes 598 items without any disagreement, and where it is out of reach, the reason
    says how many could do. A threshold of 1 is always out of reach, and refused. Where two successive models give the
    whole stop set one and the same class the rule waits. The first round that can stop is number ``window``, counted
    from 0. O(window · (T + C)) time; an observation is T to 4 T bytes, in base64.

    While only two classes are predicted, the reason also says by how much F can differ between two such models.

    Departures: the paper reports the variance of kappa and names no rule; ``confidence`` and ``bound`` are ours.

    >>> rule = StabilizingPredictionsBound(window=1)
    >>> trace = [rule.observe(stop_predictions=[0, 1] * 500) for _ in range(2)]
    >>> print(round(rule.decide(trace).value, 4))
    0.994
    """

    window: int = 3
    threshold: float = 0.99
    confidence: float = 0.95
    bound: str = "exact"

    name = "stabilizing_predictions_bound"
    needs = ("stop_predictions",)
    assumes = (
        "The stop set is a fixed random sample of the pool, of 1000 items or more; "
        "a model that is stuck is stable too, so audit some random labels."
    )
    reference = "Bloodgood & Grothendieck 2013, arXiv:1504.06329; Fleiss, Cohen & Everitt 1969"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        object.__setattr__(self, "confidence", number(self.confidence, 0.5, 1, f"{self.name}: confidence"))
        for what, value in (("threshold", self.threshold), ("confidence", self.confidence)):
            if value == 1:
                raise InputError(f"{self.name}: {what} must be below 1, which no sample can show; got {value!r}.")
        if self.bound not in ("exact", "large_sample"):
            raise InputError(f"{self.name}: bound must be 'exact' or 'large_sample'; got {self.bound!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions themselves, packed: kappa needs the round before, which only the trace knows."""
        return pack(inputs["stop_predictions"], self.name)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the lower bound on the mean of the last ``window`` kappas reaches the threshold."""
        n, steps = measured(_step, trace, self.window, self.name, self.confidence, self.bound)
        if len(trace) <= self.window:
            return too_early(len(trace), self.window, self.threshold)
        defined = [step for step in steps if step is not None]
        if len(defined) < self.window:
            return waits_for_classes(self.window - len(defined), self.window, n, self.threshold)
        mean = sum(kappa.value for kappa, _ in defined) / self.window
        value = max(-1.0, sum(low for _, low in defined) / self.window)
        reason = self._reason(value, mean, n, sum(1 / (1 - kappa.chance) for kappa, _ in defined) / self.window)
        stop = reaches(value, self.threshold)
        if stop and all(kappa.classes == 2 for kappa, _ in defined):
            reason += f"; F of two such models differs by at most {f_change_bound(value):.3f}"
        return Decision(stop, True, value, self.threshold, f"{reason}.")

    def _reason(self, value: float, mean: float, n: int, weight: float) -> str:
        """The sentence without its end; one disagreement lowers kappa by ``weight`` / n."""
        reason = (
            f"The mean of the last {self.window} {'kappa' if self.window == 1 else 'kappas'} on the {n} items of the "
            f"stop set is {mean:.4f}, and with {100 * self.confidence:g} % confidence above {value:.4f}, which is "
            f"{'at least' if reaches(value, self.threshold) else 'below'} {self.threshold:g}"
        )
        if 1 - _at_most(0, n, self.confidence) * weight >= self.threshold:
            return reason
        enough = math.ceil(math.log1p(-self.confidence) / math.log1p((self.threshold - 1) / weight))
        return f"{reason}; so few items cannot show more, and {enough} or more could"


def _step(before: Indices, after: Indices, confidence: float, bound: str) -> tuple[Kappa, float] | None:
    """Kappa of one step, and its lower bound; None where it is not defined."""
    kappa = kappa_with_variance(before, after)
    if kappa is None:
        return None
    if bound == "large_sample" and kappa.disagreed:
        return kappa, kappa.value - NormalDist().inv_cdf(confidence) * math.sqrt(kappa.variance)
    return kappa, 1 - _at_most(kappa.disagreed, before.size, confidence) / (1 - kappa.chance)


def _at_most(count: int, n: int, confidence: float) -> float:
    """Upper confidence limit on a share of which ``count`` of ``n`` were seen (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    return float(betaincinv(count + 1, n - count, confidence)) if count < n else 1.0
