"""Stop when the gain curve has bent enough: the knee method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from claros.checks import number
from claros.inputs import Inputs
from claros.stopping.recall.gain import knee_of
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, class_code, pack, unpack
from claros.stopping.rule import Decision, Observation

__all__ = ["KneeRule"]


@dataclass(frozen=True)
class KneeRule(RecallRule):
    """Stops when relevant items come much more slowly after the knee than before: ratio of slopes at the threshold.

    The gain curve says how many relevant items were found among the first i screened. Its knee is the point farthest
    above the chord from its start to its end. The value is the slope before the knee over the slope after it, (r_i /
    i) / ((1 + r - r_i) / (n - i)); it stops when that is at least max(``least``, ``bound`` - r), with the defaults the
    paper's 156 - min(r, 150): the more is found, the smaller a bend is enough, down to 6. It waits while nothing is
    found, or no point lies above the chord. O(L) time; an observation is L / 8 bytes before it is deflated.

    Departures: the paper looks at the curve at ends of batches that grow exponentially; here it is looked at whenever
    the rule is asked, which gives it more chances to stop. Public code takes the largest ratio of slopes instead of
    the knee, and leaves out the newest batch.

    >>> rule = KneeRule(bound=20)
    >>> print(rule.decide([rule.observe(labels=[1] * 10 + [0] * 90)]))
    The knee is after 10 of 100 items, with 10 of 10 relevant ones; slopes before and after are as 90 to 1, at least 10.
    """

    bound: float = 156.0
    least: float = 6.0
    relevant: int = 1

    name = "knee"
    needs = ("labels",)
    assumes = "Relevant items come first and then hardly at all; a second topic that comes late is a second knee."
    guarantee = NO_GUARANTEE
    reference = "Cormack & Grossman 2016, SIGIR (Engineering Quality and Reliability in TAR)"

    def __post_init__(self) -> None:
        self._set(
            bound=number(self.bound, 0, inf, f"{self.name}: bound"),
            least=number(self.least, 0, inf, f"{self.name}: least"),
            relevant=class_code(self.relevant, self.name),
        )

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What was relevant."""
        return pack(inputs["labels"], self.relevant)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the bend at the knee is sharp enough."""
        screened = unpack(trace[-1], self.name)
        found = screened.found
        threshold = max(self.least, self.bound - found)
        knee = knee_of(screened.ranks, screened.n)
        if knee is None:
            reason = f"With {found} relevant items among {screened.n} screened, the gain curve has no knee yet."
            return Decision.not_ready(reason, threshold)
        stop = knee.ratio >= threshold
        reason = (
            f"The knee is after {knee.at} of {screened.n} items, with {knee.found} of {found} relevant ones; slopes "
            f"before and after are as {knee.ratio:.4g} to 1, {'at least' if stop else 'less than'} {threshold:g}."
        )
        return Decision(stop, True, knee.ratio, threshold, reason)
