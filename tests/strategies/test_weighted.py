"""EGL and CLUE: by hand, against autograd, scikit-learn and scikit-activeml, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Clue
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

import claros
from claros.errors import InputError
from memory import peak_bytes

RNG = np.random.default_rng


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 5, 40])
def test_egl_is_the_expected_length_that_autograd_finds(bias, classes) -> None:
    rng = RNG(0)
    embeddings, layer = rng.normal(size=(12, 7)), torch.nn.Linear(7, classes).double()
    logits = layer(torch.from_numpy(embeddings))
    probs = torch.softmax(logits, dim=1).detach().numpy()
    expected = np.zeros(12)
    for item in range(12):
        for label in range(classes):
            layer.zero_grad()
            torch.nn.functional.cross_entropy(
                layer(torch.from_numpy(embeddings[item]))[None], torch.tensor([label])
            ).backward()
            square = float((layer.weight.grad**2).sum()) + (float((layer.bias.grad**2).sum()) if bias else 0.0)
            expected[item] += probs[item, label] * np.sqrt(square)
    scores = claros.select("egl", 12, probs=probs, embeddings=embeddings, bias=bias).all_scores
    assert scores == pytest.approx(expected, rel=1e-10)


def test_egl_by_hand_is_a_length_and_not_a_sum_of_absolute_values() -> None:
    # |(3, 4)| = 5,, |(.5, .5) - (1, 0)| is the root of .5 for both. One peer adds absolute values: 7.
    picked = claros.select("egl", 1, probs=[[0.5, 0.5]], embeddings=[[3.0, 4.0]])
    assert picked.scores == pytest.approx([5 * np.sqrt(0.5)])


def test_egl_grows_with_doubt_and_with_length() -> None:
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [1.0, 0.0]])
    embeddings = np.array([[1.0], [1.0], [2.0], [100.0]])
    picked = claros.select("egl", 4, probs=probs, embeddings=embeddings)
    assert picked.indices.tolist() == [2, 1, 0, 3]
    assert picked.scores[3] == 0.0


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_egl_measures_lengths_whose_squares_float32_cannot_hold(size: float) -> None:
    probs, embeddings = RNG(0).dirichlet(np.ones(3), 50), RNG(1).normal(size=(50, 4))
    plain = claros.select("egl", 50, probs=probs, embeddings=embeddings).all_scores
    single = (embeddings * size).astype(np.float32)
    scaled = claros.select("egl", 50, probs=probs.astype(np.float32), embeddings=single).all_scores
    assert scaled == pytest.approx(plain * size, rel=1e-5)


def test_egl_keeps_small_doubts_apart() -> None:
    probs = np.array([[1 - 1e-7, 1e-7], [1 - 2e-7, 2e-7], [1.0, 0.0]])
    scores = claros.select("egl", 3, probs=probs, embeddings=np.ones((3, 1))).all_scores
    # p(1)·√2·(1-p) + (1-p)·√2·p = 2√2·p(1-p)
    assert scores == pytest.approx([2 * np.sqrt(2) * 1e-7, 2 * np.sqrt(2) * 2e-7, 0.0], rel=1e-6)


def test_clue_on_a_line_by_hand() -> None:
    # Entropies are .6931 at 10 and .3251 at 0, and 0 at 4: the centre is 6.931 / 1.0182 = 6.81, nearest to 4.
    probs, embeddings = [[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]], [[10.0], [0.0], [4.0]]
    picked = claros.select("clue", 1, probs=probs, embeddings=embeddings)
    assert picked.indices.tolist() == [2]
    assert picked.scores == pytest.approx([np.log(2) - 0.9 * np.log(0.9) - 0.1 * np.log(0.1)])
    # at a temperature of 1/4 the .9 becomes .99985, whose entropy is .0015: the centre is at 9.98
    assert claros.select("clue", 1, probs=probs, embeddings=embeddings, temperature=0.25).indices.tolist() == [0]


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(seed)
    points = 30 * rng.normal(size=(5, 4))[rng.integers(0, 5, 200)] + rng.normal(size=(200, 4))
    return points, np.where(points[:, 0] > np.median(points[:, 0]), 1.0, 0.0)


def test_clue_picks_what_scikit_activeml_picks_where_the_clusters_are_plain() -> None:
    for seed in range(3):
        points, y = blobs(seed)
        y[5:] = np.nan
        classifier = SklearnClassifier(LogisticRegression(C=1e-4), classes=[0, 1]).fit(points, y)
        peer = Clue(random_state=seed, cluster_algo_dict={"random_state": seed, "n_init": 10})
        theirs = peer.query(points, y, classifier, fit_estimator=False, batch_size=5)
        probs = classifier.predict_proba(points[5:])
        ours = claros.select("clue", 5, probs=probs, embeddings=points[5:], seed=seed)
        assert set((ours.indices + 5).tolist()) == set(theirs.tolist())


def test_clue_clusters_by_weight_as_well_as_scikit_learn() -> None:
    """Mean weighted sum of squares around refined centres, over 15 seeds; 5 % allowed."""
    rng = RNG(0)
    points = rng.normal(size=(20, 6))[rng.integers(0, 20, 900)] * 3 + rng.normal(size=(900, 6))
    probs = rng.dirichlet(np.full(4, 0.3), 900)
    weights = -np.sum(probs * np.log(probs), axis=1)
    ours, theirs = [], []
    for seed in range(15):
        picks = claros.select("clue", 20, probs=probs, embeddings=points, seed=seed).indices
        ours.append(KMeans(20, init=points[picks], n_init=1).fit(points, sample_weight=weights).inertia_)
        theirs.append(KMeans(20, n_init=1, random_state=seed).fit(points, sample_weight=weights).inertia_)
    assert np.mean(ours) <= 1.05 * np.mean(theirs)


def test_clue_weighs_all_alike_where_all_predictions_are_certain() -> None:
    points = np.concatenate([np.arange(5.0), 100 + np.arange(9.0)])[:, None]
    picked = claros.select("clue", 2, probs=np.eye(2)[np.zeros(14, dtype=int)], embeddings=points)
    assert picked.indices.tolist() == [9, 2]
    assert picked.scores.tolist() == [9.0, 5.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": 0.0}, "temperature must be positive; got 0.0"),
        ({"iterations": 0}, "iterations must be at least 1; got 0"),
        ({"sample": 0}, "sample must be at least 1; got 0"),
    ],
)
def test_wrong_parameters_are_refused_in_words(given, message) -> None:
    with pytest.raises(InputError, match=message):
        claros.select("clue", 1, probs=[[0.5, 0.5]], embeddings=[[1.0]], **given)


def test_neither_holds_more_than_a_few_numbers_for_each_candidate() -> None:
    rng = RNG(0)
    probs, embeddings = rng.dirichlet(np.ones(20), 20_000), rng.normal(size=(20_000, 50)).astype(np.float32)
    for name, allowed in (("egl", 3), ("clue", 6)):
        claros.select(name, 30, probs=probs, embeddings=embeddings)
        peak = peak_bytes(lambda name=name: claros.select(name, 30, probs=probs, embeddings=embeddings))
        assert peak < allowed * 2**20, f"{name}: {peak / 2**20:.1f} MiB; candidates by classes are 3, by features 3.8"
