"""Stop when the accuracy that was asked for is proven."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["TargetAccuracy"]


@dataclass(frozen=True)
class TargetAccuracy(Rule):
    """Stops when the lower bound of the accuracy on the audited labels is at least ``target``; in [0, 1].

    The audit set was drawn at random and trains nothing, so that the number predicted right is binomial whatever the
    model. Its bound is exact (Clopper & Pearson 1934), and one-sided. It is looked at in every round, and every round
    has another model: a bound that holds at one look would be wrong at some look far more often than ``alpha`` says,
    and a confidence sequence for one mean does not cover a mean that moves. So look number t, counted from 1, may err
    with chance alpha / (t (t + 1)), of which all together are ``alpha``. What is promised: a campaign that goes on
    until this rule stops it, stops below the target with a chance of at most ``alpha``, however long it takes.

    Where the number of rounds is known, ``looks`` of them share ``alpha`` evenly: better from about √looks on; when
    they are used up the rule waits for ever. The look's number is the length of the trace, so observe in every
    round. A target near what the model can reach takes many labels: with 100 labels, all right, 0.90 is proven at look
    30, and with 97 right at the first two looks only. O(1) time; an observation is two numbers.

    Departures: the tests of published rules spend nothing on repeated looks.

    >>> rule = TargetAccuracy(target=0.9)
    >>> print(rule.decide([rule.observe(n_audited=200, n_audited_correct=195)]).stop)
    True
    """

    target: float = 0.9
    alpha: float = 0.05
    looks: int | None = None

    name = "target_accuracy"
    needs = ("n_audited", "n_audited_correct")
    assumes = (
        "The audited labels are right, were drawn at random from what the model is for, train nothing, and how many "
        "there are in a round does not depend on what they said."
    )
    reference = "Clopper & Pearson 1934, Biometrika, with alpha divided over the looks"

    def __post_init__(self) -> None:
        for parameter in ("target", "alpha"):
            value = number(getattr(self, parameter), 0, 1, f"{self.name}: {parameter}")
            if not 0 < value < 1:
                raise InputError(f"{self.name}: {parameter} must be between 0 and 1; no labels prove {value:g}.")
            object.__setattr__(self, parameter, value)
        if self.looks is not None:
            object.__setattr__(self, "looks", whole(self.looks, 1, f"{self.name}: looks"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The two counts."""
        n, right = inputs["n_audited"], inputs["n_audited_correct"]
        if right > n:
            raise InputError(f"{self.name}: n_audited_correct must be at most n_audited; got {right} of {n}.")
        return {"n": n, "right": right}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the bound at this look's share of alpha reaches the target."""
        from scipy.special import betaincinv

        n, right = (recorded(trace[-1], key, self.name) for key in ("n", "right"))
        look = len(trace)
        if n == 0:
            return Decision.not_ready("0 labels are audited.", self.target)
        if self.looks is not None and look > self.looks:
            return Decision.not_ready(
                f"All {self.looks} looks are used up, and with them alpha {self.alpha:g}.", self.target
            )
        share = self.alpha / (look * (look + 1) if self.looks is None else self.looks)
        bound = float(betaincinv(right, n - right + 1, share)) if right else 0.0
        stop = bound >= self.target
        return Decision(stop, True, bound, self.target, self._reason(n, right, look, share, bound))

    def _reason(self, n: int, right: int, look: int, share: float, bound: float) -> str:
        fewest = math.ceil(math.log(share) / math.log(self.target))
        verdict = "at least" if bound >= self.target else "below"
        too_few = f"; at this look it takes {fewest} labels or more" if n < fewest else ""
        return (
            f"Of {n} audited labels {right} are predicted right, which proves an accuracy of {bound:.4f} at look "
            f"{look} (chance of error {share:.2g}), {verdict} the target of {self.target:g}{too_few}."
        )
