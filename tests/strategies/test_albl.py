"""ALBL: unbiased importance weights, probabilities that are what they say, EXP4.P by hand, direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from claros import strategies
from claros.errors import InputError
from claros.memory import Memory
from claros.strategies.bandits.albl import albl_chances, weighted_accuracy


def begin(**parameters: Any) -> Memory:
    return strategies.get("albl", **{"arms": ["margin", "least_confidence"], **parameters}).begin()


def test_the_weighted_accuracy_of_two_draws_is_that_worked_by_hand() -> None:
    # 4 candidates. First draw right with chance 1/4: (1/0.25)/4 = 1. Second draw, of 3 left, wrong: (0 + 1)/4 = 1/4.
    # The mean is 5/8.
    assert weighted_accuracy([1, 0], [0.25, 0.5], [4, 3]) == pytest.approx(5 / 8)
    # clipped at 1, the first draw's weight 1/(0.05·4) = 5 becomes 1, and its estimate 1·4/4 = 1
    assert weighted_accuracy([1], [0.05], [4], clip=1.0) == pytest.approx(1.0)
    assert weighted_accuracy([1], [0.05], [4]) == pytest.approx(5.0)


def method(**parameters: Any) -> Any:
    """The bare method, which is given what is known and returns a choice."""
    return strategies.get("albl", **{"arms": ["margin", "least_confidence"], **parameters}).function.method


def test_the_weighted_accuracy_is_unbiased() -> None:
    """1,500 batches of 4 from 12 items; the mean's error is compared with five standard errors (chance 6e-7)."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3), 12)
    right = (rng.random(12) < 0.6).astype(float)  # whether the model is right on each item
    albl = method(horizon=200)
    known = {**albl.fresh(), "log_weights": [1.5, 0.0, 0.0]}  # far from uniform
    estimates = []
    for seed in range(1500):
        choice = albl.choose(4, 12, {"probs": probs}, np.random.default_rng(seed), known)
        chances = choice.picked.probabilities
        estimates.append(weighted_accuracy(right[choice.picked.indices], chances, np.arange(12, 8, -1)))
    error = np.std(estimates) / math.sqrt(len(estimates))
    assert abs(np.mean(estimates) - right.mean()) < 5 * error, (np.mean(estimates), right.mean(), error)
    assert error < 0.04
    plain = [
        right[albl.choose(4, 12, {"probs": probs}, np.random.default_rng(seed), known).picked.indices].mean()
        for seed in range(300)
    ]
    assert abs(np.mean(plain) - right.mean()) > 5 * np.std(plain) / math.sqrt(300), "without weights it is biased"


def test_picks_have_the_probabilities_that_they_say() -> None:
    """The first pick, 1,500 times: each item's frequency is within five standard deviations of what is said of it."""
    probs = np.random.default_rng(3).dirichlet(np.ones(3), 8)
    albl = method()
    counts, said = np.zeros(8), np.zeros(8)
    for seed in range(1500):
        picked = albl.choose(1, 8, {"probs": probs}, np.random.default_rng(seed), albl.fresh()).picked
        place = picked.indices[0]
        counts[place] += 1
        said[place] = picked.probabilities[0]
    assert said.sum() == pytest.approx(1.0)
    assert (np.abs(counts / 1500 - said) < 5 * np.sqrt(said * (1 - said) / 1500)).all(), (counts / 1500, said)
    # margin and least confidence may agree on the best item, else each has its own: p + uniform share of random
    least = math.sqrt(math.log(3) / (3 * 500))
    chances = albl_chances(np.zeros(3), least)
    margins = np.diff(np.sort(probs, axis=1)[:, -2:], axis=1)[:, 0]
    expected = np.full(8, chances[2] / 8)
    expected[np.argmin(margins)] += chances[0]
    expected[np.argmin(probs.max(axis=1))] += chances[1]
    np.testing.assert_allclose(said, expected)


