"""Stop when retraining changes no prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from claros.arrays import Indices
from claros.checks import number, whole
from claros.inputs import Inputs
from claros.stopping.predictions import pack
from claros.stopping.rule import Decision, Observation, Rule
from claros.stopping.steps import check_on_constant, measured, one_class, too_early, waits_for_classes

__all__ = ["ClassificationChange"]


@dataclass(frozen=True)
class ClassificationChange(Rule):
    """Stops when next to no prediction on the stop set changes: share of unchanged ones at least 1 - ``epsilon``.

    Each round's predictions are compared with those of the round before. The value is the smallest share of unchanged
    predictions in the last ``window`` comparisons, in [0, 1]; it must be at least 1 - ``epsilon``. With the defaults,
    which are the paper's, one comparison without any change is enough. A single quiet round is often chance: a
    ``window`` of 3 lets fewer runs stop too early. The first round that can stop is number ``window``, counted from 0.

    Where two successive models both give the whole stop set one and the same class, nothing has changed because
    nothing is learned yet, so the rule waits (``on_constant="wait"``); ``on_constant="agree"`` counts it as no change,
    as other packages do. O(window · T) time; an observation is T to 4 T bytes, in base64.

    Departures: the paper looks at what is still unlabeled, a set that shrinks and loses the items that change most;
    the stop set is fixed. ``window`` and ``on_constant`` are ours, ``epsilon`` is small-text's ``threshold``.

    >>> rule = ClassificationChange(epsilon=0.25)
    >>> trace = [rule.observe(stop_predictions=codes) for codes in ([0, 1, 1, 0], [0, 1, 1, 1])]
    >>> print(rule.decide(trace).value, rule.decide(trace).stop)
    0.75 True
    """

    epsilon: float = 0.0
    window: int = 1
    on_constant: str = "wait"

    name = "classification_change"
    needs = ("stop_predictions",)
    assumes = (
        "The stop set is a fixed random sample of the pool; a model that is stuck changes nothing either, so audit "
        "some random labels."
    )
    reference = "Zhu, Wang & Hovy 2008, COLING"

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", number(self.epsilon, 0, 1, f"{self.name}: epsilon"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        check_on_constant(self.on_constant, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions themselves, packed: what changed, only the trace knows."""
        return pack(inputs["stop_predictions"], self.name)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when in each of the last ``window`` comparisons enough predictions stayed."""
        n, steps = measured(_changed, trace, self.window, self.name)
        # in decimals, so that 7 of 10 are enough at epsilon = 0.3, and 3 of 10 at 0.7, where 1 - 0.7 is above 0.3
        threshold = float(1 - Decimal(repr(self.epsilon)))
        if len(trace) <= self.window:
            return too_early(len(trace), self.window, threshold)
        constant = sum(constant for _, constant in steps)
        if constant and self.on_constant == "wait":
            return waits_for_classes(constant, self.window, n, threshold)
        changed = max(changed for changed, _ in steps)
        value = (n - changed) / n
        stop = value >= threshold
        reason = (
            f"{'At most ' if self.window > 1 else ''}{changed} of {n} predictions on the stop set changed in "
            f"{f'each of the last {self.window} rounds' if self.window > 1 else 'the last round'}: {value:.4f} stayed, "
            f"{'at least' if stop else 'below'} {threshold:g}."
        )
        return Decision(stop, True, value, threshold, reason)


def _changed(before: Indices, after: Indices) -> tuple[int, bool]:
    """How many predictions changed, and whether there is but one class."""
    changed = int(np.count_nonzero(before != after))
    return changed, not changed and one_class(before, after)
