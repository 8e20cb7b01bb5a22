"""Ranked batches, filtered coverage, quotas and noise: examples by hand and brute force."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros.errors import InputError
from claros.strategies.ranked import informative_diverse, noise_stability, ranked_batch


def test_a_ranked_batch_by_hand() -> None:
    # Labeled: 0. Candidates 1, 3, 3 with doubts .5, .5, .1: alpha = 3/4. Scores .75 (1 - 1/(1 + d)) + .25 doubt:
    # 1: .75·.5 + .125 = .5; 3: .75·.75 + .125 = .6875; 3: .75·.75 + .025 = .5875. Then alpha = 2/4, and distances
    # 1 and 0: .5·.5 + .5·.5 = .5 and 0 + .05 = .05; last alpha = 1/4.
    probs = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    features, labeled = np.array([[1.0], [3.0], [3.0]]), np.array([[0.0]])
    picked = ranked_batch(3, probs=probs, features=features, labeled_features=labeled, rng=np.random.default_rng(0))
    assert picked.indices.tolist() == [1, 0, 2]
    np.testing.assert_allclose(picked.scores, [0.6875, 0.5, 0.75 * 0.1])


def test_a_filter_of_one_batch_leaves_the_most_doubtful_and_a_wider_one_those_that_stand_for_them() -> None:
    probs = np.array([[0.5, 0.5], [0.52, 0.48], [0.54, 0.46], [0.9, 0.1], [0.95, 0.05]])
    features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    narrow = claros.select("fass", 2, probs=probs, features=features, factor=1)
    assert sorted(narrow.indices.tolist()) == [0, 1]
    wide = claros.select("fass", 2, probs=probs, features=features, factor=2)
    assert 2 in wide.indices.tolist()


def test_each_cluster_gets_its_share_of_the_doubtful() -> None:
    # Two clusters of 8 and 8; the doubtful ones all lie in the first. Half of the batch comes from each.
    features = np.concatenate([np.zeros((8, 2)), np.full((8, 2), 9.0)]) + np.arange(16)[:, None] * 1e-3
    certain = np.concatenate([np.linspace(0.5, 0.6, 8), np.linspace(0.9, 0.99, 8)])
    probs = np.column_stack([certain, 1 - certain])
    picked = informative_diverse(4, probs=probs, features=features, n_clusters=2, rng=np.random.default_rng(0))
    assert picked.indices.tolist() == [0, 1, 8, 9]


def test_noise_moves_logits_as_its_metric_says() -> None:
    # With the noise known, the first pick has the longest stacked deviation, the second is farthest from it.
    rng = np.random.default_rng(4)
    rows, weights = rng.normal(size=(40, 3)), rng.normal(size=(5, 3))
    picked = noise_stability(4, embeddings=rows, head_weights=weights, rng=np.random.default_rng(9), samples=7)
    twin = np.random.default_rng(9)
    twin.permutation(40)
    moves = twin.normal(size=(7, 5, 3))
    moves *= np.linalg.norm(weights) / np.linalg.norm(moves, axis=(1, 2), keepdims=True)
    stacked = np.concatenate([rows @ move.T for move in moves], axis=1) / np.sqrt(7)
    chosen, nearest = [], np.linalg.norm(stacked, axis=1)
    for score in picked.scores:
        chosen.append(int(np.argmax(nearest)))
        np.testing.assert_allclose(score, nearest.max())
        nearest = np.minimum(nearest, np.linalg.norm(stacked - stacked[chosen[-1]], axis=1))
    assert picked.indices.tolist() == chosen


def test_the_number_of_clusters_is_set_like_any_parameter() -> None:
    rng = np.random.default_rng(0)
    given = {"probs": rng.dirichlet(np.ones(3), 30), "features": rng.normal(size=(30, 4))}
    by_word = claros.select("informative_diverse", 6, n_clusters=5, **given).indices.tolist()
    assert by_word == claros.select("informative_diverse(n_clusters=5)", 6, **given).indices.tolist()
    with pytest.raises(InputError, match="n_clusters must be 0 or more; got -2"):
        claros.select("informative_diverse", 6, n_clusters=-2, **given)
