"""Stop after many irrelevant items in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import whole
from claros.inputs import Inputs
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, class_code
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["ConsecutiveIrrelevant"]


@dataclass(frozen=True)
class ConsecutiveIrrelevant(RecallRule):
    """Stops when the last ``n`` items screened are all irrelevant; the value is how many in a row are, the threshold n.

    At least ``n``, so exactly n in a row stop, and nothing stops before n items are screened. 50 is a number that
    users of screening tools name; there is no theory for any. The gap between two relevant items grows as they get
    rarer, so the more thoroughly one searches the likelier this rule is to stop too early: in a published comparison
    the mean recall of such rules was 0.30. O(L) time to record, O(1) to decide; an observation is three numbers.

    Departures: one package needs n + 1 items, another stops at the first irrelevant one where fewer than n are
    screened.

    >>> rule = ConsecutiveIrrelevant(n=3)
    >>> print(rule.decide([rule.observe(labels=[1, 0, 1, 0, 0])]))
    The last 2 of 5 items screened are irrelevant, fewer than 3; 2 relevant items are found.
    """

    n: int = 50
    relevant: int = 1

    name = "consecutive_irrelevant"
    needs = ("labels",)
    assumes = "Relevant items do not come in clusters with long gaps between them; nothing supports that in general."
    guarantee = NO_GUARANTEE
    reference = "folklore; as in ASReview, van de Schoot et al. 2021, Nature Machine Intelligence 3"

    def __post_init__(self) -> None:
        self._set(n=whole(self.n, 1, f"{self.name}: n"), relevant=class_code(self.relevant, self.name))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How many are screened and found, and the irrelevant ones in a row at the end."""
        is_relevant = inputs["labels"] == self.relevant
        found = int(is_relevant.sum())
        row = int(is_relevant[::-1].argmax()) if found else int(is_relevant.size)
        return {"screened": int(is_relevant.size), "found": found, "row": row}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when n in a row are irrelevant."""
        screened, found, row = (recorded(trace[-1], key, self.name) for key in ("screened", "found", "row"))
        if screened < self.n:
            return Decision.not_ready(f"{screened} items are screened and {self.n} must be.", float(self.n))
        stop = row >= self.n
        reason = (
            f"The last {row} of {screened} items screened are irrelevant, {'at least' if stop else 'fewer than'} "
            f"{self.n}; {found} relevant items are found."
        )
        return Decision(stop, True, float(row), float(self.n), reason)
