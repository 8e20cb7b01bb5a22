"""Followers of class shares that change."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shifted import problem

import claros
from claros.errors import InputError, UnknownNameError
from claros.shift import follow
from claros.shift.online import GradientDescent


@pytest.fixture(scope="module")
def held_out() -> dict[str, np.ndarray]:
    case = problem(50, 1.0, n=400, n_train=1, model=False)
    return {"source_probs": case.source, "source_labels": case.labels}


def made(name: str, held_out: dict[str, np.ndarray]) -> claros.shift.Follower:
    return follow(name, np.full(10, 0.1), **(held_out if name == "ogd" else {}))


def test_the_whole_history_and_a_window_by_hand() -> None:
    history, window = follow("fth", [0.5, 0.5]), follow("ftfwh", [0.5, 0.5], window=2)
    for estimate in ([0.1, 0.9], [0.4, 0.6], [1.0, 0.0]):
        history.learn(estimate)
        window.learn(estimate)
    np.testing.assert_allclose(history.prior, [0.5, 0.5])
    np.testing.assert_allclose(window.prior, [0.7, 0.3])
    np.testing.assert_allclose(window.weights, [1.4, 0.6])


def test_a_mixture_of_windows_by_hand() -> None:
    follower = follow("flh_ftl", [0.5, 0.5])  # rate 1/2
    follower.learn([1.0, 0.0])  # one expert: (1, 0)
    np.testing.assert_allclose(follower.prior, [1, 0])
    follower.learn([0.0, 1.0])  # means (.5, .5) since the first step and (0, 1) of the last, half and half
    np.testing.assert_allclose(follower.prior, [0.25, 0.75])
    follower.learn([0.0, 1.0])
    # losses .5 and 0: shares before a new one e^-.25 : 1, times 2/3; a third for it; means (1/3, 2/3), (0, 1), (0, 1)
    first = np.exp(-0.25) / (1 + np.exp(-0.25)) * 2 / 3
    np.testing.assert_allclose(follower.prior, [first / 3, 1 - first / 3])


def test_the_slope_of_a_recall_is_that_of_finite_differences(held_out: dict[str, np.ndarray]) -> None:
    follower = made("ogd", held_out)
    assert isinstance(follower, GradientDescent)
    prior, labels = np.random.default_rng(0).dirichlet(np.ones(10)), held_out["source_labels"]

    def chances(q: np.ndarray) -> np.ndarray:
        adjusted = held_out["source_probs"] * q
        own = (adjusted / adjusted.sum(axis=1, keepdims=True))[np.arange(len(labels)), labels]
        return np.bincount(labels, weights=own) / np.bincount(labels)

    differences = [(chances(prior + 1e-6 * axis) - chances(prior - 1e-6 * axis)) / 2e-6 for axis in np.eye(10)]
    np.testing.assert_allclose(follower._surrogate(prior), np.array(differences).T, atol=1e-6)


@pytest.mark.parametrize("name", claros.shift.FOLLOWERS)
def test_followers_go_where_the_shares_went(name: str, held_out: dict[str, np.ndarray]) -> None:
    follower, rng = made(name, held_out), np.random.default_rng(1)
    truth = np.array([0.55, *[0.05] * 9])
    for _ in range(150):
        follower.learn(truth + rng.normal(size=10) * 0.05)
        assert follower.prior.min() >= 0
        assert follower.prior.sum() == pytest.approx(1)
    assert follower.prior.argmax() == 0
    nearer = 0.8 if name == "ogd" else 0.3  # gradient descent follows the error on the hold-out, not the shares
    assert np.abs(follower.prior - truth).sum() < nearer * np.abs(0.1 - truth).sum()


@pytest.mark.parametrize("name", ["ftfwh", "flh_ftl"])
def test_after_a_change_what_forgets_is_nearer_than_what_does_not(name: str) -> None:
    forgets = follow(name, [0.5, 0.5], **({"window": 10} if name == "ftfwh" else {}))
    keeps = follow("fth", [0.5, 0.5])
    for estimate in [[0.9, 0.1]] * 60 + [[0.1, 0.9]] * 30:
        forgets.learn(estimate)
        keeps.learn(estimate)
    assert forgets.prior[1] > keeps.prior[1] + 0.2


@pytest.mark.parametrize("name", claros.shift.FOLLOWERS)
def test_a_state_survives_json(name: str, held_out: dict[str, np.ndarray]) -> None:
    whole, rng = made(name, held_out), np.random.default_rng(2)
    estimates = rng.dirichlet(np.ones(10), 8)
    for estimate in estimates[:5]:
        whole.learn(estimate)
    again = made(name, held_out)
    again.restore(json.loads(json.dumps(whole.state())))
    for estimate in estimates[5:]:
        whole.learn(estimate)
        again.learn(estimate)
    np.testing.assert_allclose(again.prior, whole.prior, atol=1e-14)
    assert again.steps == 8


def test_following_a_stream_beats_standing_still() -> None:
    # exact posteriors, shares that drift from uniform to one class; each step is predicted with what was known before
    case = problem(51, 1.0, n=4000, n_train=1, spread=0.6, model=False)
    end = np.full(10, 0.02)
    end[3] = 0.82
    priors = claros.shift.drift("monotone", 12, np.full(10, 0.1), end)
    batches = claros.shift.simulate_stream(case.labels, priors, 80, seed=0, replace=True)
    follower = follow("ftfwh", np.full(10, 0.1), window=3)
    right = {"still": 0, "following": 0}
    for batch in batches:
        seen, truth = case.source[batch], case.labels[batch]
        right["still"] += int((seen.argmax(axis=1) == truth).sum())
        right["following"] += int((claros.shift.adjust(seen, follower.weights).argmax(axis=1) == truth).sum())
        found = claros.shift.estimate(
            "em", source_probs=case.source, source_labels=case.labels, target_probs=seen, replicates=0
        )
        follower.learn(found.target_prior)
    assert right["following"] > right["still"] + 30


def test_what_makes_no_sense_is_said() -> None:
    with pytest.raises(UnknownNameError, match="Known: flh_ftl, ftfwh, fth, ogd"):
        follow("ftl", [0.5, 0.5])
    with pytest.raises(InputError, match=r"fth: .*window"):
        follow("fth", [0.5, 0.5], window=3)
    with pytest.raises(InputError, match="an estimate must be 2 finite numbers"):
        follow("fth", [0.5, 0.5]).learn([0.1, 0.2, 0.7])
