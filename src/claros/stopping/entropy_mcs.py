"""Stop when the model is sure of every single item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.arrays import namespace, to_numpy
from claros.checks import number
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import stop_set, uncertainties

__all__ = ["EntropyMcs"]

#: Which items are looked at.
OVER = ("stop_set", "unlabeled")


@dataclass(frozen=True)
class EntropyMcs(Rule):
    """Stops when the largest entropy on the stop set, as a share of log C in [0, 1], is at most the threshold.

    One item that the model cannot tell is enough to go on, and there is nearly always one: in published runs over
    nine data sets with support vector machines it stopped on one of them. It is here to be compared with. The
    default, 0.01, is the one in use, in nats; a share of log C, as here, of 0.01 is 0.0069 nats with two classes and
    0.023 with ten. ``over="unlabeled"`` looks only at those items of the stop set that have no label yet, as the
    paper does, and then needs ``stop_labeled``; of a part the largest is never larger, so it stops no later. Once no
    item is left to look at, it is not ready: that is for a budget to say.

    Waits, as ``overall_uncertainty`` does, while the model gives all items the same probabilities and in the round in
    which a class joins. O(T · C) time; an observation is at most six values.

    Departures: the paper looks at the whole unlabeled pool, which shrinks; the fixed stop set does not, but is a
    sample, so its largest entropy is below the pool's.

    >>> rule = EntropyMcs(threshold=0.5)
    >>> round(rule.decide([rule.observe(stop_probs=[[0.5, 0.5], [1.0, 0.0]])]).value, 6)
    1.0
    """

    threshold: float = 0.01
    over: str = "stop_set"

    name = "entropy_mcs"
    assumes = "The probabilities are calibrated and no item is beyond telling; the stop set is a fixed random sample."
    reference = "Zhu, Wang & Hovy 2008, IJCNLP"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        if self.over not in [*OVER]:
            raise InputError(f"{self.name}: over must be one of {', '.join(OVER)}; got {self.over!r}.")

    @property
    def needs(self) -> tuple[str, ...]:
        """The stop set, and with ``over="unlabeled"`` which of it is labeled."""
        return ("stop_probs",) if self.over == "stop_set" else ("stop_probs", "stop_labeled")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The largest entropy, and the largest of what is unlabeled where that is known."""
        probs = inputs["stop_probs"]
        entropies = uncertainties(probs)["entropy"]
        observation = {**stop_set(probs, self.name), "largest": float(namespace(probs).max(entropies))}
        if self.over == "unlabeled":
            left = to_numpy(entropies)[inputs["stop_labeled"] == 0]
            observation |= {"unlabeled": left.size, "largest_unlabeled": float(left.max()) if left.size else None}
        return observation

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the newest largest entropy is at most the threshold."""
        wait = reason_to_wait(trace, self.name)
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        n, found, which = trace[-1]["items"], "largest", "items"
        if self.over == "unlabeled":
            left, found, which = recorded(trace[-1], "unlabeled", self.name), "largest_unlabeled", "unlabeled items"
            if left == 0:
                return Decision.not_ready(
                    f"All {n} items of the stop set are labeled, so 0 are left to look at.", self.threshold
                )
            n = left
        value = float(recorded(trace[-1], found, self.name))
        stop = value <= self.threshold
        reason = (
            f"The largest entropy among the {n} {which} of the stop set is {value:.4f}, "
            f"{'at most' if stop else 'above'} {self.threshold:g}."
        )
        return Decision(stop, True, value, self.threshold, reason)
