"""Stop when F can be predicted to change no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Indices
from claros.checks import number, whole
from claros.inputs import Inputs
from claros.measures.agreement import class_counts
from claros.stopping.predictions import pack
from claros.stopping.rule import Decision, Observation, Rule
from claros.stopping.steps import check_on_constant, measured, too_early, waits_for_classes

__all__ = ["PredictedChangeOfF"]


@dataclass(frozen=True)
class PredictedChangeOfF(Rule):
    """Stops when F is predicted to change by less than ``epsilon`` a round, in [0, 1], ``window`` rounds in a row.

    If the predictions of one model were the truth, F of the next would be 2a / (2a + b + c), where a items of the stop
    set are positive for both models, b and c for one of them only. 1 minus that is the predicted change; every one of
    the last ``window`` must be strictly below ``epsilon``, so 0 never stops. The value is the largest of them. The
    first round that can stop is number ``window``, counted from 0. Defaults are those of small-text's DeltaFScore.

    ``positive`` is the class that counts as positive. "macro" is the mean over the classes that at least ``least``
    items are predicted as in either round; raise ``least`` where a handful of predictions of rare classes flicker.
    None, the default, is class 1 while the rounds looked at hold only the classes 0 and 1, and else "macro".

    Where neither model predicts the positive class (or, for "macro", any class often enough), the change is not
    defined, and the rule waits. It also waits where two successive models give the whole stop set one and the same
    class; with ``on_constant="agree"`` that is a change of 0. O(window · (T + C)) time; an observation is T to 4 T
    bytes, in base64.

    Departures: the paper is about binary tasks; "macro" and ``least`` are ours, and so is waiting for a constant model.

    >>> rule = PredictedChangeOfF(window=1, epsilon=0.2)
    >>> trace = [rule.observe(stop_predictions=codes) for codes in ([0, 1, 1, 1], [0, 0, 1, 1])]
    >>> print(rule.decide(trace).value, rule.decide(trace).stop)
    0.2 False
    """

    epsilon: float = 0.05
    window: int = 3
    positive: int | str | None = None
    least: int = 1
    on_constant: str = "wait"

    name = "predicted_change_of_f"
    needs = ("stop_predictions",)
    assumes = "The stop set is a fixed random sample of the pool, large enough to hold many items of every class."
    reference = "Altschuler & Bloodgood 2019, arXiv:1901.09118"

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", number(self.epsilon, 0, 1, f"{self.name}: epsilon"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "least", whole(self.least, 1, f"{self.name}: least"))
        check_on_constant(self.on_constant, self.name)
        if self.positive is not None and self.positive != "macro":
            what = f"{self.name}: positive (a class code, 'macro' or None)"
            object.__setattr__(self, "positive", whole(self.positive, 0, what))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions themselves, packed: what changed, only the trace knows."""
        return pack(inputs["stop_predictions"], self.name)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when each of the last ``window`` predicted changes is below epsilon."""
        n, steps = measured(_changes, trace, self.window, self.name, self.positive, self.least)
        if len(trace) <= self.window:
            return too_early(len(trace), self.window, self.epsilon)
        constant = sum(step.classes == 1 for step in steps)
        if constant and self.on_constant == "wait":
            return waits_for_classes(constant, self.window, n, self.epsilon)
        positive = self.positive
        if positive is None:
            positive = 1 if all(step.top <= 1 for step in steps) else "macro"
        changes = [step.macro if positive == "macro" else step.binary for step in steps]
        changes = [0.0 if step.classes == 1 else change for step, change in zip(steps, changes, strict=True)]
        undefined = sum(math.isnan(change) for change in changes)
        if undefined:
            return Decision.not_ready(self._undefined(undefined, positive, n), self.epsilon)
        value = max(changes)
        stop = value < self.epsilon
        of = ", averaged over classes," if positive == "macro" else f" of class {positive}"
        reason = (
            f"The predicted change of F{of} on the {n} items of the stop set was "
            f"{f'at most {value:.4f} in the last {self.window} rounds' if self.window > 1 else f'{value:.4f}'}, "
            f"{'below' if stop else 'not below'} {self.epsilon:g}."
        )
        return Decision(stop, True, value, self.epsilon, reason)

    def _undefined(self, rounds: int, positive: int | str, n: int) -> str:
        whom = f"predicts any of the {n} items of the stop set as class {positive}"
        if positive == "macro":
            whom = f"predicts {self.least} of the {n} items of the stop set as one class"
        return (
            f"In {rounds} of the last {self.window} rounds neither the model nor the one before {whom}, so a change of "
            "F is not defined yet."
        )


class _Step(NamedTuple):
    """How many classes are named in one step, the last of them, and the changes of F; NaN where not defined."""

    classes: int
    top: int
    binary: float
    macro: float


def _changes(before: Indices, after: Indices, positive: int | str | None, least: int) -> _Step:
    codes, first, second, both = class_counts(before, after)
    named = first + second  # 2a + b + c
    changes = (named - 2 * both) / named
    if positive == "macro":
        binary = math.nan
    else:
        one = changes[codes == (1 if positive is None else positive)]
        binary = float(one[0]) if one.size else math.nan
    enough = changes[np.maximum(first, second) >= least]
    macro = float(enough.sum() / enough.size) if enough.size else math.nan
    return _Step(codes.size, int(codes[-1]), binary, macro)
