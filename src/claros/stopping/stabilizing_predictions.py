"""Stop when retraining no longer changes what the model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number, whole
from claros.inputs import Inputs
from claros.measures.agreement import cohen_kappa
from claros.stopping.predictions import pack
from claros.stopping.rule import Decision, Observation, Rule, reaches
from claros.stopping.steps import check_on_constant, measured, too_early, waits_for_classes

__all__ = ["StabilizingPredictions"]

#: Below this many items, kappas around 0.99 differ by chance as much as the threshold asks (sd 0.0045 at 1000).
SMALL = 1000


@dataclass(frozen=True)
class StabilizingPredictions(Rule):
    """Stops when the predictions on the stop set agree from round to round: mean of the last kappas at the threshold.

    After each training the model predicts a fixed random stop set. Cohen's kappa compares each round's predictions
    with the round before; the rule stops when the mean of the last ``window`` kappas is at least ``threshold`` (at
    least, not above, so that 1.0 can stop). It takes ``window`` + 1 rounds, so the first that can stop is round number
    ``window``, counted from 0. A lower threshold stops earlier.

    Where two successive models both give the whole stop set one and the same class, kappa is not defined. Such models
    have not learned yet, so the rule waits (``on_constant="wait"``); ``on_constant="agree"`` counts it as full
    agreement, as other packages do. O(window · T) time; an observation is T to 4 T bytes, in base64.

    Departures: the paper leaves the undefined case open; see ``on_constant``.

    >>> rule = StabilizingPredictions(window=1)
    >>> trace = [rule.observe(stop_predictions=[0, 1, 1, 0]) for _ in range(2)]
    >>> print(rule.decide(trace).value, rule.decide(trace[:1]).ready)
    1.0 False
    """

    window: int = 3
    threshold: float = 0.99
    on_constant: str = "wait"

    name = "stabilizing_predictions"
    needs = ("stop_predictions",)
    assumes = (
        "The stop set is a fixed random sample of the pool, best of 1000 items or more; "
        "a model that is stuck is stable too, so audit some random labels."
    )
    reference = "Bloodgood & Vijay-Shanker 2009, arXiv:1409.5165"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        check_on_constant(self.on_constant, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions themselves, packed: kappa needs the round before, which only the trace knows."""
        return pack(inputs["stop_predictions"], self.name)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the mean of the last ``window`` kappas reaches the threshold."""
        n, kappas = measured(cohen_kappa, trace, self.window, self.name)
        if self.on_constant == "agree":
            kappas = [1.0 if kappa is None else kappa for kappa in kappas]
        if len(kappas) < self.window:
            return too_early(len(trace), self.window, self.threshold)
        defined = [kappa for kappa in kappas if kappa is not None]
        if len(defined) < self.window:
            return waits_for_classes(self.window - len(defined), self.window, n, self.threshold)
        mean = sum(defined) / self.window
        stop = reaches(mean, self.threshold)
        return Decision(stop, True, mean, self.threshold, self._reason(stop, mean, n))

    def _reason(self, stop: bool, mean: float, n: int) -> str:
        settled = "settled" if stop else "still change"
        compared = "at least" if stop else "below"
        doubt = f"; with fewer than {SMALL} items such a difference may be chance" if self._in_doubt(stop, n) else ""
        return (
            f"Predictions on the {n} items of the stop set {settled}: the mean of the last {self.window} "
            f"{'kappa' if self.window == 1 else 'kappas'} is {mean:.4f}, {compared} {self.threshold:g}{doubt}."
        )

    def _in_doubt(self, stop: bool, n: int) -> bool:
        return stop and n < SMALL and self.threshold >= 0.99
