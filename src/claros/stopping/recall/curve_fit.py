"""Stop when the fitted gain curve has little left to rise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.checks import whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.recall.rates import DECAYS, expected_until, fit, window_rates
from claros.stopping.recall.screening import NO_GUARANTEE, RecallRule, class_code, pack, pool_size, target, unpack
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["CurveFit"]


@dataclass(frozen=True)
class CurveFit(RecallRule):
    """Stops when what is found is at least ``recall`` of the relevant items that a fitted curve expects in all.

    What is screened is cut into ``windows`` runs of equally many successive items, and a curve is fitted to the share
    of relevant items in each, at its middle, by least squares: ``model`` is "exponential", a · exp(-k x), or "power",
    a · x^-k, k at least 0. The total is what is found plus the curve's integral over what is not screened, at most
    all of that. The value is r / total, an estimate of recall; the threshold ``recall``. It waits until ``minimum``
    relevant items are found and there is an item a window. It is ``inhomogeneous_poisson`` without an allowance for
    chance. O(L) time; an observation is L / 8 bytes before it is deflated.

    Departures: public code fits the same curve, leaves out the newest window, and allows for chance as
    ``inhomogeneous_poisson`` does. Here the total is never less than what is found.

    >>> rule = CurveFit(recall=0.9)
    >>> screened = [1] * 15 + [0] * 185
    >>> print(rule.decide([rule.observe(labels=screened, n_pool=1000)]))
    15 relevant items are found among 200 of 1000, and 15.0 are expected in all: estimated recall 1, at least 0.9.
    """

    recall: float = 0.95
    windows: int = 10
    model: str = "exponential"
    minimum: int = 10
    relevant: int = 1

    name = "curve_fit"
    needs = ("labels", "n_pool")
    assumes = "Relevant items get rarer along the ranking as the curve does, also where nothing was screened yet."
    guarantee = NO_GUARANTEE
    reference = "Sneyd & Stevenson 2019, EMNLP (its exponential rate, without the process)"

    def __post_init__(self) -> None:
        self._set(
            recall=target(self.recall, self.name),
            windows=whole(self.windows, 3, f"{self.name}: windows"),
            minimum=whole(self.minimum, 1, f"{self.name}: minimum"),
            relevant=class_code(self.relevant, self.name),
        )
        if self.model not in DECAYS:
            raise InputError(f"{self.name}: model must be one of {', '.join(DECAYS)}; got {self.model!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What was relevant, and the size of the collection."""
        labels = inputs["labels"]
        return {**pack(labels, self.relevant), "pool": pool_size(inputs, labels.size, self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when enough of what the curve expects is found."""
        screened, pool = unpack(trace[-1], self.name), recorded(trace[-1], "pool", self.name)
        n, found = screened.n, screened.found
        if found < self.minimum or n < self.windows:
            must = f"{self.minimum} must be, among at least {self.windows}"
            return Decision.not_ready(f"{found} relevant items are found among {n}; {must}.", self.recall)
        at, rates = window_rates(screened.ranks, n, self.windows)
        scale, decay, _ = fit(at, rates, self.model)
        rest = expected_until(pool, scale, decay, n, self.model) - expected_until(n, scale, decay, n, self.model)
        total = found + float(np.clip(rest, 0, pool - n))
        value = found / total
        stop = value >= self.recall
        reason = (
            f"{found} relevant items are found among {n} of {pool}, and {total:.1f} are expected in all: estimated "
            f"recall {value:.3g}, {'at least' if stop else 'below'} {self.recall:g}."
        )
        return Decision(stop, True, value, self.recall, reason)
