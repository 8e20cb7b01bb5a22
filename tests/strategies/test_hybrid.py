"""BADGE: by hand, against gradients written out, against the exact law, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import claros
from claros.errors import InputError
from memory import peak_bytes

RNG = np.random.default_rng


def gradients(probs: np.ndarray, embeddings: np.ndarray, temperature: float = 1.0, bias: bool = False) -> np.ndarray:
    """(N, C·D): the gradient of the cross-entropy with the predicted class as label, by the last layer."""
    sharper = probs ** (1 / temperature)
    sharper = sharper / sharper.sum(axis=1, keepdims=True)
    errors = np.eye(probs.shape[1])[probs.argmax(axis=1)] - sharper
    h = np.hstack([embeddings, np.ones((len(embeddings), 1))]) if bias else embeddings
    return np.einsum("nc,nd->ncd", errors, h).reshape(len(probs), -1)


def reference(g: np.ndarray, k: int, rng: np.random.Generator) -> tuple[list[int], list[float]]:
    """The authors' rule: the longest, then k-means++ draws through the cumulative sum, one number a pick."""
    rng.permutation(len(g))
    picks, chances = [int(np.argmax((g**2).sum(axis=1)))], [1.0]
    squares = ((g - g[picks[0]]) ** 2).sum(axis=1)
    while len(picks) < k:
        squares[picks] = 0.0
        picks.append(int(np.argmax(np.cumsum(squares) / squares.sum() > rng.random())))
        chances.append(squares[picks[-1]] / squares.sum())
        squares = np.minimum(squares, ((g - g[picks[-1]]) ** 2).sum(axis=1))
    return picks, chances


def some(n: int, classes: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(seed)
    return rng.dirichlet(np.full(classes, 0.6), n), rng.normal(size=(n, features)) + 0.5


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 7])
def test_sequential_picks_what_the_reference_picks_from_gradients_written_out(temperature, bias, classes) -> None:
    for seed in range(8):
        probs, embeddings = some(90, classes, 5, seed)
        given = {"method": "sequential", "temperature": temperature, "bias": bias}
        picked = claros.select("badge", 25, probs=probs, embeddings=embeddings, rng=RNG(seed), **given)
        picks, chances = reference(gradients(probs, embeddings, temperature, bias), 25, RNG(seed))
        assert picked.indices.tolist() == picks
        assert picked.probabilities == pytest.approx(chances, rel=1e-9)


@pytest.mark.parametrize("method", ["lazy", "sequential"])
def test_the_second_pick_follows_the_exact_law(method: str) -> None:
    """Picks two and three of 9 items, 3,000 fixed seeds; each case fails with probability 1e-4 for a sound sampler."""
    probs, embeddings = some(9, 3, 4, 5)
    embeddings[3] *= 4
    g = gradients(probs, embeddings)
    longest = int(np.argmax((g**2).sum(axis=1)))
    gaps = ((g[:, None] - g[None]) ** 2).sum(axis=2)
    second = gaps[longest] / gaps[longest].sum()
    third = np.zeros(9)
    for pick in range(9):
        squares = np.minimum(gaps[longest], gaps[pick])
        third += second[pick] * squares / squares.sum() if second[pick] else 0.0
    counts = np.zeros((2, 9))
    for seed in range(3000):
        picks = claros.select("badge", 3, probs=probs, embeddings=embeddings, seed=seed, method=method).indices
        assert picks[0] == longest
        counts[0, picks[1]] += 1
        counts[1, picks[2]] += 1
    for row, law in zip(counts, (second, third), strict=True):
        likely = law > 0
        assert not row[~likely].any()
        p = chisquare(row[likely], law[likely] * 3000).pvalue
        assert p > 1e-4, f"p = {p:.2g}"


@pytest.mark.parametrize("bias", [False, True])
def test_scores_are_distances_between_gradients(bias: bool) -> None:
    probs, embeddings = some(80, 4, 6, 0)
    g = gradients(probs, embeddings, bias=bias)
    picked = claros.select("badge", 15, probs=probs, embeddings=embeddings, bias=bias)
    assert picked.scores[0] == pytest.approx(np.linalg.norm(g, axis=1).max())
    for place in range(1, 15):
        gaps = np.linalg.norm(g[picked.indices[:place]] - g[picked.indices[place]], axis=1)
        assert picked.scores[place] == pytest.approx(gaps.min())


