"""Stop when a measured metric no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.lookback import latest
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["Plateau", "wilson_width"]


@dataclass(frozen=True)
class Plateau(Rule):
    """Stops when a labeled metric has not improved for some rounds: gain of the last ``window`` over the best before.

    The gain is the best of the last ``window`` rounds less the best before them, in the metric's unit, negative
    where the metric got worse; the rule stops when that is at most ``min_delta``, and names the round that was best.
    It takes ``window`` + 1 rounds, always: the first value is no improvement on anything. With ``goal="min"`` the
    metric is a loss. ``best_round`` of a trace is the number of the best round of all, the first of equal ones.

    A metric from few labels stands still by chance, and peaks by chance. With ``level`` (0.95, say) the rule also
    needs ``n_audited`` and waits until the Wilson interval at that level around the newest value, a share of so many
    labels, is narrower than ``min_delta``; a gain that could not be seen is no reason to stop. That takes many labels:
    for 0.05 around 0.9 some 560. Both defaults are ours. O(window) time; an observation is one or two numbers.

    Departures: programs that stop early in training compare each value with the newest, or with a tolerance relative
    to it; here ``min_delta`` is exact, up to rounding in the 12th digit, and the same for large and small metrics.

    >>> rule = Plateau(window=2, min_delta=0.01)
    >>> trace = [rule.observe(metric=value) for value in (0.70, 0.80, 0.79, 0.81)]
    >>> print(rule.decide(trace).stop, rule.best_round(trace))
    True 3
    """

    window: int = 5
    min_delta: float = 0.01
    goal: str = "max"
    level: float | None = None

    name = "plateau"
    assumes = (
        "The metric is measured on items that train nothing and were drawn at random; a learner that is stuck has a "
        "plateau, too."
    )
    reference = "Prechelt 1998, Neural Networks: Tricks of the Trade"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "min_delta", number(self.min_delta, 0, math.inf, f"{self.name}: min_delta"))
        if self.goal not in ("max", "min"):
            raise InputError(f"{self.name}: goal must be 'max' or 'min'; got {self.goal!r}.")
        if self.level is not None:
            object.__setattr__(self, "level", number(self.level, 0, 1, f"{self.name}: level"))
            if not 0 < self.level < 1:
                raise InputError(f"{self.name}: level must be between 0 and 1; got {self.level:g}.")
            if self.min_delta == 0:
                raise InputError(f"{self.name}: level needs a min_delta above 0, as no interval is narrower than 0.")

    @property
    def needs(self) -> tuple[str, ...]:
        """The metric, and how many labels it is from where that counts."""
        return ("metric",) if self.level is None else ("metric", "n_audited")

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The value, and where asked for the number of labels."""
        metric = float(inputs["metric"])
        if self.level is None:
            return {"metric": metric}
        if not 0 <= metric <= 1:
            raise InputError(f"{self.name}: with level, metric must be a share in [0, 1]; got {metric:g}.")
        return {"metric": metric, "n": inputs["n_audited"]}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the last rounds gained no more than ``min_delta``."""
        first, seen = latest(trace, self.window)
        values = self._signed(seen)
        if len(values) <= self.window:
            return self._wait(
                f"{len(values)} of {self.window + 1} rounds are seen; the first that can stop is round "
                f"{self.window}, counted from 0."
            )
        blurred = self._blurred(trace[-1])
        if blurred is not None:
            return self._wait(blurred)
        gain = max(values[-self.window :]) - max(values[: -self.window])
        stop = round(gain - self.min_delta, 12) <= 0
        best = max(values)
        reason = (
            f"The last {self.window} {'round' if self.window == 1 else 'rounds'} gained {gain:.4g} over the best "
            f"before, {'no more than' if stop else 'more than'} {self.min_delta:g}; the best is "
            f"{seen[values.index(best)]['metric']:.4g} in round {first + values.index(best)}."
        )
        return Decision(stop, True, float(gain), self.min_delta, reason)

    def best_round(self, trace: Sequence[Observation]) -> int | None:
        """The number of the round with the best metric, the first of equal ones; None of no rounds. O(rounds)."""
        values = self._signed(trace)
        return values.index(max(values)) if values else None

    def _signed(self, seen: Sequence[Observation]) -> list[float]:
        """The metric of each round, so that more is better."""
        if seen:
            recorded(seen[-1], "metric", self.name)
        sign = 1.0 if self.goal == "max" else -1.0
        return [sign * observation["metric"] for observation in seen]

    def _blurred(self, now: Observation) -> str | None:
        """Why the newest value is not known well enough, if it is not."""
        if self.level is None:
            return None
        share, n = now["metric"], recorded(now, "n", self.name)
        width = wilson_width(share, n, self.level) if n else 1.0
        if width < self.min_delta:
            return None
        return (
            f"The metric is {share:.4g} from {n} labels, whose {100 * self.level:g} % interval is {width:.4f} wide, "
            f"not narrower than {self.min_delta:g}."
        )

    def _wait(self, reason: str) -> Decision:
        return Decision.not_ready(reason, self.min_delta)


def wilson_width(share: float, n: int, level: float) -> float:
    """How wide the interval of Wilson (1927) around a share of ``n`` draws is, in (0, 1).

    >>> round(wilson_width(0.5, 100, 0.95), 4)
    0.1923
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    return 2 * z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