def test_two_rounds_are_those_worked_by_hand() -> None:
    # EXP4.P with the reward of the batch that the measured model was trained on, so batch 1 only measures. Batch 2's
    # labels are all as predicted: r is the mean of min(1/(q n), clip) n/9 and of that plus the one before, at most 1.
    # Then log w_i += p/2·(r·s_i + b/p_i·sqrt(ln(m/delta)/(m T))), with s_i the sum of psi_i/q over batch 1.
    probs = np.random.default_rng(1).dirichlet(np.ones(3), 12)
    memory = begin(horizon=40, delta=0.2, clip=2.0)
    first = memory.select(3, probs=probs)
    credits = [memory.state()["waiting"][str(number)] for number in memory.last]
    memory.learn([int(probs[place].argmax()) for place in first.indices])
    assert memory.state()["known"]["log_weights"] == [0.0, 0.0, 0.0]
    s = sum(np.array(credit["advice"]) / credit["chance"] for credit in credits)
    left = np.delete(np.arange(12), first.indices)
    second = memory.select(2, probs=probs[left])
    memory.learn([int(probs[left][place].argmax()) for place in second.indices])
    weights = [min(1 / (q * n), 2.0) * n for q, n in zip(second.probabilities, (9, 8), strict=True)]
    r = min(1.0, ((weights[0] + 0) / 9 + (weights[1] + 1) / 9) / 2)
    least = min(1 / 3, math.sqrt(math.log(3) / (3 * 40)))
    grown = least / 2 * (r * s + 3 / (1 / 3) * math.sqrt(math.log(3 / 0.2) / (3 * 40)))
    known = memory.state()["known"]
    np.testing.assert_allclose(known["log_weights"], grown - grown.max(), rtol=1e-12)
    shares = np.exp(grown) / np.exp(grown).sum()
    memory.select(1, probs=probs[left])
    np.testing.assert_allclose([row["value"] for row in memory.arms], (1 - 3 * least) * shares + least, rtol=1e-12)


def test_predictions_are_those_of_the_model_that_picked() -> None:
    """A model that comes later and is right about everything earns nothing for what the one before got wrong."""
    probs = np.tile([0.9, 0.1], (20, 1))
    memory = begin()
    memory.select(5, probs=probs)
    memory.learn([1] * 5)
    assert memory.state()["known"]["accuracy"] == 0.0


def test_labels_of_a_batch_before_the_last_measure_nothing() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(2), 30)
    memory = begin()
    memory.select(3, probs=probs)
    early = [*memory.last]
    memory.select(3, probs=probs)
    before = memory.state()["known"]
    memory.learn([0, 1, 0], early)
    assert memory.state()["known"] == before


def test_chances_have_a_floor() -> None:
    np.testing.assert_allclose(albl_chances(np.array([0.0, -50.0]), 0.1), [0.9, 0.1])
    np.testing.assert_allclose(albl_chances(np.log([3.0, 1.0]), 0.1), [0.8 * 0.75 + 0.1, 0.8 * 0.25 + 0.1])
    assert (
        strategies.get("albl", horizon=1)
        .begin()
        .select(1, probs=np.ones((2, 1)), embeddings=np.ones((2, 1)))
        .n_candidates
        == 2
    )


def value_of_margin(sign: int, seed: int) -> float:
    """Margin's chance after 80 batches of one pick: the next model is right if margin picked (or if it did not)."""
    rng = np.random.default_rng(seed)
    memory, right = begin(arms=["margin", "random"], horizon=50), False
    for _ in range(80):
        probs = rng.dirichlet(np.ones(2), 30)
        picked = memory.select(1, seed=seed, probs=probs)
        predicted = probs[picked.indices].argmax(axis=1)
        memory.learn([int(predicted[0] if right else 1 - predicted[0])])
        right = (memory.arms[0]["share"] > 0.5) == (sign > 0)
    return float(memory.arms[0]["value"])


def test_the_arm_whose_labels_make_the_next_model_right_is_drawn_most_and_one_that_makes_it_wrong_is_not() -> None:
    """5 seeds; arms that are equal would be drawn with a chance of 1/2."""
    good, bad = ([value_of_margin(sign, seed) for seed in range(5)] for sign in (1, -1))
    assert min(good) > 0.55, good
    assert max(bad) < 0.45, bad


def test_random_is_always_an_arm() -> None:
    assert strategies.get("albl", arms=["margin", "entropy"]).spec()["parameters"]["arms"] == [
        "margin",
        "entropy",
        "random",
    ]
    assert strategies.get("albl", arms=["margin"]).spec()["parameters"]["arms"] == ["margin", "random"]


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"delta": 0.0}, "delta"),
        ({"clip": 0.5}, "clip"),
        ({"horizon": 0}, "horizon"),
        ({"arms": []}, "two arms or more"),
    ],
)
def test_what_makes_no_sense_is_said(parameters: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        begin(**parameters)
