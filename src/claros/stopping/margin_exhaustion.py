"""Stop when no point is left inside the margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from claros.arrays import Floats, to_numpy
from claros.checks import number
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.predictions import check_same_stop_set
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["MarginExhaustion"]


@dataclass(frozen=True)
class MarginExhaustion(Rule):
    """Stops when the unlabeled point nearest to a boundary is at least ``margin`` away; the value is |f| there.

    f are decision values, one for each class against the rest, so that a support vector machine has its margin at 1:
    what lies outside would not become a support vector, and a label there would not move the boundary. Of several
    classes the nearest boundary counts, the least |f| of any; of two classes, whose columns are -f and f, that is
    |f|. A point on the margin is outside it, so the rule stops at ``margin`` exactly.

    ``over="unlabeled"`` looks at the items of the stop set that are not labeled yet. ``over="stop_set"`` looks at all:
    support vectors that were labeled stay on or inside the margin, so it seldom stops, and it does without
    ``stop_labeled``. It waits while the model gives the whole stop set one class, and when nothing of it is left
    unlabeled. A machine with a small C keeps a wide margin with points inside, and is never done by this rule.
    O(T · C) time; an observation is four values.

    Departures: the paper looks at the whole pool that is left; this is a random sample of it, and the nearest point of
    a sample is farther away. Several classes and the wait for a constant model are ours.

    >>> rule = MarginExhaustion()
    >>> f = [[-1.5, 1.5], [0.2, -0.2], [2.0, -2.0]]
    >>> print(rule.decide([rule.observe(stop_decision_values=f, stop_labeled=[0, 1, 0])]).value)
    1.5
    """

    margin: float = 1.0
    over: str = "unlabeled"

    name = "margin_exhaustion"
    assumes = (
        "The decision values are those of a support vector machine, or scaled alike, and its classes can be told apart "
        "with few points inside the margin; the stop set is a fixed random sample of the pool."
    )
    reference = "Schohn & Cohn 2000, ICML"

    def __post_init__(self) -> None:
        object.__setattr__(self, "margin", number(self.margin, 0, inf, f"{self.name}: margin"))
        if self.over not in ("unlabeled", "stop_set"):
            raise InputError(f"{self.name}: over must be 'unlabeled' or 'stop_set'; got {self.over!r}.")

    @property
    def needs(self) -> tuple[str, ...]:
        """Decision values, and who is labeled where that counts."""
        return ("stop_decision_values", "stop_labeled") if self.over == "unlabeled" else ("stop_decision_values",)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How many items are looked at, and the least |f| among them."""
        values: Floats = to_numpy(inputs["stop_decision_values"])
        n, classes = values.shape
        if n == 0:
            raise InputError(f"{self.name}: the stop set is empty; draw at least one item.")
        looked_at = np.ones(n, dtype=bool)
        if self.over == "unlabeled":
            labeled = inputs["stop_labeled"]
            if labeled.max() > 1:
                raise InputError(f"{self.name}: stop_labeled must be 1 or 0; got {labeled.max()}.")
            looked_at = labeled == 0
        nearest = float(np.abs(values[looked_at]).min()) if looked_at.any() else None
        predicted = values.argmax(axis=1)
        constant = classes < 2 or bool(np.all(predicted == predicted[0]))
        return {"items": n, "looked_at": int(looked_at.sum()), "nearest": nearest, "constant": constant}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the nearest point is on the margin or outside."""
        now = trace[-1]
        items, looked_at, nearest = (recorded(now, key, self.name) for key in ("items", "looked_at", "nearest"))
        check_same_stop_set([recorded(seen, "items", self.name) for seen in trace[-2:]], len(trace), self.name)
        if recorded(now, "constant", self.name):
            return Decision.not_ready(
                f"The model gives all {items} items of the stop set one class, so it has no boundary yet.", self.margin
            )
        if nearest is None:
            return Decision.not_ready(
                f"All {items} items of the stop set are labeled, so none is left to look at.", self.margin
            )
        stop = nearest >= self.margin
        which = f"{looked_at} {'unlabeled ' if self.over == 'unlabeled' else ''}items of the stop set"
        reason = (
            f"The nearest of {which} is {nearest:.4f} from a boundary, "
            f"{'not inside' if stop else 'inside'} the margin of {self.margin:g}."
        )
        return Decision(stop, True, float(nearest), self.margin, reason)
