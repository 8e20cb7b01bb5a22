"""LAL-RL: what it sees does not depend on the data set, and it does what its policy says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

import claros
from claros import strategies
from claros.errors import DataError, InputError
from claros.learned.dqn import new_weights
from claros.learned.features import ACTION, QUANTILES, STATE, action_features, ranks, state_features
from claros.learned.policy import Policy, read_policy
from claros.learned.train import episode, train_policy
from claros.learned.worlds import sources


def test_ranks_are_those_of_scipy_shifted_into_the_unit_interval() -> None:
    values = np.array([3.0, 1.0, 1.0, 7.0, 3.0, 3.0])
    np.testing.assert_allclose(ranks(values), (rankdata(values) - 0.5) / 6)
    assert ranks(np.zeros(3)).tolist() == [0.5] * 3
    assert ranks(np.array([4.0])).tolist() == [0.5]


def test_action_features_are_ranks_of_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    probs, x, known = rng.dirichlet(np.ones(3), 40), rng.normal(size=(40, 4)), rng.normal(size=(7, 4)) + 1
    found = action_features(probs, x, known, rng)
    ordered = np.sort(probs, axis=1)
    near = np.sort(cdist(x, x), axis=1)[:, 1:11]
    expected = [
        -ordered[:, -1],
        ordered[:, -2] - ordered[:, -1],
        -(probs * np.log(probs)).sum(axis=1),
        (cdist(x, x) ** 2).mean(axis=1),
        (cdist(x, known) ** 2).mean(axis=1),
        cdist(x, known).min(axis=1),
        (near**2).mean(axis=1),
    ]
    assert found.shape == (40, ACTION)
    np.testing.assert_allclose(found, np.stack([(rankdata(one) - 0.5) / 40 for one in expected], axis=1))


def test_the_state_is_made_of_quantiles_of_the_highest_probability_and_its_lead() -> None:
    probs = np.random.default_rng(1).dirichlet(np.ones(4), 500)
    state = state_features(probs, 24)
    ordered = np.sort(probs, axis=1)
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    assert state.shape == (STATE,)
    np.testing.assert_allclose(state[:QUANTILES], np.quantile(ordered[:, -1], at))
    np.testing.assert_allclose(state[QUANTILES:-1], np.quantile(ordered[:, -1] - ordered[:, -2], at))
    assert state[-1] == pytest.approx(24 / (20 * 4))
    assert state_features(probs, 10_000)[-1] == 1.0


def test_nothing_it_sees_depends_on_the_scale_the_origin_or_the_size_of_the_data() -> None:
    rng = np.random.default_rng(2)
    probs, x, known = rng.dirichlet(np.ones(3), 60), rng.normal(size=(60, 5)), rng.normal(size=(9, 5))
    turned = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    plain = action_features(probs, x, known, np.random.default_rng(0))
    moved = action_features(probs, 40 * x @ turned + 3, 40 * known @ turned + 3, np.random.default_rng(0))
    np.testing.assert_allclose(plain, moved)
    np.testing.assert_allclose(state_features(np.repeat(probs, 50, axis=0), 9), state_features(probs, 9), atol=0.02)


def linear(column: int, sign: float) -> Policy:
    """A policy whose value grows (or falls) with one of the action's features alone."""
    weights = {name: np.zeros_like(tensor) for name, tensor in new_weights(np.random.default_rng(0), 0.0).items()}
    weights["action_weights"][10 + column, 0] = 4.0
    weights["value_weights"][0] = sign
    return Policy(weights, {"data": ["by hand"]})


def test_it_asks_for_what_its_policy_values_most_and_with_the_sign_turned_for_the_least(tmp_path: Path) -> None:
    """A policy by hand that values margin's rank: its first pick is margin's; turned round, it is the surest item."""
    linear(1, 1.0).write(tmp_path / "doubt.safetensors")
    linear(1, -1.0).write(tmp_path / "sure.safetensors")
    inputs = claros.testing.example_inputs(["probs", "embeddings", "labeled_embeddings"])
    closeness = -np.diff(np.sort(inputs["probs"], axis=1)[:, -2:], axis=1)[:, 0]
    doubt = claros.select("lal_rl", 4, policy=str(tmp_path / "doubt.safetensors"), **inputs)
    sure = claros.select("lal_rl", 4, policy=str(tmp_path / "sure.safetensors"), **inputs)
    assert doubt.indices[0] == np.argmax(closeness)
    assert sure.indices[0] == np.argmin(closeness)
    assert set(doubt.indices) <= set(np.argsort(-closeness)[:12]), "the batch comes from the 3 k of the highest values"
    ordered = np.argsort(-closeness)
    narrow = claros.select("lal_rl", 4, spread=1, policy=str(tmp_path / "doubt.safetensors"), **inputs)
    assert set(narrow.indices) == set(ordered[:4])