def test_two_items_by_hand() -> None:
    # errors are (0.4, -0.4) and (0.1, -0.1): lengths 0.566 and 0.141; times embeddings of length 1 and 3: 0.566, 0.424
    probs, embeddings = np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([[1.0, 0.0], [0.0, 3.0]])
    picked = claros.select("badge", 2, probs=probs, embeddings=embeddings)
    assert picked.indices.tolist() == [0, 1]
    # the gradients are at right angles, so their distance is the root of 0.32 + 0.18
    assert picked.scores == pytest.approx([np.sqrt(0.32), np.sqrt(0.5)])


def test_the_one_that_the_model_is_unsure_of_is_longest() -> None:
    """Forgetting the 1 of the predicted class makes the error -p, which is longest where the model is surest."""
    probs = np.array([[0.985, 0.005, 0.005, 0.005], [0.4, 0.2, 0.2, 0.2]])
    for method in ("lazy", "sequential"):
        picked = claros.select("badge", 1, probs=probs, embeddings=np.ones((2, 4)), method=method)
        assert picked.indices.tolist() == [1]


def test_certain_predictions_have_no_gradient_and_are_drawn_last() -> None:
    probs = np.vstack([np.eye(3)[np.arange(20) % 3], [[0.5, 0.3, 0.2], [0.3, 0.4, 0.3]]])
    embeddings = RNG(0).normal(size=(22, 4))
    for seed in range(10):
        picked = claros.select("badge", 5, probs=probs, embeddings=embeddings, seed=seed)
        assert 20 in picked.indices
        assert 21 in picked.indices
        assert len(set(picked.indices.tolist())) == 5


def test_one_class_is_uniform_random() -> None:
    counts = np.zeros(5)
    for seed in range(1000):
        picked = claros.select("badge", 2, probs=np.ones((5, 1)), embeddings=RNG(1).normal(size=(5, 2)), seed=seed)
        counts[picked.indices] += 1
    assert np.max(np.abs(counts / 1000 - 0.4)) < 5 * np.sqrt(0.4 * 0.6 / 1000)  # fails with probability 3e-6


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_the_size_of_embeddings_does_not_matter_in_float32(size: float) -> None:
    probs, embeddings = some(100, 3, 4, 1)
    plain = claros.select("badge", 20, probs=probs, embeddings=embeddings.astype(np.float32))
    scaled = claros.select("badge", 20, probs=probs, embeddings=(embeddings * size).astype(np.float32))
    assert np.array_equal(plain.indices, scaled.indices)
    assert scaled.scores == pytest.approx(plain.scores * size, rel=1e-4)


def test_predictions_and_embeddings_may_differ_in_precision_and_library() -> None:
    probs, embeddings = some(100, 3, 4, 2)
    expected = claros.select("badge", 20, probs=probs, embeddings=embeddings).indices
    mixed = claros.select("badge", 20, probs=probs.astype(np.float32), embeddings=embeddings)
    assert np.array_equal(mixed.indices, expected)
    tensors = claros.select("badge", 20, probs=torch.from_numpy(probs), embeddings=embeddings)
    assert np.array_equal(tensors.indices, expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"temperature": 0.0}, "temperature must be positive; got 0.0"),
        ({"temperature": "hot"}, "parameter temperature must be a finite number; got 'hot'"),
        ({"method": "lasy"}, "parameter method must be 'lazy' or 'sequential'; got 'lasy'"),
        ({"bias": 1}, "parameter bias must be true or false; got 1"),
        ({"temprature": 2.0}, "Did you mean 'temperature'"),
    ],
)
def test_wrong_parameters_are_refused_in_words(parameters, message) -> None:
    with pytest.raises(InputError, match=message):
        claros.select("badge", 1, probs=[[0.5, 0.5]], embeddings=[[1.0]], **parameters)


@pytest.mark.parametrize("method", ["lazy", "sequential"])
def test_gradients_are_never_written_out(method: str) -> None:
    rng = RNG(0)
    probs = rng.dirichlet(np.ones(30), 5000).astype(np.float32)
    embeddings = rng.normal(size=(5000, 40)).astype(np.float32)

    def call() -> None:
        claros.select("badge", 60, probs=probs, embeddings=embeddings, method=method)

    call()
    peak = peak_bytes(call)
    assert peak < 4 * 2**20, f"{peak / 2**20:.1f} MiB; the gradients are 23"
