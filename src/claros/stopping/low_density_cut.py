"""Stop when the boundary runs where the points themselves fall apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, to_numpy
from claros.checks import whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.cut import normalised_cut, similarity
from claros.stopping.lookback import latest
from claros.stopping.predictions import check_same_stop_set
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["LowDensityCut"]

#: Correlations of two unrelated divisions of n points have a standard deviation of 1/√n; so many are not chance.
NOT_CHANCE = 4.0


@dataclass(frozen=True)
class LowDensityCut(Rule):
    """Stops when model and normalised cut have come no closer for some rounds: rounds since they disagreed least.

    For two classes. The ``points`` items of the stop set that are nearest the boundary (probabilities nearest to ½) are
    cut in two by how alike their embeddings are, without any label; a share d of them is on the other side of the cut
    than of the model, and the disagreement is the lesser of d and 1 - d. It is least when the boundary lies where few
    points are. The rule stops ``window`` rounds after that least value, and names its round: that model is the one
    to keep. ``best_round`` of a trace says the same.

    The cut is the second generalised eigenvector's best split (Shi & Malik 2000), of similarities exp(-d²/m) with m
    the median squared distance. A round in which the model gives one class to all those points, or all of them are
    one, has no value, nor has one in which cut and model have no more to do with each other than chance (a
    correlation below 4/√points, so fewer than 16 points are never enough): the least of such values means nothing.
    O(points³) time and O(points²) memory in each round, under a second for 1000 points. An observation is four
    values; a decision is O(window).

    Departures: the paper improves its cut by a stochastic search (SSNcut); this is the best split of one order, the
    same every time. Its model is a support vector machine, whose decision values say who is near; probabilities say
    the same of any classifier, in the same order. It looks at the pool that is left; this at the fixed stop set, so
    that values of different rounds compare. The wait for what is no better than chance is ours. In a large comparison
    of support vector machines such a rule stopped in a third of the runs only.

    >>> rule = LowDensityCut(window=1)
    >>> x, p = [[i + 9.0 * (i > 9)] for i in range(20)], [[0.1, 0.9]] * 10 + [[0.9, 0.1]] * 10
    >>> trace = [rule.observe(stop_probs=p, stop_embeddings=x) for _ in range(2)]
    >>> print(trace[0]["disagreement"], rule.decide(trace).stop, rule.best_round(trace))
    0.0 True 0
    """

    window: int = 10
    points: int = 1000

    name = "low_density_cut"
    needs = ("stop_probs", "stop_embeddings")
    assumes = (
        "There are two classes, with few points between them; embeddings keep what tells them apart, and the stop set "
        "is a fixed random sample of the pool."
    )
    reference = "Fu & Yang 2015, Low density separation as a stopping criterion for active learning SVM, IDA"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "points", whole(self.points, 2, f"{self.name}: points"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """How far the cut and the model disagree, and how they correlate; None where there is nothing to compare."""
        probs: Floats = to_numpy(inputs["stop_probs"])
        if probs.shape[1] != 2:
            raise InputError(f"{self.name} is for two classes; stop_probs has {probs.shape[1]}. Choose another rule.")
        if len(probs) == 0:
            raise InputError(f"{self.name}: the stop set is empty; draw at least one item.")
        nearest = np.argsort(np.abs(probs[:, 1] - probs[:, 0]), kind="stable")[: self.points]
        predicted = probs[nearest, 1] > probs[nearest, 0]
        disagreement = correlation = None
        weights = None if predicted.all() or not predicted.any() else similarity(self._embeddings(inputs, nearest))
        if weights is not None:
            cut, _ = normalised_cut(weights)
            share = float(np.mean(cut != predicted))
            disagreement, correlation = min(share, 1 - share), _correlation(cut, predicted)
        return {
            "items": len(probs),
            "points": len(nearest),
            "disagreement": disagreement,
            "correlation": correlation,
        }

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the least disagreement is so many rounds old."""
        first, seen = latest(trace, self.window)
        values = self._values(seen)
        check_same_stop_set([observation["items"] for observation in seen[-2:]], len(trace), self.name)
        if math.isinf(values[-1]):
            return Decision.not_ready(self._why_not(trace[-1]), float(self.window))
        least = min(values)
        best = first + values.index(least)
        since = len(trace) - 1 - best
        stop = since >= self.window
        reason = (
            f"The cut through the {seen[-1]['points']} points nearest the boundary disagrees with the model on a share "
            f"of {values[-1]:.4f}; the least was {least:.4f} in round {best}, {since} rounds ago, "
            f"{'at least' if stop else 'less than'} {self.window}."
        )
        return Decision(stop, True, float(since), float(self.window), reason)

    def best_round(self, trace: Sequence[Observation]) -> int | None:
        """The number of the round with the least disagreement, the first of equal ones; None if none. O(rounds)."""
        values = self._values(trace)
        least = min(values, default=math.inf)
        return None if math.isinf(least) else values.index(least)

    def _values(self, seen: Sequence[Observation]) -> list[float]:
        """The disagreement of each round, infinite where it has none or none that is better than chance."""
        for key in ("items", "points", "disagreement", "correlation") if seen else ():
            recorded(seen[-1], key, self.name)
        return [
            math.inf
            if one["disagreement"] is None or abs(one["correlation"]) * math.sqrt(one["points"]) < NOT_CHANCE
            else one["disagreement"]
            for one in seen
        ]

    def _why_not(self, now: Observation) -> str:
        if now["disagreement"] is None:
            return f"The {now['points']} points nearest the boundary are all of one class, or all one point."
        return (
            f"The cut through the {now['points']} points nearest the boundary has a correlation of "
            f"{now['correlation']:.3f} with the model's classes, which may be chance below "
            f"{NOT_CHANCE / math.sqrt(now['points']):.3f}."
        )

    def _embeddings(self, inputs: Inputs, nearest: npt.NDArray[np.intp]) -> Floats:
        embeddings: Floats = to_numpy(inputs["stop_embeddings"])[nearest]
        return embeddings


def _correlation(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Correlation of two divisions, neither of which is empty, in [-1, 1]."""
    a, b = one - one.mean(), other - other.mean()
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))
