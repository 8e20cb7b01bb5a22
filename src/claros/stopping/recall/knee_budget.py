"""Stop at a knee, once the search has cost what a random search for as many would: the budget method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from claros.checks import number
from claros.inputs import Inputs
from claros.stopping.recall.gain import knee_of
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, class_code, pack, pool_size, unpack
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["KneeBudget"]


@dataclass(frozen=True)
class KneeBudget(RecallRule):
    """Stops when, at a knee, n >= ``factor`` * N / r_knee items are screened, or when ``share`` of all N are.

    The knee, the r_knee relevant items before it and the ratio of slopes are those of the rule ``knee``; the ratio must
    be at least ``ratio``. N / r_knee is what finding one more relevant item by chance would cost, were there no more
    than r_knee, so few relevant items ask for a longer search. The value is n, the threshold the number that stops:
    the smaller of the two where there is such a knee, else ``share`` * N. Before anything is found it waits until
    ``share`` of all are screened. O(L) time; an observation is L / 8 bytes before it is deflated.

    Departures: as in ``knee``. Public code divides by what was found, also when that is 0.

    >>> rule = KneeBudget()
    >>> print(rule.decide([rule.observe(labels=[1] * 50 + [0] * 200, n_pool=1000)]))
    250 of 1000 items are screened, at least 200: 10 * 1000 / 50 relevant ones up to a knee of ratio 200.
    """

    ratio: float = 6.0
    factor: float = 10.0
    share: float = 0.75
    relevant: int = 1

    name = "knee_budget"
    needs = ("labels", "n_pool")
    assumes = "Relevant items come first and then hardly at all; a second topic that comes late is a second knee."
    guarantee = NO_GUARANTEE
    reference = "Cormack & Grossman 2016, SIGIR (Engineering Quality and Reliability in TAR)"

    def __post_init__(self) -> None:
        self._set(
            ratio=number(self.ratio, 0, inf, f"{self.name}: ratio"),
            factor=number(self.factor, 0, inf, f"{self.name}: factor"),
            share=number(self.share, 0, 1, f"{self.name}: share"),
            relevant=class_code(self.relevant, self.name),
        )

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What was relevant, and the size of the collection."""
        labels = inputs["labels"]
        return {**pack(labels, self.relevant), "pool": pool_size(inputs, labels.size, self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop at a knee within the budget, or when most is screened."""
        screened, pool = unpack(trace[-1], self.name), recorded(trace[-1], "pool", self.name)
        most = round(self.share * pool, 6)  # 0.1 of 300 is a little more than 30 in binary
        knee = knee_of(screened.ranks, screened.n)
        if not screened.found and screened.n < most:
            return Decision.not_ready(f"0 of {screened.n} items screened are relevant.", most)
        budget, why = most, f"{100 * self.share:g} % of all"
        if knee is not None and knee.ratio >= self.ratio and self.factor * pool / knee.found < most:
            budget = self.factor * pool / knee.found
            why = f"{self.factor:g} * {pool} / {knee.found} relevant ones up to a knee of ratio {knee.ratio:.4g}"
        stop = screened.n >= budget
        reason = (
            f"{screened.n} of {pool} items are screened, {'at least' if stop else 'less than'} {budget:.10g}: {why}."
        )
        return Decision(stop, True, float(screened.n), float(budget), reason)
