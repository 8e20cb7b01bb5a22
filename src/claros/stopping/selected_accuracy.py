"""Stop when the model predicts right what it chose to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from claros.arrays import to_numpy
from claros.checks import number, whole
from claros.inputs import Inputs
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.rule import Decision, Observation, Rule, reaches, recorded

__all__ = ["SelectedAccuracy", "wilson_lower_bound"]


@dataclass(frozen=True)
class SelectedAccuracy(Rule):
    """Stops when the share of the last batches that the models which chose them had right is at least the threshold.

    The labels are bought anyway, so this accuracy, in [0, 1], costs nothing. What it means depends on the query
    strategy: uncertainty sampling asks what lies near the boundary, where even a good model guesses, and random
    sampling gives the accuracy on the pool.

    The published rule is the default: one batch, its plain share, at least 0.9. A batch of 10 knows steps of 0.1 only,
    and a model that is right in 8 of 10 cases has 9 or more in a batch of 10 right with probability 0.38.
    ``window`` pools that many batches (of several models, so the newest counts for its share only), and ``bound``
    compares the lower end of Wilson's one-sided interval at that level instead: with ``window=5, bound=0.9`` chance
    seldom stops it. That end is below 1 however many are right, so with few items it may not reach the threshold
    at all: with ``bound=0.9`` it takes 15 items, all right, to reach 0.9. Also known as ``min_error`` and, in
    comparisons, as OracleAcc-MCS.

    It waits until there are ``window`` batches in a row with items in them, and where all predictions in them are one
    class: a model that has seen one class only is right wherever that class is frequent. Batches of one therefore
    need a window. Where probabilities tie, the first of the classes is the prediction. O(B · C + window) time; an
    observation is three values.

    Departures: none by default, but for waiting where all predictions are one class. It is asked once the labels of
    the batch are in, and compares them with what the model that chose the batch had predicted before.

    >>> rule = SelectedAccuracy(threshold=0.6)
    >>> print(rule.decide([rule.observe(batch_probs=[[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]], batch_labels=[0, 1, 1])]))
    2 of 3 items of the last batch were predicted right, a share of 0.6667, at least 0.6.
    """

    threshold: float = 0.9
    window: int = 1
    bound: float | None = None

    name = "selected_accuracy"
    needs = ("batch_probs", "batch_labels")
    assumes = "Batches are chosen by uncertainty, so that the rest of the pool is easier, and labels are right."
    reference = "Zhu & Hovy 2007, EMNLP-CoNLL; Zhu, Wang & Hovy 2008, IJCNLP"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        if self.bound is not None:
            object.__setattr__(self, "bound", number(self.bound, 0.5, 0.999999, f"{self.name}: bound"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How many there are and how many right, and the class that all are predicted as, if there is one."""
        predicted = to_numpy(inputs["batch_probs"]).argmax(axis=1)
        n, right = predicted.size, int((predicted == inputs["batch_labels"]).sum())
        return {"items": n, "right": right, "only": int(predicted[0]) if np.unique(predicted).size == 1 else None}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the pooled share, or its lower bound, is at least the threshold."""
        wait = reason_to_wait_for_batches(trace, self.name, self.window)
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        batches = trace[-self.window :]
        n = sum(batch["items"] for batch in batches)
        right = sum(recorded(batch, "right", self.name) for batch in batches)
        of = "batch" if self.window == 1 else f"{self.window} batches"
        classes = {recorded(batch, "only", self.name) for batch in batches}
        if len(classes) == 1 and None not in classes:
            return Decision.not_ready(
                f"All {n} items of the last {of} were predicted as class {classes.pop()}, which shows nothing yet.",
                self.threshold,
            )
        said, value = f"a share of {right / n:.4f}", right / n
        if self.bound is not None:
            value = wilson_lower_bound(right, n, self.bound)
            said = f"{said}, surely more than {value:.4f} at level {self.bound:g}"
        stop = reaches(value, self.threshold)
        compared = "at least" if stop else "below"
        reason = f"{right} of {n} items of the last {of} were predicted right, {said}, {compared} {self.threshold:g}."
        return Decision(stop, True, value, self.threshold, reason)


def wilson_lower_bound(successes: int, n: int, level: float) -> float:
    """Lower end of Wilson's one-sided interval for a proportion, in [0, 1); Wilson 1927. O(1).

    >>> round(wilson_lower_bound(9, 10, 0.95), 4)
    0.6523
    """
    z = NormalDist().inv_cdf(level)
    share, extra = successes / n, z * z / n
    middle = share + extra / 2
    return max(0.0, (middle - z * sqrt(share * (1 - share) / n + extra / (4 * n))) / (1 + extra))
