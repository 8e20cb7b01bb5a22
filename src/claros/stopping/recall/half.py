"""Stop when half of the collection is screened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.inputs import Inputs
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, pool_size
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["Half"]


@dataclass(frozen=True)
class Half(RecallRule):
    """Stops when at least half of the collection is screened; the value is the share screened, the threshold 0.5.

    A baseline for comparisons, which looks at no label. Half of an odd collection is rounded up. For other shares:
    ``budget(share=...)``. O(1); an observation is two numbers.

    Departures: public code rounds half of an odd collection down, and so stops one item short.

    >>> rule = Half()
    >>> print(rule.decide([rule.observe(labels=[0, 1, 0], n_pool=7)]))
    3 of 7 items are screened, less than half.
    """

    name = "half"
    needs = ("labels", "n_pool")
    assumes = "A good ranking has nearly all that is relevant in its first half."
    guarantee = NO_GUARANTEE
    reference = "a plain limit; as a baseline in Yang, Lewis & Frieder 2021, arXiv:2106.09871"

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How many are screened, of how many."""
        screened = int(inputs["labels"].size)
        return {"screened": screened, "pool": pool_size(inputs, screened, self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when half is screened."""
        screened, pool = (recorded(trace[-1], key, self.name) for key in ("screened", "pool"))
        stop = 2 * screened >= pool
        reason = f"{screened} of {pool} items are screened, {'at least' if stop else 'less than'} half."
        return Decision(stop, True, screened / pool if pool else 1.0, 0.5, reason)
