"""Stop when it is unlikely that the target is missed: the test of Callaghan and Müller-Hansen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.recall.hypergeometric import at_most
from claros.stopping.recall.screening import (
    RecallRule,
    Screened,
    class_code,
    least_total_missed,
    level,
    pack,
    pool_size,
    target,
    unpack,
)
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["CMH", "missed_p_values"]


@dataclass(frozen=True)
class CMH(RecallRule):
    """Stops when "recall is below the target" is rejected: the smallest p-value over all urns is below ``alpha``.

    An urn is the last m items screened; with those not screened it makes up a population that is treated as if the
    urn had been drawn from it at random. Were recall below the target, at least K = floor(r / recall + 1) - (r - k)
    of that population would be relevant, where r relevant items are found in all and k in the urn. The p-value is the
    hypergeometric probability of at most k in m draws. Urns of all m from 1 to everything screened are tried, item by
    item, the newest among them. The value is the smallest p-value, the threshold ``alpha``; strictly below stops.

    Before any relevant item is found the target counts as missed as long as one may be left, so it stops when p =
    unscreened / collection is below ``alpha``. With fewer unscreened items than would have to be relevant, the target
    cannot be missed and p is 0.

    ``bias`` is how many times likelier a relevant item is to be drawn than another (Wallenius' distribution): above 1
    it stops earlier, on the word of whoever chose it. 1 trusts the ranking to do no worse than chance.

    Where the order is random, one urn of a size fixed beforehand is an exact test: ``urn=m`` asks the last m alone,
    as when the last m were drawn at random from what was left. The smallest of all urns is not corrected for. At one
    look at a random order, at ``alpha`` 0.05, it erred in at most 5 % of simulated reviews with up to 100 relevant
    items and targets of 0.7 or more, and in up to 9 % with hundreds; a ranking that finds relevant items early makes
    that less. Every further look may err again: see the table in docs/recall.md. For T looks, ``alpha / T`` makes up
    for them.

    O(L + r · sqrt(r)) time, since among urns with the same k only the largest counts; an observation is L / 8 bytes
    before it is deflated. With a ``bias``, O(L) and some milliseconds an urn.

    Departures: the paper tests after every document of a ranked screening and then goes on with a random sample; here
    it is asked whenever it is asked. Public code counts urns by rounds and leaves out the newest one, or the + 1 of
    K, or gives no answer when K is more than there is.

    >>> rule = CMH(recall=0.9, alpha=0.05)
    >>> screened = [1] * 20 + [0] * 180
    >>> print(rule.decide([rule.observe(labels=screened, n_pool=250)]).stop)
    True
    """

    recall: float = 0.95
    alpha: float = 0.05
    bias: float = 1.0
    urn: int | None = None
    relevant: int = 1

    name = "cmh"
    needs = ("labels", "n_pool")
    assumes = (
        "Relevant items that are left are no harder to come upon than by chance: "
        "what the ranking holds back on purpose is not seen by the test."
    )
    guarantee = (
        "Per look, one urn fixed beforehand that was screened in random order stops below the target with chance at "
        "most alpha, and the smallest p-value over all urns is not corrected for their number; over a whole screening "
        "nothing is promised, since every look may err."
    )
    reference = "Callaghan & Müller-Hansen 2020, Systematic Reviews 9:273"

    def __post_init__(self) -> None:
        if number(self.bias, 0, np.inf, f"{self.name}: bias") == 0:
            raise InputError(f"{self.name}: bias must be above 0; got {self.bias!r}.")
        if self.urn is not None:
            self._set(urn=whole(self.urn, 1, f"{self.name}: urn"))
        self._set(recall=target(self.recall, self.name), alpha=level(self.alpha, self.name), bias=float(self.bias))
        self._set(relevant=class_code(self.relevant, self.name))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What was relevant, and the size of the collection."""
        labels = inputs["labels"]
        return {**pack(labels, self.relevant), "pool": pool_size(inputs, labels.size, self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the smallest p-value is below alpha."""
        screened, pool = unpack(trace[-1], self.name), recorded(trace[-1], "pool", self.name)
        if screened.n < (self.urn or 1):
            return Decision.not_ready(f"{screened.n} items are screened and {self.urn or 1} must be.", self.alpha)
        sizes, p_values = missed_p_values(screened.ranks, screened.n, pool, self.recall, self.bias, self.urn)
        best = int(np.argmin(p_values))
        p = float(p_values[best])
        return Decision(p < self.alpha, True, p, self.alpha, self._reason(screened, pool, int(sizes[best]), p))

    def _reason(self, screened: Screened, pool: int, urn: int, p: float) -> str:
        missed = least_total_missed(screened.found, self.recall)
        return (
            f"{screened.found} relevant items are found among {screened.n} of {pool}; that there are {missed} or more, "
            f"so that recall is below {self.recall:g}, has p = {p:.4g} by the last {urn} screened, "
            f"{'below' if p < self.alpha else 'not below'} {self.alpha:g}."
        )


def missed_p_values(
    ranks: Indices, n: int, pool: int, recall: float, bias: float = 1.0, urn: int | None = None
) -> tuple[Indices, Floats]:
    """Sizes of the urns that count and their p-values for "recall is below the target"; each (r + 1,), (r,) or (1,).

    ``ranks`` (r,) are the places of the relevant items among the ``n`` screened, counted from 1, ascending. Of the
    urns with the same number of relevant items the largest has the smallest p-value, so there is one urn for each
    number: back to just after the relevant item before it. With ``urn``, there is only the one of that size.
    """
    found = ranks.size
    if urn is not None:
        inside, sizes = np.array([np.count_nonzero(ranks > n - urn)]), np.array([urn])
    else:
        inside, sizes = np.arange(found + 1), n - np.concatenate([[0], ranks])[::-1]
        if sizes[0] == 0:  # the last item screened is relevant: there is no urn without one
            inside, sizes = inside[1:], sizes[1:]
    successes = inside + (least_total_missed(found, recall) - found)
    population = pool - n + sizes
    if bias == 1:
        return sizes, at_most(inside, population, successes, sizes)
    return sizes, _at_most_biased(inside, population, successes, sizes, bias)


def _at_most_biased(k: Indices, population: Indices, successes: Indices, draws: Indices, bias: float) -> Floats:
    from scipy.stats import nchypergeom_wallenius

    possible = (successes <= population) & (k >= draws - (population - successes))
    p_values = np.zeros(k.size)
    p_values[possible] = nchypergeom_wallenius.cdf(
        k[possible], population[possible], successes[possible], draws[possible], bias
    )
    return np.clip(p_values, 0.0, 1.0)
