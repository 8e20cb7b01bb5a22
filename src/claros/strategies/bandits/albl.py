"""ALBL: active learning by learning, which rewards arms by an importance-weighted accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats, Indices, to_numpy
from claros.arrays import namespace as library
from claros.checks import number, whole
from claros.compose.composite import Candidates, children
from claros.errors import InputError
from claros.memory import Answer, Choice, Json, Method, learner
from claros.pick import Picked
from claros.strategies.bandits.arms import ARMS, Arms, plain, read_arms

__all__ = ["albl", "albl_chances", "weighted_accuracy"]


class _Lists(NamedTuple):
    """What each arm likes best, (k,) positions and scores, and where random stands among the arms."""

    arms: Sequence[Picked]
    random: int


@dataclass(frozen=True)
class Albl:
    """The method, with its parameters."""

    arms: Arms
    horizon: int
    delta: float
    clip: float

    @property
    def parameters(self) -> Mapping[str, Any]:
        """As they are kept."""
        return {"arms": self.arms.texts, "horizon": self.horizon, "delta": self.delta, "clip": self.clip}

    @property
    def needs(self) -> Sequence[str]:
        """The arms' needs, and predictions, which the labels are compared with."""
        return self.arms.needs("probs")

    @property
    def optional(self) -> Sequence[str]:
        """What arms can use."""
        return self.arms.optional

    @property
    def least(self) -> float:
        """The smallest probability of an arm."""
        m = len(self.arms)
        return min(1.0 / m, math.sqrt(math.log(m) / (m * self.horizon)))

    def fresh(self) -> Json:
        """Equal weights, no batch yet, and no accuracy."""
        return {"log_weights": [0.0] * len(self.arms), "chances": [], "trained": None, "accuracy": None, "batches": 0}

    def choose(self, k: int, n: int, inputs: Mapping[str, Any], rng: np.random.Generator, known: Json) -> Choice:
        """Ask the arms for their lists, then draw arm and item pick by pick."""
        chances = albl_chances(np.array(known["log_weights"]), self.least)
        own, *streams = children(rng, 1 + len(self.arms))
        pool, at = Candidates(n, inputs, own), [arm.name for arm in self.arms.strategies].index("random")
        lists = [
            pool.pick(arm, n if place == at else k, stream)
            for place, (arm, stream) in enumerate(zip(self.arms.strategies, streams, strict=True))
        ]
        picked, advice = _draw(k, n, _Lists(lists, at), chances, own)
        probs = inputs["probs"]
        predicted = to_numpy(library(probs).argmax(probs, axis=1))[picked.indices]
        drawn = picked.probabilities if picked.probabilities is not None else np.ones(k)
        credits: list[Json] = [
            {"batch": known["batches"], "chance": float(q), "left": n - place, "predicted": int(code), "advice": row}
            for place, (q, code, row) in enumerate(zip(drawn, predicted, plain(advice), strict=True))
        ]
        now = {**known, "batches": known["batches"] + 1, "chances": plain(chances)}
        shares = (advice * chances / drawn[:, None]).mean(axis=0)
        return Choice(picked, credits, now, self.arms.rows(shares, chances))

    def learned(self, known: Json, answers: Sequence[Answer]) -> Json:
        """Measure the model that picked these, and reward the batch that it was trained on last."""
        answers = [one for one in answers if one.credit["batch"] == known["batches"] - 1]
        if not answers:  # labels of batches whose model is gone measure nothing
            return known
        right = np.array([float(credit["predicted"] == label) for credit, label in answers])
        chances, left = (np.array([credit[name] for credit, _ in answers]) for name in ("chance", "left"))
        accuracy = weighted_accuracy(right, chances, left, self.clip)
        ratios = np.array([credit["advice"] for credit, _ in answers]) / chances[:, None]
        now = {"ratios": plain(ratios.sum(axis=0)), "picks": len(answers), "chances": known["chances"]}
        weights = np.array(known["log_weights"])
        if known["trained"] is not None:
            weights = self._step(weights, known["trained"], min(1.0, accuracy))
        return {**known, "log_weights": plain(weights), "trained": now, "accuracy": accuracy}

    def _step(self, log_weights: Floats, batch: Json, reward: float) -> Floats:
        """EXP4.P: each pick of a batch adds its share of the reward, and each arm a bonus for having been rare."""
        m = len(self.arms)
        bonus = batch["picks"] * math.sqrt(math.log(m / self.delta) / (m * self.horizon)) / np.array(batch["chances"])
        grown = log_weights + self.least / 2.0 * (reward * np.array(batch["ratios"]) + bonus)
        return np.asarray(grown - grown.max())


