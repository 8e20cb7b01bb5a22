"""Stop after a fixed effort that grows a little with what is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from claros.checks import number, whole
from claros.inputs import Inputs
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, class_code
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["Rule2399"]


@dataclass(frozen=True)
class Rule2399(RecallRule):
    """Stops when n >= ``factor`` * r + ``constant``: n items are screened, r of them relevant.

    The value is n, the threshold factor * r + constant. The constants 1.2 and 2399 were fitted to the collections of
    one evaluation campaign, far larger than most reviews; one of fewer than 2399 items is screened to its end. O(L)
    time to record, O(1) to decide; an observation is two numbers.

    Departures: none; some say 1.0 or 1.1 for the factor.

    >>> rule = Rule2399()
    >>> print(rule.decide([rule.observe(labels=[1] * 100 + [0] * 2400)]))
    2500 items are screened and 100 are relevant: fewer than 1.2 * 100 + 2399 = 2519.
    """

    factor: float = 1.2
    constant: int = 2399
    relevant: int = 1

    name = "rule_2399"
    needs = ("labels",)
    assumes = "The collection, its ranking and its share of relevant items are like those the constants come from."
    guarantee = NO_GUARANTEE
    reference = "Cormack & Grossman 2015, TREC Total Recall Track"

    def __post_init__(self) -> None:
        self._set(
            factor=number(self.factor, 0, inf, f"{self.name}: factor"),
            constant=whole(self.constant, 0, f"{self.name}: constant"),
            relevant=class_code(self.relevant, self.name),
        )

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How many are screened and found."""
        labels = inputs["labels"]
        return {"screened": int(labels.size), "found": int(np.count_nonzero(labels == self.relevant))}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when enough is screened for what is found."""
        n, found = (recorded(trace[-1], key, self.name) for key in ("screened", "found"))
        # rounded, because 1.2 * 5 is a little more than 6 in binary for other factors
        enough = round(self.factor * found, 9) + self.constant
        stop = n >= enough
        reason = (
            f"{n} items are screened and {found} are relevant: {'not ' if stop else ''}fewer than {self.factor:g} * "
            f"{found} + {self.constant} = {enough:.10g}."
        )
        return Decision(stop, True, float(n), float(enough), reason)
