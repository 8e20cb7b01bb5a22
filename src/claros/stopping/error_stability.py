"""Stop when a batch can no longer change the expected error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from claros.arrays import to_numpy
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.posterior import error_gap, total_variation_bound, update_divergences
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["ErrorStability"]


@dataclass(frozen=True)
class ErrorStability(Rule):
    """Stops when a bound of what the last batch changed in the expected error is at most the threshold; at least 0.

    A Bayesian linear regression on the labels, one column of 0 and 1 a class seen, over fixed features: its posterior
    from all labels and that from all but the last batch differ by a Kullback-Leibler divergence, which bounds how far
    their expected errors can be apart. The hyper-parameters stay the same, so that only the batch moves the posterior:
    ``prior_variance`` of a weight, and ``noise_variance`` of a label, by default the most that a label of 0 or 1 can
    vary. Features of about unit length suit them. Append a column of ones for an intercept.

    ``bound="ratio"`` adds up the bound r(K) of both directions and divides by the first step that can be used, so it
    starts at 1: where that first step changed little, the rule goes on for too long. ``bound="absolute"`` is the
    total variation, which bounds the change of any error in [0, 1] and needs no first step; it is tighter than r (K of
    0.01: 0.071, not 0.145), and near 1 for many features and few labels, where it just does not stop. What is
    compared is the mean over the last ``window`` rounds. A round without a new batch, or whose batch is all there is,
    is waited for.

    O(L·F·min(L, F) + B³) time a round, for F features; an observation is four numbers. The decision is O(window), the
    ratio O(rounds up to the first step).

    Departures: the paper has Gaussian processes and neural networks; this is a linear model of its own beside whatever
    is trained, so it says what labels can still tell over these features. Its threshold is worked out from the cost of
    a label; here it is yours, 0.1 as programs that followed it. The absolute form is ours.

    >>> rule = ErrorStability(bound="absolute")
    >>> x, y = [[1.0]] * 40, [0, 1] * 20
    >>> print(rule.decide([rule.observe(labeled_features=x, labels=y, batch_labels=y[-2:])]).value < 0.1)
    True
    """

    threshold: float = 0.1
    bound: str = "ratio"
    window: int = 1
    prior_variance: float = 1.0
    noise_variance: float = 0.25

    name = "error_stability"
    needs = ("labeled_features", "labels", "batch_labels")
    assumes = (
        "The labels are in the order in which they were told, the last batch at the end; a linear model over the fixed "
        "features can learn the task, and the same holds for the model that is trained."
    )
    reference = "Ishibashi & Hino 2021, arXiv:2104.01836"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        if self.bound not in ("ratio", "absolute"):
            raise InputError(f"{self.name}: bound must be 'ratio' or 'absolute'; got {self.bound!r}.")
        for parameter in ("prior_variance", "noise_variance"):
            variance = number(getattr(self, parameter), 0, inf, f"{self.name}: {parameter}")
            if variance == 0:
                raise InputError(f"{self.name}: {parameter} must be above 0; got 0.")
            object.__setattr__(self, parameter, variance)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The divergence between the posteriors with and without the batch, both ways; None where there are no two."""
        labels, batch = inputs["labels"], len(inputs["batch_labels"])
        forward = backward = None
        if 0 < batch < len(labels):
            classes = np.unique(labels)
            targets = (labels[:, None] == classes[None, :]).astype(np.float64)
            forward, backward = update_divergences(
                to_numpy(inputs["labeled_features"]),
                targets,
                batch,
                prior_variance=self.prior_variance,
                noise_variance=self.noise_variance,
            )
        return {"labels": len(labels), "batch": batch, "forward": forward, "backward": backward}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the mean of the last bounds is at most the threshold."""
        last = trace[-self.window :]
        steps = [self._step(observation) for observation in last]
        if len(steps) < self.window:
            return self._wait(f"{len(steps)} of {self.window} rounds are seen.")
        known = [step for step in steps if step is not None]
        if len(known) < self.window:
            return self._wait(
                f"{self.window - len(known)} of the last {self.window} rounds have no batch beside earlier labels; the "
                f"newest has {last[-1]['batch']} of {last[-1]['labels']} labels."
            )
        value = sum(known) / self.window
        if self.bound == "ratio":
            first = next((step for step in map(self._step, trace) if step), None)
            if first is None:
                return self._wait(f"No batch of {len(trace)} rounds has changed anything yet.")
            value /= first
        return Decision(value <= self.threshold, True, value, self.threshold, self._reason(value, last[-1]))

    def _step(self, observation: Observation) -> float | None:
        both = [recorded(observation, key, self.name) for key in ("forward", "backward")]
        if None in both:
            return None
        if self.bound == "absolute":
            return min(total_variation_bound(divergence) for divergence in both)
        return sum(error_gap(divergence) for divergence in both)

    def _wait(self, reason: str) -> Decision:
        return Decision.not_ready(reason, self.threshold)

    def _reason(self, value: float, last: Observation) -> str:
        of_what = "of what the first did, by its bound" if self.bound == "ratio" else "at most"
        rounds = "" if self.window == 1 else f" (mean of {self.window} rounds)"
        return (
            f"The last batch of {last['batch']} among {last['labels']} labels changed the expected error by "
            f"{value:.4f} {of_what}{rounds}, {'no more than' if value <= self.threshold else 'above'} "
            f"{self.threshold:g}."
        )
