"""Stop by a threshold that tightens as long as predictions still change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, cast

from claros.checks import number
from claros.errors import InputError, suggest
from claros.inputs import Inputs
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.max_confidence import MaxConfidence
from claros.stopping.overall_uncertainty import OverallUncertainty
from claros.stopping.predictions import last_predictions, pack, reason_to_wait, too_few
from claros.stopping.rule import Decision, Observation, Rule, View, recorded
from claros.stopping.selected_accuracy import SelectedAccuracy

__all__ = ["CRITERIA", "ThresholdUpdate"]


class _Criterion(NamedTuple):
    """A figure that is compared with the threshold: who observes it, under which key, and the published numbers."""

    rule: Rule
    key: str
    said: str
    initial: float
    step: float
    limit: float

    @property
    def rises(self) -> bool:
        """Whether more is better, as for an accuracy."""
        return self.initial < self.limit

    def holds(self, value: float, threshold: float) -> bool:
        return value >= threshold if self.rises else value < threshold


#: The criteria by their names as rules.
CRITERIA: dict[str, _Criterion] = {
    "overall_uncertainty": _Criterion(OverallUncertainty(), "entropy", "mean entropy on the stop set", 0.1, 0.01, 0.01),
    "minimum_expected_error": _Criterion(
        OverallUncertainty(), "least_confidence", "expected error on the stop set", 0.1, 0.01, 0.01
    ),
    "max_confidence": _Criterion(MaxConfidence(), "entropy", "largest entropy in the last batch", 0.1, 0.01, 0.001),
    "selected_accuracy": _Criterion(SelectedAccuracy(), "accuracy", "accuracy on the last batch", 0.9, 0.1, 1.0),
}


@dataclass(frozen=True)
class ThresholdUpdate(Rule):
    """Stops when a criterion holds and no prediction on the stop set changed; tightens its threshold where one did.

    A good threshold is hard to know beforehand. So the ``criterion`` starts with a loose one, ``initial``. Each time
    it holds, the predictions of the last two models on the stop set are compared: if none changed the rule stops, else
    the threshold tightens by ``step``, no further than ``limit``, and labeling goes on. The criterion is one of

    * ``overall_uncertainty``: mean entropy on the stop set as a share of log C, below 0.1, then 0.09, ... 0.01
    * ``minimum_expected_error``: mean of 1 minus the largest probability on the stop set, the same numbers
    * ``max_confidence``: largest entropy in the last batch, a share of log C, below 0.1, then 0.09, ... 0.001
    * ``selected_accuracy``: share of the last batch that was predicted right, at least 0.9, then 1

    These numbers, the defaults of ``initial``, ``step`` and ``limit``, are those usually given for the method; None
    means the default of the criterion. The value is the criterion's figure, the threshold the one of this round. With
    ``initial`` equal to ``limit`` it is the criterion together with ``classification_change``.

    It waits in the first round, where the criterion waits, and while the two models predict one and the same class
    for everything. Nothing is kept between calls, the threshold follows from the trace: a decision compares one number
    of every round with a threshold, O(rounds + T), and a replay goes over the trace once, O(rounds · T). An
    observation is what the criterion's rule records, and T to 4 T bytes of predictions in base64.

    Departures: the papers compare the predictions on the unlabeled pool; here it is the fixed stop set. None of a few
    hundred items may change where one of ten thousand does.

    >>> rule = ThresholdUpdate("minimum_expected_error", initial=0.3, step=0.1)
    >>> rounds = [[[0.8, 0.2], [0.6, 0.4]], [[0.8, 0.2], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]]]
    >>> trace = [rule.observe(stop_probs=probs, stop_predictions=[0, int(probs[1][1] > 0.5)]) for probs in rounds]
    >>> print(rule.decide(trace[:2]))
    The expected error on the stop set is 0.2500, below 0.3, but 1 of 2 predictions changed; next it is 0.2.
    >>> rule.decide(trace).stop
    True
    """

    criterion: str = "overall_uncertainty"
    initial: float | None = None
    step: float | None = None
    limit: float | None = None

    name = "threshold_update"
    assumes = "What the criterion assumes; the stop set is a fixed random sample of the pool, best of 1000 or more."
    reference = "Zhu, Wang & Hovy 2008, COLING; Zhu et al. 2010, ACM TSLP 6(3)"

    def __post_init__(self) -> None:
        if self.criterion not in [*CRITERIA]:
            raise InputError(f"{self.name}: {suggest(str(self.criterion), CRITERIA, 'criterion')}")
        usual = CRITERIA[self.criterion]
        initial = number(usual.initial if self.initial is None else self.initial, 0, 1, f"{self.name}: initial")
        step = number(usual.step if self.step is None else self.step, 0, 1, f"{self.name}: step")
        # an initial threshold that is tighter than the usual limit is its own limit
        far = max(usual.limit, initial) if usual.rises else min(usual.limit, initial)
        limit = number(far if self.limit is None else self.limit, 0, 1, f"{self.name}: limit")
        for key, value in (("initial", initial), ("step", step), ("limit", limit)):
            object.__setattr__(self, key, value)
        if initial != limit and (initial < limit) != usual.rises:
            tighter = "at least" if usual.rises else "at most"
            raise InputError(
                f"{self.name}: limit must be {tighter} initial for {self.criterion}, because it tightens towards it; "
                f"got initial {initial:g} and limit {limit:g}."
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """The predictions, and what the criterion looks at."""
        return ("stop_predictions", *CRITERIA[self.criterion].rule.needs)

    @property
    def _numbers(self) -> tuple[float, float, float]:
        """initial, step and limit; none of them is None once the rule is made."""
        return cast(float, self.initial), cast(float, self.step), cast(float, self.limit)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions, what the criterion's rule records, and its figure, None where it is not defined."""
        criterion = CRITERIA[self.criterion]
        seen = criterion.rule.record(inputs)
        value = None
        if seen["items"] and not seen.get("constant") and seen.get("only") is None:
            value = seen["right"] / seen["items"] if criterion.key == "accuracy" else seen[criterion.key]
        return {**pack(inputs["stop_predictions"], self.name), **seen, "value": value}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the criterion holds with the threshold of now and no prediction changed."""
        return self._decision(trace, self._times_tightened(trace))

    def decide_each(self, trace: Sequence[Observation]) -> list[Decision]:
        """All decisions in one pass over the trace."""
        criterion, times, decisions = CRITERIA[self.criterion], 0, []
        for length in range(1, len(trace) + 1):
            decision = self._decision(View(trace, length), times)
            decisions.append(decision)
            if decision.value is not None and decision.threshold is not None and not decision.stop:
                times += criterion.holds(decision.value, decision.threshold)
        return decisions

    def _decision(self, trace: Sequence[Observation], times: int) -> Decision:
        """The decision after the newest round, for a threshold that tightened so often before it."""
        criterion, value = CRITERIA[self.criterion], recorded(trace[-1], "value", self.name)
        predictions = last_predictions(trace, 2, self.name)
        before, now = predictions[0], predictions[-1]
        threshold, n = self._threshold(times), now.size
        wait = self._reason_to_wait(trace)
        if wait is None and (before == now).all() and (now == now[0]).all():
            wait = (
                f"All {n} predictions on the stop set are one class, as in the round before, so they say nothing yet."
            )
        if wait is not None:
            return Decision.not_ready(wait, threshold)
        changed, holds = int((before != now).sum()), criterion.holds(value, threshold)
        words = ("below", "at least") if criterion.rises else ("not below", "below")
        reason = f"The {criterion.said} is {value:.4f}, {words[holds]} {threshold:g}"
        if holds and changed:
            tighter = self._threshold(times + 1)
            then = "it stays" if tighter == threshold else f"next it is {tighter:g}"
            reason = f"{reason}, but {changed} of {n} predictions changed; {then}"
        elif holds:
            reason = f"{reason}, and none of {n} predictions changed"
        return Decision(holds and not changed, True, float(value), threshold, f"{reason}.")

    def _threshold(self, times: int) -> float:
        """The threshold after it tightened so often."""
        initial, step, limit = self._numbers
        if CRITERIA[self.criterion].rises:
            return min(limit, round(initial + times * step, 12))
        return max(limit, round(initial - times * step, 12))

    def _times_tightened(self, trace: Sequence[Observation]) -> int:
        """How often the threshold tightened before the newest round."""
        rises, limit = CRITERIA[self.criterion].rises, self._numbers[2]
        times, threshold, before = 0, self._threshold(0), None
        for observation in islice(trace, len(trace) - 1):
            if threshold == limit:
                break
            try:  # quicker than a look before each, and there may be many
                value = observation["value"]
            except (KeyError, TypeError):
                value = recorded(observation, "value", self.name)
            holds = value is not None and (value >= threshold if rises else value < threshold)
            if holds and before is not None and _predicts_otherwise(before, observation):
                times += 1
                threshold = self._threshold(times)
            before = observation
        return times

    def _reason_to_wait(self, trace: Sequence[Observation]) -> str | None:
        on_stop_set = "stop_probs" in self.needs
        wait = reason_to_wait(trace, self.name) if on_stop_set else reason_to_wait_for_batches(trace, self.name)
        if wait is not None:
            return wait
        if trace[-1]["value"] is None:
            n = trace[-1]["items"]
            return f"The model gave all {n} items of the last batch the same prediction, so it knows nothing yet."
        if len(trace) == 1:
            return too_few(1, 2)
        return None


def _predicts_otherwise(before: Observation, now: Observation) -> bool:
    """Whether a prediction changed, of two rounds that compare: where a class joined, the criterion waits."""
    same = before["codes"] == now["codes"] and before["bits"] == now["bits"]
    return not same and before.get("classes") == now.get("classes")
