"""Stop when the last batches hold hardly anything relevant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number, whole
from claros.inputs import Inputs
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, class_code, pack, unpack
from claros.stopping.rule import Decision, Observation

__all__ = ["BatchPrecision"]


@dataclass(frozen=True)
class BatchPrecision(RecallRule):
    """Stops when each of the last ``slack`` batches has a precision of at most ``precision``, a share in [0, 1].

    A batch is ``batch`` items in the order of screening, counted back from the last one screened, so how often the
    rule is asked does not matter. The value is the largest precision among those batches, the threshold
    ``precision``; it waits until ``batch * slack`` items are screened. The default of 5 in 200 and one batch is that
    of the comparison of heuristic rules. O(L) time; an observation is L / 8 bytes before it is deflated.

    Departures: public code counts the batches as they were handed out, so that the same precision means another
    number of items in every workflow.

    >>> rule = BatchPrecision(precision=0.25, batch=4)
    >>> print(rule.decide([rule.observe(labels=[1, 1, 0, 0, 1, 0])]))
    At most 1 of each 4 items in the last 1 batch is relevant, a precision of 0.25, not above 0.25; 3 are found.
    """

    precision: float = 0.025
    batch: int = 200
    slack: int = 1
    relevant: int = 1

    name = "batch_precision"
    needs = ("labels",)
    assumes = "Where the ranking finds few relevant items, few are left; a poor ranking looks the same."
    guarantee = NO_GUARANTEE
    reference = "Yang, Lewis & Frieder 2021, arXiv:2106.09871 (as a baseline)"

    def __post_init__(self) -> None:
        self._set(
            precision=number(self.precision, 0, 1, f"{self.name}: precision"),
            batch=whole(self.batch, 1, f"{self.name}: batch"),
            slack=whole(self.slack, 1, f"{self.name}: slack"),
            relevant=class_code(self.relevant, self.name),
        )

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What was relevant."""
        return pack(inputs["labels"], self.relevant)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when no batch of the last ones is more precise than allowed."""
        screened = unpack(trace[-1], self.name)
        wanted = self.batch * self.slack
        if screened.n < wanted:
            return Decision.not_ready(f"{screened.n} items are screened and {wanted} must be.", self.precision)
        most = int(screened.relevant[-wanted:].reshape(self.slack, self.batch).sum(axis=1).max())
        value = most / self.batch
        stop = value <= self.precision
        reason = (
            f"At most {most} of each {self.batch} items in the last {self.slack} batch{'es' * (self.slack > 1)} "
            f"{'is' if most == 1 else 'are'} relevant, a precision of {value:.4g}, {'not ' if stop else ''}above "
            f"{self.precision:g}; {screened.found} are found."
        )
        return Decision(stop, True, value, self.precision, reason)
