"""Stop when the members of a committee agree, and agree no more than before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number, whole
from claros.inputs import Inputs
from claros.stopping.committee import reason_to_wait, stop_set
from claros.stopping.predictions import check_same_stop_set
from claros.stopping.rule import Decision, Observation, Rule, reaches, recorded

__all__ = ["ValidationAgreement"]


@dataclass(frozen=True)
class ValidationAgreement(Rule):
    """Stops when a committee's agreement on the stop set is high and flat, in [0, 1]: 1 minus normalised vote entropy.

    Each member votes for its most probable class; an item's agreement is 1 minus the entropy of the votes over the
    largest there can be, log min(S, C), and the round's is the mean over the stop set. The rule stops when all of the
    last ``window`` rounds reach ``threshold`` and differ by no more than ``flat``. The value is the smallest of them.
    The first round that can stop is number ``window`` - 1, counted from 0. Members may be a committee, an ensemble or
    passes with dropout.

    The rule waits while all members give the whole stop set one and the same class, and while the number of classes
    grew within the window. O(T · S · (C + S)) time; an observation is four values.

    Departures: the paper draws the curve of agreement for a person to look at, and gives no numbers; ``window``,
    ``threshold`` and ``flat`` are ours. It divides by log C, which fewer members than classes cannot reach.

    >>> rule = ValidationAgreement(window=1, threshold=0.5)
    >>> votes = [[[0.9, 0.1], [0.8, 0.2]], [[0.3, 0.7], [0.1, 0.9]], [[0.6, 0.4], [0.4, 0.6]], [[0.2, 0.8], [0.2, 0.8]]]
    >>> print(rule.decide([rule.observe(stop_member_probs=votes)]).value)
    0.75
    """

    window: int = 3
    threshold: float = 0.95
    flat: float = 0.01

    name = "validation_agreement"
    needs = ("stop_member_probs",)
    assumes = (
        "The members are trained or drawn so that they can disagree, and the stop set is a fixed random sample of the "
        "pool."
    )
    reference = "Tomanek & Hahn 2008, LREC"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        object.__setattr__(self, "flat", number(self.flat, 0, 1, f"{self.name}: flat"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The mean agreement, and what tells whether it means anything."""
        return stop_set(inputs["stop_member_probs"], self.name)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the last agreements are high enough and near each other."""
        seen = trace[-min(self.window, len(trace)) :]
        check_same_stop_set([recorded(one, "items", self.name) for one in trace[-2:]], len(trace), self.name)
        wait = reason_to_wait(seen, len(trace) - len(seen), self.name)
        if len(trace) < self.window:
            wait = (
                f"{len(trace)} of {self.window} rounds are seen; the first that can stop is round {self.window - 1}, "
                "counted from 0."
            )
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        agreements = [float(recorded(observation, "agreement", self.name)) for observation in seen]
        value, change = min(agreements), max(agreements) - min(agreements)
        high, flat = reaches(value, self.threshold), reaches(self.flat, change)
        reason = (
            f"In the last {self.window} {'round' if self.window == 1 else 'rounds'} members agreed on the "
            f"{recorded(seen[-1], 'items', self.name)} items of the stop set to {value:.4f} at least, "
            f"{'not below' if high else 'below'} {self.threshold:g}, and this changed by "
            f"{change:.4f}, {'no more' if flat else 'more'} than {self.flat:g}."
        )
        return Decision(high and flat, True, value, self.threshold, reason)