def test_a_batch_is_spread() -> None:
    """Two far clouds, all alike in doubt: a batch of 2 from 6 candidates has both but where a draw is unlucky."""
    probs = np.full((40, 2), 0.5)
    x = np.random.default_rng(0).normal(size=(40, 2)) * 0.01
    x[20:] += 100.0
    known = np.array([[50.0, 50.0]])
    sides = [
        {int(place) // 20 for place in claros.select("lal_rl", 2, probs=probs, embeddings=x, labeled_embeddings=known,
                                                     spread=20, seed=seed).indices}
        for seed in range(20)
    ]  # fmt: skip
    assert all(side == {0, 1} for side in sides)


def test_the_shipped_policy_takes_fewer_labels_than_random_on_data_it_never_saw() -> None:
    """Iris and wine, 6 episodes each, the same ones for both: the difference is compared with two standard errors."""
    policy = read_policy()
    worlds = sources(["iris", "wine"])
    saved = []
    for name in worlds:
        for seed in range(6):
            world = worlds[name](np.random.default_rng([seed, 1]))
            lengths = [
                episode(world, choose, np.random.default_rng([seed, 2]))[1]
                for choose in (None, lambda state, actions, probs: policy.values(state, actions))
            ]
            saved.append(lengths[0] - lengths[1])
    assert np.mean(saved) > 2 * np.std(saved) / np.sqrt(len(saved)), np.mean(saved)


def test_training_gives_the_same_policy_again_and_says_how(tmp_path: Path) -> None:
    first = train_policy(["iris"], tmp_path / "a.safetensors", iterations=1, seed=3, warm=2, measured=2)
    again = train_policy(["iris"], tmp_path / "b.safetensors", iterations=1, seed=3, warm=2, measured=2)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert first.training == again.training
    assert first.training["data"] == ["iris"]
    assert first.training["episodes"] == 12
    inputs = claros.testing.example_inputs(["probs", "embeddings", "labeled_embeddings"])
    assert len(claros.select("lal_rl", 5, policy=str(tmp_path / "a.safetensors"), **inputs)) == 5


def test_an_episode_ends_at_the_goal_and_each_move_leads_to_the_next() -> None:
    world = sources(["made"])["made"](np.random.default_rng(5))
    moves, bought = episode(world, None, np.random.default_rng(0))
    assert bought >= len(moves) > 0
    for before, after in pairwise(moves):
        assert np.array_equal(before.next_state, after.state)
        assert before.ahead is not None
    assert bought == len(moves) + (moves[-1].ahead is not None)


@pytest.mark.parametrize(("names", "word"), [([], "a list of data sets"), (["no_such_set"], "no_such_set")])
def test_data_that_cannot_be_trained_on_are_said(names: list[str], word: str) -> None:
    with pytest.raises((InputError, DataError), match=word):
        sources(names)


def test_data_without_labels_or_with_too_few_are_said(tmp_path: Path) -> None:
    few = tmp_path / "few.npz"
    np.savez(few, x=np.arange(60.0).reshape(30, 2), y=np.arange(30) % 2)
    with pytest.raises(InputError, match=r"30 labeled items of 2 class"):
        sources([str(few)])


def test_bad_parameters_are_said(tmp_path: Path) -> None:
    inputs = claros.testing.example_inputs(["probs", "embeddings", "labeled_embeddings"])
    with pytest.raises(InputError, match="spread"):
        claros.select("lal_rl", 3, spread=0, **inputs)
    with pytest.raises(DataError, match="There is no policy"):
        claros.select("lal_rl", 3, policy=str(tmp_path / "none"), **inputs)
    assert strategies.get("lal_rl").learner is None
