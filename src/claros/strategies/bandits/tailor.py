"""TAILOR: Thompson sampling among strategies, by the classes or the surprises that their picks turned out to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from claros.arrays import Array, Floats, Indices, take, to_numpy
from claros.checks import number
from claros.memory import Answer, Choice, Json, Method, learner
from claros.strategies.bandits.arms import ARMS, Arms, draw_best, plain, read_arms

__all__ = ["class_values", "tailor"]


def _unit(name: str, value: float) -> float:
    return number(value, 0, 1, f"tailor: {name}")


@dataclass(frozen=True)
class Tailor:
    """The method, with its parameters."""

    arms: Arms
    reward: str
    decay: float
    share: float

    @property
    def parameters(self) -> Mapping[str, Any]:
        """As they are kept."""
        return {"arms": self.arms.texts, "reward": self.reward, "decay": self.decay, "share": self.share}

    @property
    def needs(self) -> Sequence[str]:
        """The arms' needs, the labels so far, and predictions, whose columns are the classes."""
        return self.arms.needs("probs", "labels")

    @property
    def optional(self) -> Sequence[str]:
        """What arms can use."""
        return self.arms.optional

    def fresh(self) -> Json:
        """No class is known yet, so a is (m, 0); u and w are (m,)."""
        m = len(self.arms)
        return {"counts": [[] for _ in range(m)], "surprise": [0.0] * m, "rest": [0.0] * m}

    def choose(self, k: int, n: int, inputs: Mapping[str, Any], rng: np.random.Generator, known: Json) -> Choice:
        """Draw an arm for each pick, and have the arms pick."""
        probs = inputs["probs"]
        counts = _widened(known["counts"], int(probs.shape[1]))
        worth = class_values(inputs["labels"], counts.shape[1])
        values, means = self._values(counts, known, worth, k, rng)
        whose = draw_best(values, rng)
        picked = self.arms.share_out(whose, n, inputs, rng)
        shares = np.bincount(whose, minlength=len(self.arms)) / max(1, k)
        credits: list[Json] = [{"arm": int(arm)} for arm in whose]
        if self.reward != "diversity":
            for credit, row in zip(credits, _rows(probs, picked.indices), strict=True):
                credit["probs"] = row
        return Choice(picked, credits, {**known, "counts": plain(counts)}, self.arms.rows(shares, means))

    def _values(
        self, counts: Floats, known: Json, worth: Floats, k: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """What each arm is worth in each of k draws, (m, k), and on average, (m,)."""
        values, means = np.zeros((len(self.arms), k)), np.zeros(len(self.arms))
        kept = {"diversity": 1.0, "surprise": 0.0, "mixture": self.share}[self.reward]
        if kept > 0:
            scaled = kept * worth / np.abs(worth).max()
            values += np.stack([rng.dirichlet(row + 1.0, k) @ scaled for row in counts])
            means += (counts + 1.0) @ scaled / (counts + 1.0).sum(axis=1)
        if kept < 1:
            u, w = 1.0 + np.array(known["surprise"]), 1.0 + np.array(known["rest"])
            values += (1.0 - kept) * rng.beta(u[:, None], w[:, None], values.shape)
            means += (1.0 - kept) * u / (u + w)
        return values, means

    def learned(self, known: Json, answers: Sequence[Answer]) -> Json:
        """Decay what was counted, then count the labels that came."""
        classes = 1 + max(answer.label for answer in answers)
        counts = self.decay * _widened(known["counts"], max(classes, len(known["counts"][0])))
        surprise, rest = (self.decay * np.array(known[name]) for name in ("surprise", "rest"))
        for credit, label in answers:
            counts[credit["arm"], label] += 1.0
            if "probs" in credit:
                expected = credit["probs"][label] if label < len(credit["probs"]) else 0.0
                surprise[credit["arm"]] += 1.0 - expected
                rest[credit["arm"]] += expected
        return {"counts": plain(counts), "surprise": plain(surprise), "rest": plain(rest)}


@learner(reference="Zhang et al. 2023, arXiv:2302.07317")
def tailor(
    *,
    arms: Sequence[str] = ARMS,
    reward: Literal["diversity", "surprise", "mixture"] = "diversity",
    decay: float = 0.9,
    share: float = 0.5,
) -> Method:
    """Each pick by the arm that a draw from the posterior likes best: that whose picks have the classes most lacking.

    Arms are strategies by name or expression. For every pick and every arm i, class shares θᵢ are drawn from
    Dirichlet(aᵢ + 1), and the arm with the largest θᵢ·v makes the pick. The value of class c is v_c = 1 / max(1, its
    labels so far), with a minus where it has more than half of them. All aᵢ are 1 at first; when labels come, a becomes
    ``decay``·a, and each label adds 1 for its class and the arm that picked it. No validation set is needed. A pick's
    score is that of its arm; an arm's value, in the log, is the mean of θᵢ·v over the largest |v|.

    ``reward="surprise"`` counts instead how wrong the model was, which saw the item before its label came: 1 minus the
    probability that it gave the true class. An arm's mean surprise φᵢ is drawn from Beta(1 + uᵢ, 1 + wᵢ), with u and w
    0 at first; each label adds its surprise to u and the rest of 1 to w, after the same decay. ``"mixture"`` follows
    share·θᵢ·v / max |v| + (1 - share)·φᵢ, with ``share`` in [0, 1].

    Departures: each arm makes all its picks of a batch in one go, from what the arms before it left (their order is
    random), where the authors ask the arms in turn for one item; strategies that spread a batch are then asked for the
    batch that they make. The surprise and the mixture are ours.

    Cost: that of every arm for its share, O(m·k·C) for m arms, and a copy of the inputs of all arms but the first.

    Use it where it is not known which of several strategies will do, or where classes differ much in size: it comes
    close to the best arm and seldom beats it (docs/learned.md); not with an arm that is known to be best, nor for few
    rounds, since it learns once a round.
    """
    return Tailor(read_arms("tailor", arms), reward, _unit("decay", decay), _unit("share", share))


def class_values(labels: Indices, classes: int) -> Floats:
    """(C,) what another label of each class is worth: 1 over its labels, negative for one that has more than half.

    >>> class_values([0, 0, 0, 1], 3).tolist()
    [-0.3333333333333333, 1.0, 1.0]
    """
    counts = np.bincount(np.asarray(labels, dtype=np.int64), minlength=classes)[:classes]
    worth = 1.0 / np.maximum(1, counts)
    return np.asarray(np.where(2 * counts > len(labels), -worth, worth))


def _widened(counts: Sequence[Sequence[float]], classes: int) -> Floats:
    """(m, C) of what may have fewer columns: a class that nobody has counted has 1."""
    table = np.array(counts, dtype=np.float64).reshape(len(counts), -1)
    more = np.ones((len(counts), max(0, classes - table.shape[1])))
    return np.concatenate([table, more], axis=1)


def _rows(probs: Array, positions: Indices) -> list[list[float]]:
    """The predictions of some candidates as JSON; six digits are enough for a reward."""
    rows = to_numpy(take(probs, positions)).astype(np.float64)
    return [[float(f"{value:.6g}") for value in row] for row in rows]
