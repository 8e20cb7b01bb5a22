"""Stop when the model is sure about the stop set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from claros.arrays import Array, namespace
from claros.checks import number
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures import predictive
from claros.stopping.predictions import check_same_probs
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["MEASURES", "OverallUncertainty"]

#: Measures of one item's uncertainty; an observation records the mean of each.
MEASURES: Mapping[str, Callable[[Array], Array]] = {
    "entropy": predictive.entropy,
    "least_confidence": predictive.least_confidence,
    "margin": predictive.margin,
}


@dataclass(frozen=True)
class OverallUncertainty(Rule):
    """Stops when the mean uncertainty on the stop set is below the threshold.

    ``measure`` is "entropy", divided by log C and so in [0, 1]; "least_confidence", 1 minus the largest probability,
    in [0, 1 - 1/C]; or "margin", 1 minus the gap of the two largest, in [0, 1]. A threshold means something only with
    its measure. It stops strictly below the threshold, as the paper and other packages do: the threshold is the
    uncertainty that is still too much, so 0 never stops. The defaults are those of small-text's OverallUncertainty.

    All C columns must be there in every round, zeros for classes that the model has not seen: with one class fewer
    log C is smaller. A round in which the number of classes grew waits; one in which it shrank is an error, as is
    another number of items. It also waits while the model gives all items the same probabilities: trained on one
    class, it is certain and knows nothing. O(T · C) time; an observation is six values.

    Departures: the paper averages over what is still unlabeled, where the mean moves because items leave it; the fixed
    stop set avoids that. Neither the paper nor other packages wait for a constant model.

    >>> rule = OverallUncertainty(threshold=0.05)
    >>> round(rule.decide([rule.observe(stop_probs=[[0.5, 0.5], [1.0, 0.0]])]).value, 6)
    0.5
    """

    threshold: float = 0.05
    measure: str = "entropy"

    name = "overall_uncertainty"
    needs = ("stop_probs",)
    assumes = "The probabilities are calibrated, and the stop set is a fixed random sample of the pool."
    reference = "Zhu, Wang & Hovy 2008, COLING"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        if self.measure not in [*MEASURES]:
            raise InputError(f"{self.name}: measure must be one of {', '.join(MEASURES)}; got {self.measure!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The three means, so that a trace can be replayed with any measure."""
        probs = inputs["stop_probs"]
        n, classes = (int(size) for size in probs.shape)
        if n == 0:
            raise InputError(f"{self.name}: the stop set is empty; draw at least one item.")
        constant = bool(namespace(probs).all(probs == probs[:1, :]))
        return {"items": n, "classes": classes, "constant": constant, **mean_uncertainties(probs)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the newest mean is below the threshold."""
        now = trace[-1]
        n, classes = (recorded(now, key, self.name) for key in ("items", "classes"))
        if len(trace) > 1:
            check_same_probs(trace[-2], now, len(trace) - 1, self.name)
            before = trace[-2]["classes"]
            if before < classes:
                return Decision.not_ready(f"The classes grew from {before} to {classes} this round.", self.threshold)
        if recorded(now, "constant", self.name):
            return Decision.not_ready(
                f"The model gives all {n} items of the stop set the same probabilities, so it knows nothing yet.",
                self.threshold,
            )
        value = float(recorded(now, self.measure, self.name))
        stop = value < self.threshold
        reason = (
            f"The mean {self.measure.replace('_', ' ')} on the {n} items of the stop set is {value:.4f}, "
            f"{'below' if stop else 'not below'} {self.threshold:g}."
        )
        return Decision(stop, True, value, self.threshold, reason)


def mean_uncertainties(probs: Array) -> dict[str, float]:
    """Mean of each measure over (T, C) probabilities, in float64; entropy as a share of log C."""
    xp = namespace(probs)
    probs = xp.astype(probs, xp.float64)
    means = {name: float(xp.mean(measure(probs))) for name, measure in MEASURES.items()}
    means["entropy"] /= math.log(max(2, probs.shape[1]))
    # rows may be off 1 by rounding, which must not make a model that is certain less than that
    return {name: max(0.0, mean) for name, mean in means.items()}