@learner(reference="Hsu & Lin 2015, AAAI")
def albl(
    *,
    arms: Sequence[str] = ARMS,
    horizon: int = 500,
    delta: float = 0.1,
    clip: float = 10.0,
) -> Method:
    """Each pick by an arm drawn by its weight; weights grow for the arms whose batch made the model more accurate.

    Arms are strategies by name or expression; random is always one of them. The arm i of m is drawn with probability
    pᵢ = (1 - m·p)·wᵢ/Σw + p, with p = √(ln m / (m·T)), at most 1/m, for a ``horizon`` of T picks, and proposes the best
    candidate on its list that is left. So each candidate x is picked with a known probability q(x), the sum over the
    arms of pᵢ·ψᵢ(x): ψ is 1 for what an arm proposes, and 1 over the candidates left for random. A pick's probability
    is q, its score that of its arm.

    When a batch's labels come, they measure the model that picked them, which had not seen them: the
    importance-weighted accuracy is an unbiased estimate of its accuracy on the pool. It is the reward r of the batch
    that this model was trained on last. That batch's picks are credited one by one: with sᵢ the sum of ψᵢ(x)/q(x) over
    them, wᵢ is multiplied by exp(p/2·(r·sᵢ + b/pᵢ·√(ln(m/δ)/(m·T)))) for b picks, which is EXP4.P. ``clip`` bounds the
    weight of a label, 1/(q·candidates), at the price of a bias; r is at most 1.

    Departures: batches, with credit for every pick; predictions of the model before the labels, where the authors'
    reward is an accuracy on what the model was trained on; clipped weights; an arm makes its list for the batch once.

    Cost: that of every arm for k picks, and O(N + k·m).

    Use it to compare with, or where every pick must have a known probability, which it always has; not for a better
    model: its reward is noisy, and by the time it has learned (some hundreds of picks) most of the budget is spent.
    """
    horizon = whole(horizon, 1, "albl: horizon")
    if number(delta, 0, 1, "albl: delta") == 0:
        raise InputError("albl: delta must be above 0; got 0.")
    if number(clip, 0, math.inf, "albl: clip") < 1:
        raise InputError(f"albl: clip must be at least 1, the weight of a uniform draw; got {clip!r}.")
    named = [*arms] if isinstance(arms, (list, tuple)) else arms
    if isinstance(named, list) and "random" not in named:
        named.append("random")
    return Albl(read_arms("albl", named), horizon, float(delta), float(clip))


def albl_chances(log_weights: Floats, least: float) -> Floats:
    """(m,) the probability of each arm: its share of the weights, none below the least.

    >>> albl_chances(np.log([3.0, 1.0]), 0.25).tolist()
    [0.625, 0.375]
    """
    shares = np.exp(log_weights - np.max(log_weights))
    return np.asarray((1.0 - len(shares) * least) * shares / shares.sum() + least)


def weighted_accuracy(right: Floats, chances: Floats, left: Floats, clip: float = math.inf) -> float:
    """An estimate of the accuracy on all candidates, from those picked one after another; unbiased without clipping.

    ``right`` (b,) says 1 for a correct prediction, else 0; ``chances`` (b,) with what probability each was drawn from
    the ``left`` (b,) candidates that were there. The j-th draw estimates how many are right among what was left, by
    right/chance, to which those drawn before add what they are; the mean over draws, over the number of candidates, is
    the estimate. ``clip`` bounds 1/(chance·left).

    >>> weighted_accuracy([1.0, 0.0], [0.25, 0.5], [4, 3])
    0.625
    """
    right, chances, left = (np.asarray(values, dtype=np.float64) for values in (right, chances, left))
    weights = np.minimum(1.0 / (chances * left), clip) * left
    before = np.cumsum(right) - right
    return float(np.mean(right * weights + before) / left[0])


def _draw(k: int, n: int, lists: _Lists, chances: Floats, rng: np.random.Generator) -> tuple[Picked, Floats]:
    """k picks, each from the arm drawn, with its probability, and (k, m) what every arm said of it."""
    m = len(lists.arms)
    turns = rng.choice(m, size=k, p=chances)
    taken, at = np.zeros(n, dtype=bool), np.zeros(m, dtype=np.int64)
    indices, scores = np.empty(k, dtype=np.int64), np.empty(k)
    advice = np.zeros((k, m))
    for place, arm in enumerate(turns):
        proposed = np.array([_next(one.indices, at, i, taken) for i, one in enumerate(lists.arms)])
        indices[place], scores[place] = proposed[arm], lists.arms[arm].scores[at[arm]]
        advice[place] = proposed == proposed[arm]
        advice[place, lists.random] = 1.0 / (n - place)
        taken[proposed[arm]] = True
    return Picked(indices, scores, np.minimum(1.0, advice @ chances)), advice


def _next(ranked: Indices, at: Indices, arm: int, taken: Floats) -> int:
    """The first item of an arm's list that is left; the arm's place in its list moves on."""
    while taken[ranked[at[arm]]]:
        at[arm] += 1
    return int(ranked[at[arm]])
