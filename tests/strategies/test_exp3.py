"""EXP3: its formulas by hand, its reward, its direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from claros import strategies
from claros.errors import InputError
from claros.memory import Memory
from claros.strategies.bandits.exp3 import exp3_chances, exp3_step

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), 30)


def begin(**parameters: Any) -> Memory:
    return strategies.get("exp3", **{"arms": ["margin", "random"], **parameters}).begin()


def test_chances_mix_the_weights_with_equal_ones() -> None:
    # weights 1, 2, 5 of 8, gamma 0.4: 0.6·(1/8, 2/8, 5/8) + 0.4/3
    chances = exp3_chances(np.log([1.0, 2.0, 5.0]), 0.4)
    np.testing.assert_allclose(chances, 0.6 * np.array([1, 2, 5]) / 8 + 0.4 / 3, rtol=1e-14)
    np.testing.assert_allclose(exp3_chances(np.array([800.0, 0.0]), 0.5), [0.75, 0.25])


def test_a_reward_multiplies_the_weight_of_the_arm_drawn() -> None:
    # m = 4, gamma 0.5, chance 0.2, reward 0.8: the factor is exp(0.5·(0.8/0.2)/4) = exp(0.5)
    grown = exp3_step(np.zeros(4), drawn=2, chance=0.2, reward=0.8, gamma=0.5)
    np.testing.assert_allclose(np.exp(grown - grown[0]), [1, 1, math.exp(0.5), 1], rtol=1e-14)


def test_one_round_is_that_worked_by_hand() -> None:
    # The metric goes from 0.60 to 0.70, the largest change so far: reward 1/2 + 0.1/0.2 = 1. With two arms, gamma 0.5
    # and a chance of 1/2 each, the drawn arm's log weight grows by 0.5·(1/0.5)/2 = 0.5.
    # Then from 0.70 to 0.65: reward 1/2 - 0.05/0.2 = 1/4, over the chance of the second draw.
    memory = begin()
    memory.select(3, probs=PROBS, metric=0.6)
    first = memory.state()["known"]
    assert first["chance"] == 0.5
    memory.select(3, probs=PROBS, metric=0.7)
    second = memory.state()["known"]
    weights = np.zeros(2)
    weights[first["drawn"]] = 0.5
    np.testing.assert_allclose(np.diff(second["log_weights"]), np.diff(weights))
    share = np.exp(weights) / np.exp(weights).sum()
    np.testing.assert_allclose(second["chance"], (0.5 * share + 0.25)[second["drawn"]])
    memory.select(3, probs=PROBS, metric=0.65)
    weights[second["drawn"]] += 0.5 * (0.25 / second["chance"]) / 2
    np.testing.assert_allclose(np.diff(memory.state()["known"]["log_weights"]), np.diff(weights))


def test_a_metric_of_few_items_is_drawn_towards_a_half() -> None:
    # 3 of 4 right: (3 + 1) / (4 + 2) = 2/3; of none: 1/2
    memory = begin()
    memory.select(3, probs=PROBS, metric=0.75, n_audited=4)
    assert memory.state()["known"]["metric"] == pytest.approx(2 / 3)
    memory.select(3, probs=PROBS, metric=0.0, n_audited=0)
    assert memory.state()["known"]["metric"] == 0.5


def test_the_whole_batch_is_the_arm_s() -> None:
    memory = begin(arms=["margin", "entropy"])
    margins, entropies = (np.sort(PROBS, axis=1)[:, -1] - np.sort(PROBS, axis=1)[:, -2], (PROBS * np.log(PROBS)).sum(1))
    lists = {"margin": np.argsort(margins)[:5].tolist(), "entropy": np.argsort(entropies)[:5].tolist()}
    seen = set()
    for seed in range(8):
        picked = memory.select(5, seed=seed, probs=PROBS, metric=0.5)
        arm = next(row["arm"] for row in memory.arms if row["share"] == 1)
        assert picked.indices.tolist() == lists[arm]
        seen.add(arm)
    assert seen == {"margin", "entropy"}


def last_chance(sign: float, seed: int) -> float:
    """The chance of margin after 60 rounds in which the metric moves by ``sign`` whenever margin picked."""
    memory, metric, rng = begin(), 0.5, np.random.default_rng(seed)
    for _ in range(60):
        memory.select(3, seed=seed, probs=PROBS, metric=metric)
        metric += 0.01 * sign * memory.arms[0]["share"] + 0.002 * rng.normal()
    return float(memory.arms[0]["value"])


def test_the_arm_that_raises_the_metric_is_drawn_most_and_one_that_lowers_it_is_not() -> None:
    """With gamma 1/2 a chance is within [1/4, 3/4]; 5 seeds."""
    assert min(last_chance(1.0, seed) for seed in range(5)) > 0.7
    assert max(last_chance(-1.0, seed) for seed in range(5)) < 0.3


def test_what_makes_no_sense_is_said() -> None:
    with pytest.raises(InputError, match="gamma must be above 0"):
        begin(gamma=0.0)
    with pytest.raises(InputError, match="gamma"):
        begin(gamma=2.0)
    with pytest.raises(InputError, match="exp3 needs metric"):
        begin().select(3, probs=PROBS)
