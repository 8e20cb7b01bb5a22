"""Stop when retraining changes no more than another random seed would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.agreement import cohen_kappa
from claros.stopping.predictions import pack
from claros.stopping.rule import Decision, Observation, Rule, reaches, recorded
from claros.stopping.steps import check_on_constant, measured, too_early, waits_for_classes

__all__ = ["RetrainingNoiseFloor"]


@dataclass(frozen=True)
class RetrainingNoiseFloor(Rule):
    """Stops when successive models agree as well as two trained on the same labels do: mean kappa, in [-1, 1].

    A network that is trained anew from another random seed predicts differently even if no label was added, so a
    kappa of 0.99 between rounds may never come. Here a second model, the twin, is trained on the same labels after
    each round; the kappa between the two on the stop set is the floor. The rule stops when the mean of the last
    ``window`` kappas from round to round is at least ``threshold``, or at least the mean of the last ``window`` floors
    minus ``delta`` where that is lower; and in any case at least ``least``, for models so noisy that their agreement
    says nothing. A model that is deterministic has a floor of 1, and then this is ``stabilizing_predictions``.

    The first round that can stop is number ``window``, counted from 0. Where successive models, or the twins, give the
    whole stop set one and the same class, the rule waits (``on_constant="wait"``); ``on_constant="agree"`` counts it
    as full agreement. It costs a second training each round; the last checkpoint but one, or a pass with dropout, can
    stand in for the twin. O(window · T) time; an observation is T to 4 T bytes, in base64, and the floor.

    Departures: the rule is ours; the defaults come from networks on one noisy task and one clean one.

    >>> rule = RetrainingNoiseFloor(window=1, least=0.5)
    >>> model, twin = [0, 1, 1, 0, 1, 0, 1, 0], [0, 1, 1, 0, 1, 0, 1, 1]
    >>> trace = [rule.observe(stop_predictions=codes, stop_twin_predictions=twin) for codes in (twin, model)]
    >>> decision = rule.decide(trace)
    >>> print(decision.value, decision.threshold, decision.stop)
    0.75 0.74 True
    """

    window: int = 3
    threshold: float = 0.99
    delta: float = 0.01
    least: float = 0.9
    on_constant: str = "wait"

    name = "retraining_noise_floor"
    needs = ("stop_predictions", "stop_twin_predictions")
    assumes = (
        "The model is trained anew each round, its twin in the same way on the same labels with another seed; the stop "
        "set is a fixed random sample of the pool."
    )
    reference = "ours, after Bloodgood & Vijay-Shanker 2009, arXiv:1409.5165"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        for what in ("threshold", "delta", "least"):
            object.__setattr__(self, what, number(getattr(self, what), 0, 1, f"{self.name}: {what}"))
        if self.least > self.threshold:
            raise InputError(
                f"{self.name}: least must not be above the threshold, {self.threshold:g}; got {self.least:g}."
            )
        check_on_constant(self.on_constant, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions, packed, and how far the twin agrees with them; None where kappa is not defined."""
        codes = inputs["stop_predictions"]
        packed = pack(codes, self.name)
        return {**packed, "floor": cohen_kappa(codes, inputs["stop_twin_predictions"])}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the mean kappa of the last steps reaches the threshold, or the floor."""
        n, kappas = measured(cohen_kappa, trace, self.window, self.name)
        seen = trace[-self.window :]
        if len(trace) <= self.window:
            return too_early(len(trace), self.window, None)
        steps = self._defined(kappas)
        floors = self._defined([recorded(observation, "floor", self.name) for observation in seen])
        if len(steps) < self.window:
            return waits_for_classes(self.window - len(steps), self.window, n, None)
        if len(floors) < self.window:
            return Decision.not_ready(
                f"In {self.window - len(floors)} of the last {self.window} rounds the model and its twin gave all {n} "
                "items of the stop set one class, so the floor is not known yet."
            )
        value, floor = sum(steps) / self.window, sum(floors) / self.window
        threshold = max(self.least, min(self.threshold, floor - self.delta))
        stop = reaches(value, threshold)
        reason = (
            f"The mean of the last {self.window} {'kappa' if self.window == 1 else 'kappas'} from round to round on "
            f"the {n} items of the stop set is {value:.4f}, {'at least' if stop else 'below'} {threshold:.4f}; two "
            f"models of the same labels agree to {floor:.4f}."
        )
        return Decision(stop, True, value, threshold, reason)

    def _defined(self, kappas: list[float | None]) -> list[float]:
        if self.on_constant == "agree":
            return [1.0 if kappa is None else kappa for kappa in kappas]
        return [kappa for kappa in kappas if kappa is not None]
