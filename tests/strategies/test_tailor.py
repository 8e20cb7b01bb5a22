"""TAILOR: the posterior by hand, the class values, which arm gets the picks and which does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import claros
from claros import strategies
from claros.errors import InputError
from claros.memory import Memory
from claros.strategies.bandits.arms import draw_best
from claros.strategies.bandits.tailor import class_values


def begin(**parameters: Any) -> Memory:
    return strategies.get("tailor", **{"arms": ["margin", "least_confidence"], **parameters}).begin()


def pool(n: int = 40) -> dict[str, Any]:
    """Candidates of three classes: the arms differ on them, since least confidence looks at one probability only."""
    return {"probs": np.random.default_rng(0).dirichlet(np.ones(3), n)}


def test_the_posterior_after_two_batches_is_that_worked_by_hand() -> None:
    # all a are 1 at first. Batch 1: the picks 0 and 1 are of the arms x and y, with labels 2 and 0.
    # a = 0.9·1 + counts: of x (0.9, 0.9, 1.9), of y (1.9, 0.9, 0.9).
    # Batch 2: only the first pick has a label, 2, and is of the arm z, whose a_z becomes 0.9·a_z + (0, 0, 1);
    # that of the other arm is only decayed.
    memory = begin()
    memory.select(2, labels=[0, 1, 2], **pool())
    state = memory.state()
    arms = [state["waiting"][str(number)]["arm"] for number in memory.last]
    memory.learn([2, 0])
    expected = np.full((2, 3), 0.9)
    expected[arms[0], 2] += 1
    expected[arms[1], 0] += 1
    np.testing.assert_allclose(memory.state()["known"]["counts"], expected, rtol=1e-15)
    memory.select(2, labels=[0, 1, 2, 2, 0], **pool())
    arm = memory.state()["waiting"][str(memory.last[0])]["arm"]
    memory.learn([2, None])
    expected *= 0.9
    expected[arm, 2] += 1
    np.testing.assert_allclose(memory.state()["known"]["counts"], expected, rtol=1e-15)


def test_a_class_is_worth_the_less_the_more_labels_it_has_and_nothing_good_with_more_than_half() -> None:
    # 4 labels: class 0 has 3, more than half: -1/3; class 1 has 1: 1; class 2 none: 1 / max(1, 0) = 1
    np.testing.assert_allclose(class_values([0, 0, 0, 1], 3), [-1 / 3, 1, 1])
    # exactly half is not more than half
    np.testing.assert_allclose(class_values([0, 0, 1, 2], 3), [1 / 2, 1, 1])
    np.testing.assert_allclose(class_values([], 2), [1, 1])


def test_draws_are_those_of_dirichlet_with_one_more_than_was_counted() -> None:
    # Two arms, two classes, v = (-1, 1)/1: arm 0 has a = (8, 0), arm 1 has a = (0, 8), so theta_0 ~ Beta(9, 1) for the
    # first class. Arm 1 wins if theta_1[1] - theta_1[0] > theta_0[1] - theta_0[0], in all but one draw of some 24310:
    # P(B > B') for B, B' ~ Beta(9, 1) and Beta(1, 9), by the closed form 1 - 9!·9!·... = 1 - 1/C(18, 9) = 1 - 1/48620.
    memory = begin(arms=["margin", "random"])
    memory.select(2, labels=[0, 0, 1], **two_classes())
    state = memory.state()
    state["known"]["counts"] = [[8.0, 0.0], [0.0, 8.0]]
    shares = []
    for seed in range(50):
        memory.restore(state)
        memory.select(40, seed=seed, labels=[0, 0, 0, 1], **two_classes())
        shares.append(memory.arms[1]["share"])
    assert min(shares) >= 39 / 40


def two_classes(n: int = 60) -> dict[str, Any]:
    return {"probs": np.random.default_rng(1).dirichlet(np.ones(2), n)}


def test_equal_posteriors_share_the_picks_equally() -> None:
    # 100 batches of 20 picks by two arms: each share is a mean of 2000 draws, sd 0.011; five of them are 0.056
    memory = begin(arms=["margin", "random"])
    counts = np.zeros(2)
    for seed in range(100):
        fresh = begin(arms=["margin", "random"])
        fresh.select(20, seed=seed, labels=[0, 1], **two_classes())
        counts += [row["share"] for row in fresh.arms]
    assert abs(counts[0] / 100 - 0.5) < 0.056, counts
    assert memory.arms == []


class World:
    """1,000 items of which 5 % are of class 1; the arm "finder" finds them, the arm "misser" never does."""

    def __init__(self, seed: int, flipped: bool) -> None:
        rng = np.random.default_rng(seed)
        self.labels = (rng.random(1000) < 0.05).astype(np.int64)
        rare = 0.6 * self.labels + 0.02 * rng.random(1000)
        unsure = rare if not flipped else 0.6 * (1 - self.labels) + 0.02 * rng.random(1000)
        self.probs = np.stack([1 - unsure / 2, unsure / 2], axis=1)  # margin asks for what is unsure, energy does not
        self.rng = rng


def shares(reward: str, flipped: bool, seed: int) -> float:
    """Share of margin's picks in the last five of ten rounds; margin finds the rare class, or the frequent one."""
    world = World(seed, flipped)
    memory = begin(arms=["margin", "random"], reward=reward)
    left = np.arange(1000)
    known = [0] * 60 + [1]
    found = []
    for _ in range(10):
        picked = memory.select(5, seed=seed, probs=world.probs[left], labels=known)
        labels = world.labels[left[picked.indices]].tolist()
        memory.learn(labels)
        known += labels
        left = np.delete(left, picked.indices)
        found.append(memory.arms[0]["share"])
    return float(np.mean(found[5:]))


