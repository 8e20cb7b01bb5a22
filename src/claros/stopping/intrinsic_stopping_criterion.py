"""Stop when a committee agrees as much on what it picks as on the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import whole
from claros.inputs import Inputs
from claros.stopping.committee import mean_agreement, reason_to_wait, stop_set
from claros.stopping.rule import Decision, Observation, Rule, reaches, recorded
from claros.stopping.steps import too_early

__all__ = ["IntrinsicStoppingCriterion"]


@dataclass(frozen=True)
class IntrinsicStoppingCriterion(Rule):
    """Stops when a committee agrees on the batches it picks as much as on the stop set; agreement in [0, 1].

    A strategy that prefers disagreement picks what the members disagree about while there is such. Once they agree on
    the picks as much as on a random sample, nothing that is left divides them more. Agreement is 1 minus the entropy
    of the members' votes over the largest there can be, log min(S, C). The value, selection agreement, is the mean
    over the items of the last ``window`` batches; the threshold, validation agreement, is the mean over the stop set
    of the committees that picked them. It stops at selection >= validation: there is no threshold to choose.

    A batch is compared with the stop set as the same committee saw it, so with that of the round before: the first
    round that can stop is number ``window``, counted from 0. A wider window suits small batches; one item is 0 or 1
    for two members. A batch that is empty counts for nothing. The rule waits while a committee gave the whole stop set
    one and the same class, and while the number of classes grew within the window. O((T + B) · S · (C + S)) time; an
    observation is six values.

    It says nothing where batches are picked in another way: on random ones both agreements are always near each
    other, and it stops at once. The rule cannot see how they were picked.

    Departures: ``window`` is ours; the paper compares single batches, and takes the largest entropy to be log C.

    >>> rule = IntrinsicStoppingCriterion(window=1)
    >>> agree, differ = [[0.9, 0.1], [0.8, 0.2]], [[0.6, 0.4], [0.4, 0.6]]
    >>> other = [[0.3, 0.7], [0.1, 0.9]]
    >>> trace = [
    ...     rule.observe(stop_member_probs=[agree, other, differ, other], batch_member_probs=[picked])
    ...     for picked in (differ, differ, agree)
    ... ]
    >>> for end in (2, 3):
    ...     decision = rule.decide(trace[:end])
    ...     print(decision.value, decision.threshold, decision.stop)
    0.0 0.75 False
    1.0 0.75 True
    """

    window: int = 3

    name = "intrinsic_stopping_criterion"
    needs = ("stop_member_probs", "batch_member_probs")
    assumes = (
        "Batches are picked by the members' disagreement; the stop set is a fixed random sample of the pool. With "
        "batches picked at random it stops at once."
    )
    reference = "Olsson & Tomanek 2009, CoNLL"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """Mean agreement on the stop set, and on the batch that the committee of the round before picked."""
        picked = inputs["batch_member_probs"]
        size = int(picked.shape[0])
        selection = mean_agreement(picked, "batch_member_probs", self.name) if size else None
        return {**stop_set(inputs["stop_member_probs"], self.name), "batch": size, "selection": selection}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when selection agreement is at least validation agreement."""
        seen = trace[-min(self.window + 1, len(trace)) :]
        committees, batches = seen[:-1], seen[1:]
        wait = reason_to_wait(seen, len(trace) - len(seen), self.name)
        if len(trace) <= self.window:
            return too_early(len(trace), self.window, None)
        if wait is not None:
            return Decision.not_ready(wait)
        sizes = [recorded(observation, "batch", self.name) for observation in batches]
        if not sum(sizes):
            return Decision.not_ready(f"The last {self.window} batches have 0 items, so there is nothing to compare.")
        agreed = sum(size * batch["selection"] for size, batch in zip(sizes, batches, strict=True) if size)
        value = float(agreed / sum(sizes))
        threshold = sum(float(recorded(committee, "agreement", self.name)) for committee in committees) / self.window
        stop = reaches(value, threshold)
        reason = (
            f"Members agreed on the {sum(sizes)} items of the last {self.window} "
            f"{'batch' if self.window == 1 else 'batches'} to {value:.4f}, "
            f"{'no less' if stop else 'less'} than on the {recorded(seen[-1], 'items', self.name)} of the stop set, "
            f"{threshold:.4f}{'; this counts only if they were picked by disagreement' if stop else ''}."
        )
        return Decision(stop, True, value, threshold, reason)
