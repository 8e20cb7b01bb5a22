"""EXP3: one strategy for each batch, drawn by weights that grow where the metric grew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.checks import number
from claros.errors import InputError
from claros.memory import Answer, Choice, Json, Method, learner
from claros.strategies.bandits.arms import ARMS, Arms, plain, read_arms

__all__ = ["exp3", "exp3_chances", "exp3_step"]

#: Changes of the metric that a new one is measured by.
REMEMBERED = 10


@dataclass(frozen=True)
class Exp3:
    """The method, with its parameters."""

    arms: Arms
    gamma: float

    @property
    def parameters(self) -> Mapping[str, Any]:
        """As they are kept."""
        return {"arms": self.arms.texts, "gamma": self.gamma}

    @property
    def needs(self) -> Sequence[str]:
        """The arms' needs, and the metric."""
        return self.arms.needs("metric")

    @property
    def optional(self) -> Sequence[str]:
        """What arms can use, and how many items the metric is measured on."""
        return (*self.arms.optional, "n_audited")

    def fresh(self) -> Json:
        """Equal weights, nothing drawn yet."""
        return {"log_weights": [0.0] * len(self.arms), "drawn": None, "chance": None, "metric": None, "changes": []}

    def choose(self, k: int, n: int, inputs: Mapping[str, Any], rng: np.random.Generator, known: Json) -> Choice:
        """Reward the arm of the last batch, draw one for this batch, and have it pick."""
        metric = _steadied(inputs["metric"], inputs.get("n_audited"))
        weights, changes = np.array(known["log_weights"]), list(known["changes"])
        if known["drawn"] is not None:
            changes = [*changes, metric - known["metric"]][-REMEMBERED:]
            weights = exp3_step(weights, known["drawn"], known["chance"], _reward(changes), self.gamma)
        chances = exp3_chances(weights, self.gamma)
        drawn = int(rng.choice(len(self.arms), p=chances))
        picked = self.arms.share_out(np.full(k, drawn), n, inputs, rng)
        now = {
            "log_weights": plain(weights),
            "drawn": drawn,
            "chance": float(chances[drawn]),
            "metric": metric,
            "changes": changes,
        }
        return Choice(picked, [{}] * k, now, self.arms.rows(np.arange(len(self.arms)) == drawn, chances))

    def learned(self, known: Json, answers: Sequence[Answer]) -> Json:
        """Nothing from a label: the metric of the model that they train says it all."""
        return known


@learner(reference="Auer, Cesa-Bianchi, Freund & Schapire 2002, SIAM J. Comput. 32(1)")
def exp3(*, arms: Sequence[str] = ARMS, gamma: float = 0.5) -> Method:
    """One arm for the whole batch, drawn by its weight: weights grow with what the metric gained after an arm's batch.

    Arms are strategies by name or expression. With m arms, the arm i is drawn with probability
    pᵢ = (1 - ``gamma``)·wᵢ/Σw + gamma/m. When the next batch is due, the reward of the last one is 1/2 + Δ/(2·D): Δ is
    how much ``metric`` rose, D the largest of the last ten changes, up or down; so it is in [0, 1], and 1/2 where
    nothing changed. Then wᵢ is multiplied by exp(gamma·(reward/pᵢ)/m) for the arm that was drawn.

    ``metric`` is an accuracy on labels that no model was trained on: a validation set's, or, in a campaign, that of the
    audited items, which is why it needs an audit share above 0. With ``n_audited`` the metric is taken for a share of
    so many items, and drawn towards 1/2 as by one item more that is right and one that is wrong. A pick's score is that
    of the arm; its probability pᵢ is in the log, not with the pick.

    Departures: the reward is a gain, scaled by earlier ones, since the accuracy itself grows whatever the arm.

    Cost: that of the arm drawn.

    Use it where a validation set is there anyway and many rounds are to come; not otherwise: it learns from one number
    a round, and `tailor` from every label.
    """
    if number(gamma, 0, 1, "exp3: gamma") == 0:
        raise InputError("exp3: gamma must be above 0, or nothing is ever tried or learned; got 0.")
    return Exp3(read_arms("exp3", arms), float(gamma))


def _steadied(metric: float, n: int | None) -> float:
    return metric if n is None else (metric * n + 1.0) / (n + 2.0)


def _reward(changes: Sequence[float]) -> float:
    """The last change, in [0, 1]: 1 for a rise as large as any, 1/2 for none, 0 for a fall as large as any."""
    largest = max(map(abs, changes))
    return 0.5 if largest == 0 else 0.5 + changes[-1] / (2.0 * largest)


def exp3_chances(log_weights: Floats, gamma: float) -> Floats:
    """(m,) the probability of each arm: its share of the weights, mixed with the uniform one.

    >>> exp3_chances(np.log([3.0, 1.0]), 0.5).tolist()
    [0.625, 0.375]
    """
    shares = np.exp(log_weights - np.max(log_weights))
    return np.asarray((1.0 - gamma) * shares / shares.sum() + gamma / len(shares))


def exp3_step(log_weights: Floats, drawn: int, chance: float, reward: float, gamma: float) -> Floats:
    """(m,) the logarithms of the weights after a reward in [0, 1] for the arm drawn; the largest is 0.

    >>> exp3_step(np.zeros(2), drawn=1, chance=0.5, reward=1.0, gamma=0.5).tolist()
    [-0.5, 0.0]
    """
    grown = np.array(log_weights, dtype=np.float64)
    grown[drawn] += gamma * (reward / chance) / len(grown)
    if not math.isfinite(grown[drawn]):
        raise InputError(f"exp3: a reward of {reward!r} with a chance of {chance!r} gives no finite weight.")
    return np.asarray(grown - grown.max())
