"""Stop when the ranking has come upon enough of a random sample: the certificate of Lewis, Yang and Frieder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.recall.screening import RecallRule, class_code, level, target
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["QBCB", "positives_needed", "quantile"]

#: Sums that are equal to 1 - alpha but for rounding count.
ROUNDING = 1e-12
#: What ``labeled_at_random`` says: drawn at random; in the sample, and now reached by the ranking.
DRAWN, AGAIN = 1, 2


@dataclass(frozen=True)
class QBCB(RecallRule):
    """Stops when the ranked screening has reached the j-th relevant item of a random sample drawn before it began.

    First a random sample of the collection is labeled, and its labels are kept from the ranking. Then the whole
    collection is screened in ranked order, the sample in it: when the ranking comes upon an item of the sample, that
    is listed again, and from then on its label may be learned from like any other. So ``labels`` begins with the
    sample, 1 in ``labeled_at_random``; what follows is the ranked screening, 2 where the item is one of the sample,
    else 0. Random draws after the first 0 or 2 are no part of the sample.

    With rpos relevant items in the sample, j is the smallest number with BinomialCDF(j - 1; rpos, recall) >= 1 -
    ``alpha``. The value is how many of them the ranked screening has reached, the threshold j; their share estimates
    the recall. There is no such j, and the rule says how many relevant items the sample needs, while recall^rpos >
    alpha: 14 for 0.8 at 0.05 (the default), 59 for 0.95. It is one order statistic that decides, so looking often
    costs nothing. O(L) time to record, O(rpos) to decide; an observation is four numbers.

    Departures: the paper counts documents of a finished ranking; here they are listed as they come. Public code takes
    one relevant item fewer into the sample than it says.

    >>> rule = QBCB(recall=0.5, alpha=0.25)
    >>> sample, ranked = [0, 1, 0, 1, 0], [1, 1, 0, 1]
    >>> flags = [1, 1, 1, 1, 1, 0, 2, 0, 2]
    >>> print(rule.decide([rule.observe(labels=sample + ranked, labeled_at_random=flags)]))
    2 of the 2 relevant items of the random sample of 5 are reached, all 2 that must be; estimated recall 1.
    """

    recall: float = 0.8
    alpha: float = 0.05
    relevant: int = 1

    name = "qbcb"
    needs = ("labels", "labeled_at_random")
    assumes = (
        "The sample is drawn at random from the whole collection before any ranking, and the ranking does not know "
        "which items are in it, nor their labels before it reaches them."
    )
    guarantee = (
        "Over a whole screening, however often it is looked at and however good the ranking is, the chance to stop "
        "with a recall below the target is at most alpha; so it is at every single look."
    )
    by_hand = "its sample is listed once more as the ranking comes upon it, and nobody is asked for an item twice"
    reference = "Lewis, Yang & Frieder 2021, arXiv:2108.12746"

    def __post_init__(self) -> None:
        self._set(
            recall=target(self.recall, self.name),
            alpha=level(self.alpha, self.name),
            relevant=class_code(self.relevant, self.name),
        )
        if self.recall == 1:
            raise InputError(f"{self.name}: no sample can show that recall is 1; ask for less, such as 0.95.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The sample and how many of it are relevant; how many are screened after it and which of the sample again."""
        is_relevant, origin = inputs["labels"] == self.relevant, inputs["labeled_at_random"]
        if origin.size and origin.max() > AGAIN:
            raise InputError(f"{self.name}: labeled_at_random must be 0, 1 or 2; got {int(origin.max())}.")
        ranked = np.flatnonzero(origin != DRAWN)
        sample = int(ranked[0]) if ranked.size else int(origin.size)
        positives = int(np.count_nonzero(is_relevant[:sample]))
        reached = int(np.count_nonzero(is_relevant & (origin == AGAIN)))
        if reached > positives:
            raise InputError(
                f"{self.name}: labeled_at_random says that {reached} relevant items of the sample were reached, but "
                f"the sample has {positives}; list the sample first, and each of its items once again."
            )
        screened = int(origin.size) - sample
        return {"sample": sample, "positives": positives, "screened": screened, "reached": reached}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the j-th relevant item of the sample is reached."""
        sample, positives, reached = (recorded(trace[-1], key, self.name) for key in ("sample", "positives", "reached"))
        j = quantile(positives, self.recall, self.alpha)
        if j is None:
            return Decision.not_ready(
                f"The random sample of {sample} has {positives} relevant items, and recall {self.recall:g} at alpha "
                f"{self.alpha:g} needs at least {positives_needed(self.recall, self.alpha)}; label more at random."
            )
        must = f"all {j}" if reached >= j else f"fewer than the {j}"
        reason = (
            f"{reached} of the {positives} relevant items of the random sample of {sample} are reached, {must} that "
            f"must be; estimated recall {reached / positives:.3g}."
        )
        return Decision(reached >= j, True, float(reached), float(j), reason)


def quantile(positives: int, recall: float, alpha: float) -> int | None:
    """The smallest j with BinomialCDF(j - 1; positives, recall) >= 1 - alpha, at most ``positives``, else None.

    >>> quantile(59, 0.95, 0.05), quantile(58, 0.95, 0.05), quantile(100, 0.8, 0.05)
    (59, None, 87)
    """
    from scipy.special import bdtr

    below = np.arange(positives)
    enough = np.flatnonzero(bdtr(below, positives, recall) >= 1 - alpha - ROUNDING)
    return int(enough[0]) + 1 if enough.size else None


def positives_needed(recall: float, alpha: float) -> int:
    """The fewest relevant items in the sample with which a recall can be certified: recall^n <= alpha.

    >>> positives_needed(0.95, 0.05), positives_needed(0.8, 0.05)
    (59, 14)
    """
    needed = max(1, math.floor(math.log(alpha) / math.log(recall)))
    return next(n for n in range(needed, needed + 3) if quantile(n, recall, alpha) is not None)
