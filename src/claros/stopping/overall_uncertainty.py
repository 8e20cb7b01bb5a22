"""Stop when the model is sure about the stop set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number
from claros.inputs import Inputs
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import check_measure, mean_uncertainties, stop_set

__all__ = ["OverallUncertainty"]


@dataclass(frozen=True)
class OverallUncertainty(Rule):
    """Stops when the mean uncertainty on the stop set is below the threshold.

    ``measure`` is "entropy", divided by log C and so in [0, 1]; "least_confidence", 1 minus the largest probability,
    in [0, 1 - 1/C]; or "margin", 1 minus the gap of the two largest, in [0, 1]. A threshold means something only with
    its measure. It stops strictly below the threshold, as the paper and other packages do: the threshold is the
    uncertainty that is still too much, so 0 never stops. The defaults are those of small-text's OverallUncertainty.

    One rule under several names: ``minimum_expected_error`` (``mes``, Zhu, Wang & Hovy 2008, IJCNLP) is the mean of 1
    minus the largest probability, at 0.01; ``low_average_uncertainty`` is what baal calls it, which takes any measure
    and has no threshold of its own, so it gets the same. Both are aliases of ``measure="least_confidence"``,
    ``threshold=0.01``. Some programs stop at the threshold, not only below it; between real numbers that is the same.

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
        check_measure(self.measure, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The three means, so that a trace can be replayed with any measure."""
        probs = inputs["stop_probs"]
        return {**stop_set(probs, self.name), **mean_uncertainties(probs)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the newest mean is below the threshold."""
        wait = reason_to_wait(trace, self.name)
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        n, value = trace[-1]["items"], float(recorded(trace[-1], self.measure, self.name))
        stop = value < self.threshold
        reason = (
            f"The mean {self.measure.replace('_', ' ')} on the {n} items of the stop set is {value:.4f}, "
            f"{'below' if stop else 'not below'} {self.threshold:g}."
        )
        return Decision(stop, True, value, self.threshold, reason)
