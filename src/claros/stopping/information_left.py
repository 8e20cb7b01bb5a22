"""Stop when a label would tell next to nothing about the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Array, namespace, take
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.disagreement import mutual_information
from claros.measures.joint import pair_information
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import same_rows

__all__ = ["InformationLeft"]

KINDS = ("bald", "epig")


@dataclass(frozen=True)
class InformationLeft(Rule):
    """Stops when the most informative label on the stop set would tell less than the threshold; nats, [0, log C].

    The members of a committee, an ensemble or a posterior sample give each item's information: ``kind="bald"`` is what
    its label would tell about which member is right, ``kind="epig"`` what it would tell about the label of another
    item of the stop set, on average over ``targets`` of them, spread evenly over its order. The largest of all items
    counts, as its mean over the last ``window`` rounds, and the rule stops strictly below ``threshold``; None is
    0.01·log C, one hundredth of what a label can tell at all. EPIG is the safer one: BALD stays high on outliers,
    whose labels tell about nothing else.

    It waits for a committee of one, which cannot disagree, for one class, while the members give all items the same
    probabilities, and when classes join. Members that know nothing yet agree on that, too, so look at it together with
    a rule on the predictions. BALD O(T·S·C) time, EPIG O(T·targets·C²·S): for 2000 items, 10 classes and 20 members
    0.5 s. An observation is five values.

    Departures: a stopping rule of a score that was published for picking; the threshold is ours.

    >>> rule = InformationLeft(window=1)
    >>> agree = [[[0.9, 0.1], [0.9, 0.1]], [[0.2, 0.8], [0.2, 0.8]]]
    >>> print(rule.decide([rule.observe(stop_member_probs=agree)]).value)
    0.0
    """

    threshold: float | None = None
    kind: str = "bald"
    window: int = 3
    targets: int = 200

    name = "information_left"
    needs = ("stop_member_probs",)
    assumes = (
        "The members are samples of what the labels leave open, not copies of one another; the stop set is a fixed "
        "random sample of the pool."
    )
    reference = "Houlsby et al. 2011, arXiv:1112.5745; Bickford Smith et al. 2023, arXiv:2304.08151"

    def __post_init__(self) -> None:
        if self.threshold is not None:
            object.__setattr__(self, "threshold", number(self.threshold, 0, math.inf, f"{self.name}: threshold"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "targets", whole(self.targets, 1, f"{self.name}: targets"))
        if self.kind not in KINDS:
            raise InputError(f"{self.name}: kind must be 'bald' or 'epig'; got {self.kind!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The largest information, under the name of its kind."""
        members = inputs["stop_member_probs"]
        n, count, classes = (int(size) for size in members.shape)
        if n == 0:
            raise InputError(f"{self.name}: the stop set is empty; draw at least one item.")
        information = self._information(members)
        largest = float(namespace(information).max(information))
        seen = {"items": n, "classes": classes, "members": count, "constant": same_rows(members)}
        return {**seen, self.kind: largest}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the mean of the last largest informations is below the threshold."""
        now = trace[-1]
        classes, members, _ = (recorded(now, key, self.name) for key in ("classes", "members", self.kind))
        threshold = 0.01 * math.log(classes) if self.threshold is None else self.threshold
        waiting = _too_small(members, classes) or reason_to_wait(trace, self.name, self.window)
        if waiting is not None:
            return Decision.not_ready(waiting, threshold)
        value = sum(recorded(seen, self.kind, self.name) for seen in trace[-self.window :]) / self.window
        stop = value < threshold
        told = "about the members" if self.kind == "bald" else "about another item's label"
        reason = (
            f"The most that a label of the {now['items']} items of the stop set would tell {told} is {value:.4g} nats"
            f"{'' if self.window == 1 else f' (mean of {self.window} rounds)'}, "
            f"{'below' if stop else 'not below'} {threshold:.4g}."
        )
        return Decision(stop, True, float(value), float(threshold), reason)

    def _information(self, members: Array) -> Array:
        if self.kind == "bald":
            return mutual_information(members)
        n = int(members.shape[0])
        spread = np.unique(np.linspace(0, n - 1, min(n, self.targets)).round().astype(np.int64))
        return pair_information(members, take(members, spread))


def _too_small(members: int, classes: int) -> str | None:
    if members < 2:
        return f"A committee of {members} cannot disagree."
    return f"With {classes} class a label tells nothing." if classes < 2 else None
