"""Stop when a Poisson process fitted to what was found leaves little to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.recall.rates import DECAYS, expected_until, fit, window_rates
from claros.stopping.recall.screening import RecallRule, class_code, level, pack, pool_size, target, unpack
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["InhomogeneousPoisson", "poisson_quantile"]


@dataclass(frozen=True)
class InhomogeneousPoisson(RecallRule):
    """Stops when what is found is at least ``recall`` of the relevant items that a Poisson process allows for.

    What is screened is cut into ``windows`` runs of equally many successive items, and a curve is fitted to the share
    of relevant items in each, at its middle, by least squares: ``model`` is "power", a · x^-k, or "exponential",
    a · exp(-k x), k at least 0. The curve is taken for the rate of a Poisson process along the ranking. Its integral
    over what is not screened is the mean of the number left, and the total is what is found plus the smallest number
    that such a number exceeds with probability at most ``alpha``. The total is at most what is found plus all that is
    not screened. The value is r / total, an estimate of recall that is meant to be low; the threshold ``recall``.

    ``over="all"`` takes the quantile of the integral over the whole collection for the total, though never less than
    what is found, as the method was published first: at the start of the ranking the power curve rises without limit,
    so such a total is too large, and the rule seldom stops.

    It waits until ``minimum`` relevant items are found and there is an item a window, and while the curve fits badly:
    sum of squared residuals over the range of the rates above ``misfit``. O(L) time; an observation is L / 8 bytes
    before it is deflated.

    Departures: the paper's code lowers its minimum of 20 as more is screened, looks after every 2.5 % of the
    collection, stops where the last windows are empty, and tries more curves; its fit starts from a guess and may
    fail. Other public code mixes up the number of windows and their length, or leaves out the newest window.

    >>> rule = InhomogeneousPoisson(recall=0.8)
    >>> print(rule.decide([rule.observe(labels=[1, 0] * 40 + [0] * 400, n_pool=600)]))
    40 of at most 44 relevant items (95 % limit) are found among 480 of 600: a recall of 0.909, at least 0.8.
    """

    recall: float = 0.95
    alpha: float = 0.05
    windows: int = 10
    model: str = "power"
    over: str = "rest"
    minimum: int = 20
    misfit: float = 0.1
    relevant: int = 1

    name = "inhomogeneous_poisson"
    needs = ("labels", "n_pool")
    assumes = (
        "Relevant items come independently, at a rate that falls along the ranking as the curve does, also where "
        "nothing was screened yet; its fit is taken for exact."
    )
    guarantee = (
        "None: were the fitted curve the true rate, the target would be reached with probability at least 1 - alpha at "
        "one look; the curve is an extrapolation, and nothing is promised over a screening."
    )
    reference = "Stevenson & Bin-Hezam 2023, arXiv:2311.08597"

    def __post_init__(self) -> None:
        self._set(
            recall=target(self.recall, self.name),
            alpha=level(self.alpha, self.name),
            windows=whole(self.windows, 3, f"{self.name}: windows"),
            minimum=whole(self.minimum, 1, f"{self.name}: minimum"),
            misfit=number(self.misfit, 0, inf, f"{self.name}: misfit"),
            relevant=class_code(self.relevant, self.name),
        )
        if self.model not in DECAYS:
            raise InputError(f"{self.name}: model must be one of {', '.join(DECAYS)}; got {self.model!r}.")
        if self.over not in ("all", "rest"):
            raise InputError(f"{self.name}: over must be 'all' or 'rest'; got {self.over!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What was relevant, and the size of the collection."""
        labels = inputs["labels"]
        return {**pack(labels, self.relevant), "pool": pool_size(inputs, labels.size, self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when enough of the upper quantile is found."""
        screened, pool = unpack(trace[-1], self.name), recorded(trace[-1], "pool", self.name)
        ranks, n, found = screened.ranks, screened.n, screened.found
        if found < self.minimum or n < self.windows:
            must = f"{self.minimum} must be, among at least {self.windows}"
            return Decision.not_ready(f"{found} relevant items are found among {n}; {must}.", self.recall)
        at, rates = window_rates(ranks, n, self.windows)
        scale, decay, misfit = fit(at, rates, self.model)
        if misfit > self.misfit and n < pool:
            reason = f"The {self.model} curve misses the rates of {self.windows} windows by {misfit:.3g}, more than "
            return Decision.not_ready(f"{reason}{self.misfit:g}.", self.recall)
        total = int(self._total(found, n, pool, scale, decay))
        value = found / total
        stop = value >= self.recall
        reason = (
            f"{found} of at most {total} relevant items ({100 * (1 - self.alpha):g} % limit) are found among {n} of "
            f"{pool}: a recall of {value:.3g}, {'at least' if stop else 'below'} {self.recall:g}."
        )
        return Decision(stop, True, value, self.recall, reason)

    def _total(self, found: Any, n: Any, pool: Any, scale: Floats, decay: Floats) -> Floats:
        """The most relevant items that the process allows for, elementwise."""
        mean = expected_until(pool, scale, decay, n, self.model)
        if self.over == "all":
            total = poisson_quantile(1 - self.alpha, mean)
        else:
            rest = np.maximum(mean - expected_until(n, scale, decay, n, self.model), 0.0)
            total = found + poisson_quantile(1 - self.alpha, rest)
        return np.clip(total, found, found + pool - n)


def poisson_quantile(probability: float, mean: Floats) -> Floats:
    """The smallest whole number that a Poisson number of that mean is at most with that probability, elementwise.

    >>> poisson_quantile(0.95, np.array([0.0, 0.05, 3.0])).tolist()  # P(0 | 0.05) = 0.951; P(<= 6 | 3) = 0.966
    [0.0, 0.0, 6.0]
    """
    from scipy.special import pdtr, pdtrik

    mean = np.asarray(mean, dtype=np.float64)
    positive = np.where(mean > 0, mean, 1.0)
    # at least 0 where P(0) is enough, for which the continuous inverse has no answer
    inverse = np.where(np.exp(-positive) >= probability, 0.0, pdtrik(probability, positive))
    number = np.maximum(np.ceil(inverse), 0.0)
    number = np.where((number >= 1) & (pdtr(number - 1, positive) >= probability), number - 1, number)
    return np.where(mean > 0, number, 0.0)
