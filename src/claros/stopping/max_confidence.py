"""Stop when the model was sure of all that it had to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.arrays import namespace
from claros.checks import number
from claros.inputs import Inputs
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import check_measure, same_rows, uncertainties

__all__ = ["MaxConfidence"]


@dataclass(frozen=True)
class MaxConfidence(Rule):
    """Stops when the largest uncertainty in the last batch is below the threshold: the model was sure of all of it.

    Uncertainty sampling picks what the model is least sure of, so where it is sure of the whole batch it is sure of
    the pool. With another query strategy the batch says nothing about the rest. Measures are those of
    ``overall_uncertainty``: "entropy" is divided by log C, in [0, 1]; "least_confidence" and "margin" are plain. The
    default, 0.001, is the paper's, which has it in nats: with two classes 0.001 here is 0.0007 there. Strictly
    below, so 0 never stops. Also known as ``maximum_uncertainty`` (Zhu et al. 2010).

    It waits while the last batch is empty, as it is after the start labels, and where all rows of a batch are the
    same: such a model has seen one class, and is certain of it. A batch of one item cannot show that, so with such
    batches start from labels of at least two classes. O(B · C) time; an observation is five values.

    Departures: the paper chooses one item at a time; here the batch counts whole, by its largest value (one public
    implementation takes its smallest, and so stops as soon as the model is sure of one item). The paper asks before
    the batch is labeled, and this rule after, because only then is it asked.

    >>> rule = MaxConfidence(threshold=0.2, measure="least_confidence")
    >>> print(rule.decide([rule.observe(batch_probs=[[0.9, 0.1], [0.75, 0.25]])]))
    The largest least confidence among the 2 items of the last batch is 0.2500, not below 0.2.
    """

    threshold: float = 0.001
    measure: str = "entropy"

    name = "max_confidence"
    needs = ("batch_probs",)
    assumes = "The probabilities are calibrated, and batches are what the model is least sure of in the whole pool."
    reference = "Zhu & Hovy 2007, EMNLP-CoNLL"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        check_measure(self.measure, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The largest of each measure, so that a trace can be replayed with any; nothing of an empty batch."""
        probs = inputs["batch_probs"]
        n = int(probs.shape[0])
        if n == 0:
            return {"items": 0}
        xp = namespace(probs)
        largest = {name: float(xp.max(values)) for name, values in uncertainties(probs).items()}
        return {"items": n, "constant": n > 1 and same_rows(probs), **largest}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the newest batch's largest uncertainty is below the threshold."""
        wait = reason_to_wait_for_batches(trace, self.name)
        if wait is not None:
            return Decision.not_ready(wait, self.threshold)
        n = trace[-1]["items"]
        if recorded(trace[-1], "constant", self.name):
            return Decision.not_ready(
                f"The model gave all {n} items of the last batch the same probabilities, so it knows nothing yet.",
                self.threshold,
            )
        value = float(recorded(trace[-1], self.measure, self.name))
        stop = value < self.threshold
        reason = (
            f"The largest {self.measure.replace('_', ' ')} among the {n} items of the last batch is {value:.4f}, "
            f"{'below' if stop else 'not below'} {self.threshold:g}."
        )
        return Decision(stop, True, value, self.threshold, reason)
