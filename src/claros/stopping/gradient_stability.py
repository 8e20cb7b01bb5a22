"""Stop when no label would change the last layer much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from claros.arrays import namespace
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.gradients import expected_gradient_length
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import Decision, Observation, Rule, recorded
from claros.stopping.uncertainty import stop_set

__all__ = ["GradientStability"]


@dataclass(frozen=True)
class GradientStability(Rule):
    """Stops when the largest expected gradient on the stop set is below the threshold; a share of the first, >= 0.

    What a label y would do to the linear last layer is a gradient of length |p - e_y|·|h|, p being the predicted
    probabilities and h the embedding. y is not known, so the model says how likely each is: Σ_y p_y |p - e_y|·|h|,
    which is the score of `egl`. The rule looks at the largest of the stop set, or with ``window`` at its mean over the
    last rounds. That length has no scale of its own, so with ``relative`` it is divided by the one of the first round
    that has as many classes, a model that tells items apart, and a length above 0: it starts at 1. ``relative=False``
    takes the length as it is. It waits while the model gives all items the same probabilities, and when classes join.

    The largest is near an item on the boundary, however much is labeled: where classes overlap it stays high and the
    rule never stops. The default threshold is ours. O(T·(C + D)) time; an observation is four values.

    Departures: the paper looks at what is still unlabeled, this at the fixed stop set; its linear models' gradient is
    that of the whole model, for a network this is the last layer's only.

    >>> rule = GradientStability(relative=False)
    >>> trace = [rule.observe(stop_probs=[[0.5, 0.5], [1.0, 0.0]], stop_embeddings=[[3.0, 4.0], [9.0, 9.0]])]
    >>> print(round(rule.decide(trace).value, 4))  # √½ · 5
    3.5355
    """

    threshold: float = 0.1
    window: int = 1
    relative: bool = True

    name = "gradient_stability"
    needs = ("stop_probs", "stop_embeddings")
    assumes = (
        "The model's last layer is linear with a softmax, its probabilities are calibrated, embeddings keep their "
        "scale from round to round, and classes can be told apart; the stop set is a fixed random sample of the pool."
    )
    reference = "Wang, Cai & Zhang 2014, ICDM; Zhang, Cai, Wang & Zhang 2017, ACM TIST"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, 0, inf, f"{self.name}: threshold"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        if not isinstance(self.relative, bool):
            raise InputError(f"{self.name}: relative must be true or false; got {self.relative!r}.")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The largest expected length."""
        probs = inputs["stop_probs"]
        seen = stop_set(probs, self.name)
        lengths = expected_gradient_length(probs, inputs["stop_embeddings"])
        return {**seen, "largest": float(namespace(lengths).max(lengths))}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the mean of the last largest lengths is below the threshold."""
        now = trace[-1]
        recorded(now, "largest", self.name)
        waiting = reason_to_wait(trace, self.name, self.window)
        if waiting is not None:
            return Decision.not_ready(waiting, self.threshold)
        value = sum(recorded(seen, "largest", self.name) for seen in trace[-self.window :]) / self.window
        if self.relative:
            first = next((seen["largest"] for seen in trace if _usable(seen, now["classes"])), None)
            if first is None:
                return Decision.not_ready(
                    f"All expected gradients of {len(trace)} rounds are 0, so there is nothing to compare with.",
                    self.threshold,
                )
            value /= first
        stop = value < self.threshold
        reason = (
            f"The largest expected gradient on the {now['items']} items of the stop set is {value:.4f}"
            f"{' of what it was at first' if self.relative else ''}"
            f"{'' if self.window == 1 else f' (mean of {self.window} rounds)'}, "
            f"{'below' if stop else 'not below'} {self.threshold:g}."
        )
        return Decision(stop, True, float(value), self.threshold, reason)


def _usable(seen: Observation, classes: int) -> bool:
    return seen["classes"] == classes and not seen["constant"] and seen["largest"] > 0
