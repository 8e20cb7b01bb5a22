"""Stop when the labels that come in contradict the model less and less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.arrays import to_numpy
from claros.checks import whole
from claros.inputs import Inputs
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.falls import falls_in_a_row
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import check_measure, uncertainties

__all__ = ["ContradictoryInformation"]


@dataclass(frozen=True)
class ContradictoryInformation(Rule):
    """Stops when the contradiction of the batches has fallen in each of the last ``window`` rounds.

    The contradiction of a batch is the share of its uncertainty, in [0, 1], that lies on the items which the model
    that chose them had wrong: the sum of u over these, over the sum of u over all. The value is how many rounds in a
    row it fell, the threshold is ``window``. In a comparison over nine data sets the contradiction had next to
    nothing to do with accuracy (correlation 0.05 to 0.08): the rule is here for completeness.

    Needs ``window`` + 1 batches in a row with items in them; waits also where a contradiction is not defined, because
    the model was wrong somewhere and certain everywhere. Once nothing is wrong any more nothing can fall, and it goes
    on. Noise stops it in 1 of (``window`` + 1)! rounds, 1 in 24 with 3. O(B · C + window) time; an observation is at
    most four values.

    Departures: the formula is the one in use (Pullar-Strecker et al. 2022), but for the division by the size of the
    batch, so that a shorter last batch is no fall. There, falls are counted even where rises lie between them, and
    the stop comes a round later; here they are consecutive, as both papers say.

    >>> rule = ContradictoryInformation(window=1, measure="least_confidence")
    >>> probs = [[0.6, 0.4], [0.8, 0.2]]
    >>> trace = [rule.observe(batch_probs=probs, batch_labels=labels) for labels in ([1, 0], [0, 1])]
    >>> print(rule.decide(trace))
    The contradiction of the last batch is 0.3333; falls in a row: 1 of 1.
    """

    window: int = 3
    measure: str = "entropy"

    name = "contradictory_information"
    needs = ("batch_probs", "batch_labels")
    assumes = "Batches are chosen by uncertainty, and what contradicts the model is what there is to learn."
    reference = "Vlachos 2008, Computer Speech & Language 22; Pullar-Strecker et al. 2022"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        check_measure(self.measure, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The contradiction by each measure, None where it is not defined."""
        probs, labels = inputs["batch_probs"], inputs["batch_labels"]
        if labels.size == 0:
            return {"items": 0}
        wrong = to_numpy(probs).argmax(axis=1) != labels
        found: dict[str, Any] = {"items": int(labels.size)}
        for name, values in uncertainties(probs).items():
            of_all, of_wrong = (float(to_numpy(values)[rows].sum()) for rows in (slice(None), wrong))
            found[name] = of_wrong / of_all if of_all else (None if wrong.any() else 0.0)
        return found

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the contradiction fell in all of the last ``window`` rounds."""
        wait = reason_to_wait_for_batches(trace, self.name, self.window + 1)
        if wait is not None:
            return Decision.not_ready(wait, float(self.window))
        values = [recorded(observation, self.measure, self.name) for observation in trace[-self.window - 1 :]]
        undefined = values.count(None)
        if undefined:
            return Decision.not_ready(
                f"In {undefined} of the last {self.window + 1} batches the model was certain of all items and wrong "
                "in some, where the contradiction is not defined.",
                float(self.window),
            )
        falls = falls_in_a_row(values)
        reason = f"The contradiction of the last batch is {values[-1]:.4f}; falls in a row: {falls} of {self.window}."
        return Decision(falls == self.window, True, float(falls), float(self.window), reason)
