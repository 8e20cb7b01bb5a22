"""Stop when few relevant items can be left that no member of a committee has proposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.recall import capture
from claros.stopping.recall.screening import RecallRule, class_code, pool_size, target
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["ESTIMATORS", "ChaoRule"]

#: Lower bounds on how many were never captured, with the variance of their logarithm.
ESTIMATORS = {"chao": capture.chao, "rivest_baillargeon": capture.rivest_baillargeon}


@dataclass(frozen=True)
class ChaoRule(RecallRule):
    """Stops when what is found is at least ``recall`` of the relevant items that captures by a committee allow for.

    Several members propose items to screen, each for itself; a relevant item that k of them proposed was captured k
    times. From the numbers f_k of relevant items captured k times follows a lower bound on how many nobody captured:
    ``estimator`` is "chao", f_1² / (2 f_2), or "rivest_baillargeon", which smooths the counts first. The upper limit
    of its log-normal interval, unseen · exp(z · sqrt(log(1 + variance of the logarithm))), is added to those captured;
    the total is at least what is found and at most that plus what is not screened. The value is r / total, an
    estimate of recall; the threshold ``recall``. ``z=0`` takes the lower bound itself, which the paper calls
    optimistic; the default 1.96 is its conservative form.

    Relevant items that no member proposed (a random start) count as found, and lower what is still unseen. It waits
    until ``minimum`` relevant items are found. It needs two members or more, of different kinds: members that propose
    the same items make all captures full, and the unseen none. O(L · S) time to record; an observation is S + 4
    numbers.

    Departures: the paper comes with a committee of its own; here any will do that says what it proposed. Its software
    fits the smoothed counts in R with an interval from their likelihood, and leaves a square out of the variance where
    f_2 is 0.

    >>> rule = ChaoRule(recall=0.7, minimum=3)
    >>> captures = [[1, 1, 1]] * 12 + [[1, 1, 0]] * 4 + [[1, 0, 0]] * 2
    >>> print(rule.decide([rule.observe(labels=[1] * 18, captures=captures, n_pool=100)]))
    18 relevant items are found, 2 captured once and 4 twice: at most 24.2 in all, a recall of 0.743, at least 0.7.
    """

    recall: float = 0.95
    z: float = 1.96
    estimator: str = "chao"
    minimum: int = 10
    relevant: int = 1

    name = "chao"
    needs = ("labels", "captures", "n_pool")
    assumes = (
        "Members propose independently of each other, given an item; every relevant item has some chance to be "
        "proposed by each."
    )
    guarantee = (
        "None: what is added to the captured is a bound from below, so recall may be overestimated, at one look and "
        "over a screening."
    )
    reference = "Bron et al. 2024, arXiv:2404.01176; Chao 1987; Rivest & Baillargeon 2007"

    def __post_init__(self) -> None:
        self._set(
            recall=target(self.recall, self.name),
            z=number(self.z, 0, math.inf, f"{self.name}: z"),
            minimum=whole(self.minimum, 1, f"{self.name}: minimum"),
            relevant=class_code(self.relevant, self.name),
        )
        if self.estimator not in ESTIMATORS:
            known = ", ".join(ESTIMATORS)
            raise InputError(f"{self.name}: estimator must be one of {known}; got {self.estimator!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How many relevant items were captured how often, from never to by all members."""
        labels, captures = inputs["labels"], inputs["captures"]
        members = captures.shape[1]
        if members < 2:
            raise InputError(f"{self.name}: captures has {members} member; at least 2 must propose items.")
        if captures.size and captures.max() > 1:
            raise InputError(f"{self.name}: captures must be 1 or 0; got {int(captures.max())}.")
        counts = np.bincount(captures[labels == self.relevant].sum(axis=1), minlength=members + 1)
        screened = int(labels.size)
        return {"captured": counts.tolist(), "screened": screened, "pool": pool_size(inputs, screened, self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when enough of what captures allow for is found."""
        captured, screened, pool = (recorded(trace[-1], key, self.name) for key in ("captured", "screened", "pool"))
        found = sum(captured)
        if found < self.minimum:
            return Decision.not_ready(f"{found} relevant items are found and {self.minimum} must be.", self.recall)
        unseen, variance = ESTIMATORS[self.estimator](np.array(captured[1:], dtype=np.float64))
        most = unseen * math.exp(self.z * math.sqrt(math.log1p(variance)))
        total = min(max(found, found - captured[0] + most), found + pool - screened)
        value = found / total
        stop = value >= self.recall
        reason = (
            f"{found} relevant items are found, {captured[1]} captured once and {captured[2]} twice: at most "
            f"{total:.1f} in all, a recall of {value:.3g}, {'at least' if stop else 'below'} {self.recall:g}."
        )
        return Decision(stop, True, float(value), self.recall, reason)