def test_the_arm_that_finds_the_rare_class_gets_the_picks_and_one_that_finds_the_frequent_one_does_not() -> None:
    """10 seeds each; an arm no better than the other has a mean share of 1/2 with a standard error under 0.05.

    The rare class stays the rarer one among the labels, of which it can have 26 of 61 + 50 at most.
    """
    good = np.mean([shares("diversity", False, seed) for seed in range(10)])
    bad = np.mean([shares("diversity", True, seed) for seed in range(10)])
    assert good > 0.75, good
    assert bad < 0.6, bad


def test_surprise_goes_to_the_arm_whose_labels_the_model_did_not_expect() -> None:
    """Margin's items are of the class that has a probability of 0.3 at most, random's of that with 0.98."""
    good = np.mean([shares("surprise", False, seed) for seed in range(10)])
    bad = np.mean([shares("surprise", True, seed) for seed in range(10)])
    assert good > 0.75, good
    assert bad < good - 0.15, bad


def test_the_surprise_of_a_label_is_what_the_model_left_it() -> None:
    # one pick, predicted (0.7, 0.2, 0.1), label 1: surprise 1 - 0.2 = 0.8, the rest 0.2; the other arm has 0 and 0
    memory = begin(reward="surprise")
    memory.select(1, probs=[[0.7, 0.2, 0.1]], labels=[0])
    arm = memory.state()["waiting"]["0"]["arm"]
    memory.learn([1])
    known = memory.state()["known"]
    np.testing.assert_allclose([known["surprise"][arm], known["rest"][arm]], [0.8, 0.2])
    assert known["surprise"][1 - arm] == known["rest"][1 - arm] == 0
    # the next batch's label decays both by 0.9: 0.72 and 0.18, and adds to the arm that picked
    memory.select(1, probs=[[0.5, 0.5, 0.0]], labels=[0, 1])
    other = memory.state()["waiting"]["1"]["arm"]
    memory.learn([2])
    expected = 0.9 * 0.8 + (1.0 if other == arm else 0.0)
    np.testing.assert_allclose(memory.state()["known"]["surprise"][arm], expected)


def test_a_class_that_was_never_seen_before_gets_a_column() -> None:
    memory = begin()
    memory.select(2, labels=[0, 1, 2], **pool())
    memory.learn([4, 0])
    assert np.array(memory.state()["known"]["counts"]).shape == (2, 5)
    grown = np.random.default_rng(0).dirichlet(np.ones(6), 20)
    assert len(memory.select(5, probs=grown, labels=[0, 5])) == 5
    assert np.array(memory.state()["known"]["counts"]).shape == (2, 6)


def test_an_arm_that_spreads_its_batch_is_asked_for_all_its_picks_at_once() -> None:
    """With one arm drawn for the whole batch, the batch is the arm's own."""
    inputs = claros.testing.example_inputs(["probs", "embeddings", "labels"])
    memory = strategies.get("tailor", arms=["kmeans", "random"]).begin()
    memory.select(6, **inputs)
    state = memory.state()
    state["known"]["counts"] = [[0, 1e9, 0, 0], [1e9, 0, 0, 0]]
    memory.restore(state)
    picked = memory.select(6, **{**inputs, "labels": [0, 0, 0, 1, 2, 3]}, rng=np.random.default_rng(2))
    assert memory.arms[0]["share"] == 1
    x = inputs["embeddings"]
    alone = claros.select("kmeans", 6, embeddings=x, seed=0)

    def inertia(rows: Any) -> float:
        return float(((x[:, None] - x[rows][None]) ** 2).sum(axis=2).min(axis=1).sum())

    parts = [claros.select("random", 6, n=60, seed=seed).indices for seed in range(20)]
    assert inertia(picked.indices) < min(map(inertia, parts))
    assert inertia(picked.indices) < 1.15 * inertia(alone.indices)
    assert picked.note == "Picks by arm: kmeans 6."


def test_ties_between_arms_are_broken_at_random() -> None:
    # 3 arms, 3,000 draws: each share has a standard deviation of 0.0086; five of them are 0.043
    chosen = draw_best(np.ones((3, 3000)), np.random.default_rng(0))
    assert np.abs(np.bincount(chosen, minlength=3) / 3000 - 1 / 3).max() < 0.043
    assert draw_best(np.array([[1.0, 3.0], [2.0, 1.0]]), np.random.default_rng(0)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"arms": "margin"}, "a list of two arms or more"),
        ({"arms": ["margin"]}, "a list of two arms or more"),
        ({"arms": ["margin", "breaking_ties"]}, "twice"),
        ({"arms": ["margin", "tailor"]}, "a memory of its own"),
        ({"arms": ["margin", "no_such"]}, "no_such"),
        ({"arms": ["margin", 3]}, "an arm is a strategy"),
        ({"decay": 1.5}, "decay"),
        ({"share": -0.1}, "share"),
        ({"reward": "none"}, "reward"),
    ],
)
def test_what_makes_no_sense_is_said(parameters: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        begin(**parameters)


def test_arms_may_be_expressions_and_strategies_and_keep_every_parameter() -> None:
    first = strategies.get("tailor", arms=["badge(temperature=2.0)", strategies.get("margin")])
    again = strategies.get("tailor(arms=[badge(temperature=2.0), margin])")
    assert first == again
    assert first.spec()["parameters"]["arms"] == ["badge(method=lazy, temperature=2, bias=False)", "margin"]
    assert first.needs == ("probs", "embeddings", "labels")
    wrapped = strategies.get("tailor", arms=["prefilter(margin, k_center, factor=5)", "random"])
    assert strategies.from_spec(wrapped.spec()) == wrapped


def test_dalmax_reinforcement_learning_sampling_learns() -> None:
    assert strategies.get("reinforcement_learning_sampling").learner is not None
