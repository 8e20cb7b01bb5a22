"""Stop when a smoothed figure still rises, but hardly: the gradient rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from claros.arrays import namespace
from claros.checks import number, whole
from claros.inputs import Inputs
from claros.measures.predictive import least_confidence
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import check_measure, stop_set, uncertainties

__all__ = ["PerformanceConvergence", "UncertaintyConvergence"]


@dataclass(frozen=True)
class PerformanceConvergence(Rule):
    """Stops when the estimated F on the stop set still rises, but by less than ``threshold`` a label, to a new high.

    The estimate asks no labels: with p the probability of each item's winning class, TP is the sum of p, FP of 1 - p,
    and FN of all that the other classes got, and F = 2 TP / (2 TP + FP + FN), in [0, 1]. **For probabilities that sum
    to 1 this is the mean of the largest probability**, so the rule looks at what ``overall_uncertainty`` with
    ``measure="least_confidence"`` looks at, and differs only in asking for its slope. The moving mean over ``window``
    rounds has, from one round to the next, the slope (newest - the one ``window`` rounds ago) / ``window``; that is
    the paper's gradient. The rule stops where it is above 0 and below the threshold and the newest estimate is above
    all others of the window.

    The paper labels one item a round, with a window of 100 rounds and a threshold of 5e-5, so both are of labels:
    here the slope is divided by the labels that the window spent, and the default window of 10 rounds is the paper's
    for batches of 10 (set ``window=100`` for batches of one). A slope so small drowns in the noise of the estimate
    where ``threshold`` x the labels of the window is less than its standard error on the stop set: 5e-5 x 100 labels
    is 0.005, and a stop set of 400 items has an error of about that size. A model that stands still does not rise,
    so the rule does not stop there; add ``overall_uncertainty`` or ``stabilizing_predictions`` for that.

    Needs ``window`` + 1 rounds; waits where one of them has the same probabilities for all items, where a class
    joined, or where no labels came. O(T · C + window) time; an observation is five values.

    Departures: the new high is one over the window, not over the whole run: one overconfident model at the start would
    block it for good. (One public implementation compares the newest with itself as well, and never stops.) The
    estimate is made on the fixed stop set, not on what is left of the pool.

    >>> rule = PerformanceConvergence(window=2, threshold=0.01)
    >>> rounds = [(0.70, 10), (0.80, 20), (0.85, 30)]
    >>> trace = [rule.observe(stop_probs=[[p, 1 - p], [1 - p, p]], n_labeled=n) for p, n in rounds]
    >>> decision = rule.decide(trace)
    >>> round(decision.value, 6), decision.stop
    (0.0075, True)
    """

    window: int = 10
    threshold: float = 5e-5

    name = "performance_convergence"
    needs = ("stop_probs", "n_labeled")
    assumes = "The probabilities are calibrated, and the stop set is a random sample large enough for such slopes."
    reference = "Laws & Schuetze 2008, COLING"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, inf, f"{self.name}: threshold"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The estimated F, and how many labels there are."""
        probs = inputs["stop_probs"]
        xp = namespace(probs)
        estimated = 1.0 - float(xp.mean(least_confidence(xp.astype(probs, xp.float64))))
        return {**stop_set(probs, self.name), "f": min(1.0, estimated), "labels": inputs["n_labeled"]}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the slope over the window is positive and small, and the newest estimate a new high."""
        wait = reason_to_wait(trace, self.name, self.window + 1)
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        seen = trace[-self.window - 1 :]
        estimates = [float(recorded(observation, "f", self.name)) for observation in seen]
        spent = recorded(seen[-1], "labels", self.name) - recorded(seen[0], "labels", self.name)
        if spent <= 0:
            return Decision.not_ready(
                f"From the first to the last of these {self.window + 1} rounds {spent} labels came.", self.threshold
            )
        slope = (estimates[-1] - estimates[0]) / spent
        what = f"estimated F on the {seen[-1]['items']} items of the stop set, now {estimates[-1]:.4f},"
        return _decision(slope, estimates[-1] > max(estimates[:-1]), self.threshold, what, self.window)


@dataclass(frozen=True)
class UncertaintyConvergence(Rule):
    """Stops when the certainty about what is asked still rises, but by less than ``threshold`` a label, to a new high.

    The certainty of a round is 1 minus the largest uncertainty in the batch, in [0, 1], by the measures of
    ``overall_uncertainty``. It is smoothed by the median of the last ``window`` batches, and the rule stops where that
    median rose since the round before, by less than ``threshold`` per label of the newest batch, and the newest
    certainty is above all others that either median looked at. Window and threshold are as in
    ``performance_convergence``: 100 labels and 5e-5 a label. A median often stays where it is, and then this does
    not stop; in a comparison over nine data sets it stopped in 59 of 270 runs.

    Needs ``window`` + 1 batches in a row with items in them. O(B · C + window log window) time; an observation is at
    most four values.

    Departures: the new high is one over the window, as in ``performance_convergence``; and batches count by the item
    that the model was least sure of, where the paper asks one item a round.

    >>> rule = UncertaintyConvergence(window=2, threshold=0.1, measure="least_confidence")
    >>> trace = [rule.observe(batch_probs=[[p, 1 - p]]) for p in (0.6, 0.7, 0.75)]
    >>> round(rule.decide(trace).value, 6)           # the medians are 0.65 and 0.725, the batch has one item
    0.075
    """

    window: int = 10
    threshold: float = 5e-5
    measure: str = "entropy"

    name = "uncertainty_convergence"
    needs = ("batch_probs",)
    assumes = "The probabilities are calibrated, and batches are what the model is least sure of in the whole pool."
    reference = "Laws & Schuetze 2008, COLING"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, inf, f"{self.name}: threshold"))
        check_measure(self.measure, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The certainty by each measure; nothing of an empty batch."""
        probs = inputs["batch_probs"]
        n = int(probs.shape[0])
        if n == 0:
            return {"items": 0}
        xp = namespace(probs)
        return {"items": n, **{name: 1.0 - float(xp.max(values)) for name, values in uncertainties(probs).items()}}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the median rose a little and the newest certainty is a new high."""
        wait = reason_to_wait_for_batches(trace, self.name, self.window + 1)
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        seen = trace[-self.window - 1 :]
        certainties = [float(recorded(observation, self.measure, self.name)) for observation in seen]
        slope = (median(certainties[1:]) - median(certainties[:-1])) / seen[-1]["items"]
        what = f"median certainty about what was asked (window {self.window}), the newest {certainties[-1]:.4f},"
        return _decision(slope, certainties[-1] > max(certainties[:-1]), self.threshold, what, 1)


def _decision(slope: float, new_high: bool, threshold: float, what: str, rounds: int) -> Decision:
    stop = 0 < slope < threshold and new_high
    since = "the round before" if rounds == 1 else f"{rounds} rounds ago"
    rose = f"The {what} changed by {slope:.3g} a label since {since}"
    if slope <= 0:
        return Decision(False, True, slope, threshold, f"{rose}: it does not rise, so {threshold:g} is not compared.")
    compared = "less than" if slope < threshold else "not less than"
    high = "and is a new high" if new_high else "but is no new high"
    return Decision(stop, True, slope, threshold, f"{rose}, {compared} {threshold:g}, {high}.")
