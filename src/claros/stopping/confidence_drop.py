"""Stop when the model's confidence has passed its peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.falls import falls_in_a_row
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import check_measure, mean_uncertainties, stop_set

__all__ = ["ConfidenceDrop"]

#: Readings of "has fallen": each below the one before, or all below the one before the first of them.
MODES = ("consecutive", "below_reference")


@dataclass(frozen=True)
class ConfidenceDrop(Rule):
    """Stops when the mean confidence on the stop set has fallen in each of the last ``window`` rounds.

    Confidence is 1 minus the mean uncertainty, in [0, 1], by the measures of ``overall_uncertainty``:
    "least_confidence" makes it the mean of the largest probability. It rises while the model learns what the pool
    holds, and the paper takes the fall that follows for a sign that what is asked by now only confuses. So the model
    to keep is the one before the fall: the reason names its round, and ``best_round(trace)`` gives it. The value is
    how many of the rounds count as fallen, the threshold is ``window``, 3 as in the paper.

    "Fallen" has two readings. ``mode="consecutive"``: each confidence is below the one of the round before.
    ``mode="below_reference"``: each is below the one before the window, whatever they do among themselves; 0.8, 0.75,
    0.78, 0.72 is a fall in this reading only. With ``strict=False`` what stays the same counts as fallen, too:
    **static confidence**, for which the alias ``static_confidence`` stands.

    Needs ``window`` + 1 rounds. Waits while the model gives all items the same probabilities in one of them (a model
    that has seen one class is certain, and its first doubt would look like a fall), and where a class joined among
    them. Noise falls, too: where confidence only wavers, ``window`` falls in a row end in 1 of (``window`` + 1)!
    rounds, 1 in 24 with 3, and all are below the reference in 1 of ``window`` + 1. And the confidence of networks
    tends to rise for ever, so that the fall may never come. O(T · C + window) time; an observation is six values.

    Departures: the paper takes the margin of a support vector machine on a set of its own; here it is probabilities
    on the stop set.

    >>> rule = ConfidenceDrop(window=2)
    >>> trace = [rule.observe(stop_probs=[[p, 1 - p], [0.5, 0.5]]) for p in (0.7, 0.9, 0.8, 0.6)]
    >>> rule.decide(trace).stop, rule.best_round(trace)
    (True, 1)
    """

    window: int = 3
    mode: str = "consecutive"
    strict: bool = True
    measure: str = "least_confidence"

    name = "confidence_drop"
    needs = ("stop_probs",)
    assumes = "Confidence peaks when the model is at its best; the stop set is a fixed random sample of the pool."
    reference = "Vlachos 2008, Computer Speech & Language 22; static: McDonald, Macdonald & Ounis 2020"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        if self.mode not in [*MODES]:
            raise InputError(f"{self.name}: mode must be one of {', '.join(MODES)}; got {self.mode!r}.")
        if not isinstance(self.strict, bool):
            raise InputError(f"{self.name}: strict must be true or false; got {self.strict!r}.")
        check_measure(self.measure, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The mean of each measure, so that a trace can be replayed with any."""
        probs = inputs["stop_probs"]
        return {**stop_set(probs, self.name), **mean_uncertainties(probs)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when all of the last ``window`` rounds count as fallen."""
        wait = reason_to_wait(trace, self.name, self.window + 1)
        if wait is not None:
            return Decision.not_ready(wait, float(self.window))
        values = [1.0 - float(recorded(one, self.measure, self.name)) for one in trace[-self.window - 1 :]]
        fallen = self._fallen(values)
        return Decision(
            fallen == self.window, True, float(fallen), float(self.window), self._reason(values, fallen, len(trace))
        )

    def best_round(self, trace: Sequence[Observation]) -> int | None:
        """The round before the fall, by its place in the trace; None where the last decision is not to stop."""
        return len(trace) - 1 - self.window if self.decide(trace).stop else None

    def _fallen(self, values: Sequence[float]) -> int:
        if self.mode == "consecutive":
            return falls_in_a_row(values, strict=self.strict)
        before, *last = values
        return sum(value < before or (value == before and not self.strict) for value in last)

    def _reason(self, values: Sequence[float], fallen: int, rounds: int) -> str:
        before = f"{values[0]:.4f} of round {rounds - 1 - self.window}"
        if self.mode == "below_reference":
            counted = f"rounds {'below' if self.strict else 'not above'} the {before}: {fallen} of {self.window}"
        else:
            counted = f"{'falls' if self.strict else 'rounds without a rise'} in a row: {fallen} of {self.window}"
        kept = f", from {before}, whose model was the last before" if fallen == self.window else ""
        measure = self.measure.replace("_", " ")
        return f"The mean confidence (1 - {measure}) on the stop set is {values[-1]:.4f}; {counted}{kept}."
