"""Stop when the model's uncertainties have begun to draw together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.arrays import Array, namespace
from claros.checks import number, whole
from claros.inputs import Inputs
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.falls import falls_in_a_row
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import check_measure, stop_set, uncertainties

__all__ = ["VarianceModel", "VarianceModelSelected"]


@dataclass(frozen=True)
class _Variance(Rule):
    window: int = 2
    drop: float = 0.0
    measure: str = "entropy"

    reference = "Ghayoomi 2010, NAACL workshop on active learning for NLP"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "drop", number(self.drop, 0, 1, f"{self.name}: drop"))
        check_measure(self.measure, self.name)

    def _decision(self, trace: Sequence[Observation], what: str) -> Decision:
        values = [float(recorded(observation, self.measure, self.name)) for observation in trace[-self.window - 1 :]]
        falls = falls_in_a_row(values, more_than=self.drop)
        by = f" by more than {self.drop:g} each" if self.drop else ""
        reason = (
            f"The variance of the {self.measure.replace('_', ' ')} {what} is {values[-1]:.4g}; falls in a row{by}: "
            f"{falls} of {self.window}."
        )
        return Decision(falls == self.window, True, float(falls), float(self.window), reason)


@dataclass(frozen=True)
class VarianceModel(_Variance):
    """Stops when the variance of the uncertainty on the stop set has fallen in each of the last ``window`` rounds.

    A model that knows nothing is unsure of everything alike; while it learns, some items become certain before
    others and the variance rises; once it knows most, it falls. The measures are those of ``overall_uncertainty``;
    the variance is that of the items themselves (divided by T), at most 0.25. A round counts as a fall where the
    variance is below the one before by more than ``drop``; one that is not starts the count again. The value is how
    many falls there were in a row, the threshold is ``window``, 2 as in the paper. Also known as ``vm``.

    Aggressive: two falls in a row come by chance in 1 of 6 rounds (1 / (``window`` + 1)!), so where the variance
    wavers it stops soon. Needs ``window`` + 1 rounds; waits where one of them has the same probabilities for all
    items, or where a class joined. O(T · C + window) time; an observation is six values.

    Departures: the paper looks at what is left of the pool, where the variance also changes because items leave it.

    >>> rule = VarianceModel(measure="least_confidence")
    >>> trace = [rule.observe(stop_probs=[[p, 1 - p], [1.0, 0.0]]) for p in (0.5, 0.6, 0.7)]
    >>> decision = rule.decide(trace)
    >>> decision.stop, decision.value                            # the variances are 0.0625, 0.04, 0.0225
    (True, 2.0)
    """

    name = "variance_model"
    needs = ("stop_probs",)
    assumes = "The spread of uncertainty peaks before accuracy does; the stop set is a fixed random sample of the pool."

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The variance of each measure, so that a trace can be replayed with any."""
        probs = inputs["stop_probs"]
        return {**stop_set(probs, self.name), **_variances(probs)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the variance fell in all of the last ``window`` rounds."""
        wait = reason_to_wait(trace, self.name, self.window + 1)
        if wait is not None:
            return Decision.not_ready(wait, float(self.window))
        return self._decision(trace, f"on the {trace[-1]['items']} items of the stop set")


@dataclass(frozen=True)
class VarianceModelSelected(_Variance):
    """Stops when the variance of the uncertainty in the batch has fallen in each of the last ``window`` rounds.

    The extended variance model: as ``variance_model``, but of the items that the model chose, and only falls of more
    than ``drop`` count. The paper's ``drop`` of 0.5 is on the scale of its own scores; of what lies in [0, 1] no
    variance is above 0.25, and 0.001 is what a later comparison used (Pullar-Strecker et al. 2022). Also known as
    ``evm``.

    It needs ``window`` + 1 batches in a row, each of at least two items: one has no variance. Aggressive, as
    ``variance_model`` is. O(B · C + window) time; an observation is at most four values.

    Departures: that comparison counts falls that have rises between them, and stops a round later; here they are
    consecutive, as the paper says.

    >>> rule = VarianceModelSelected(measure="least_confidence")
    >>> trace = [rule.observe(batch_probs=[[p, 1 - p], [1.0, 0.0]]) for p in (0.5, 0.6, 0.7)]
    >>> rule.decide(trace).stop
    True
    """

    drop: float = 1e-3

    name = "variance_model_selected"
    needs = ("batch_probs",)
    assumes = "Batches are chosen by uncertainty in the whole pool, and are large enough to have a variance."

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The variance of each measure; nothing of an empty batch."""
        probs = inputs["batch_probs"]
        n = int(probs.shape[0])
        return {"items": n, **(_variances(probs) if n else {})}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the variance fell in all of the last ``window`` rounds."""
        wait = reason_to_wait_for_batches(trace, self.name, self.window + 1)
        if wait is not None:
            return Decision.not_ready(wait, float(self.window))
        single = sum(observation["items"] == 1 for observation in trace[-self.window - 1 :])
        if single:
            return Decision.not_ready(
                f"Of the last {self.window + 1} batches {single} had 1 item, which has no variance.",
                float(self.window),
            )
        return self._decision(trace, f"in the last batch of {trace[-1]['items']}")


def _variances(probs: Array) -> dict[str, float]:
    xp = namespace(probs)
    return {name: float(xp.var(values)) for name, values in uncertainties(probs).items()}
