"""Draws by score without replacement: exact laws against counts, and what has no weight."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from claros.errors import InputError
from claros.pick import gumbel_top_k

RNG = np.random.default_rng
SCORES = np.array([0.5, 0.1, 0.3, 0.9, 0.2])


def draw(scores: np.ndarray, k: int, seed: int = 0, **given):
    rng = RNG(seed)
    return gumbel_top_k(np.asarray(scores, dtype=float), k, rng, rng.permutation(len(scores)), **given)


def weights(kind: str, beta: float) -> np.ndarray:
    if kind == "power":
        return SCORES**beta
    if kind == "softmax":
        return np.exp(beta * SCORES)
    return (np.argsort(np.argsort(-SCORES)) + 1.0) ** -beta


@pytest.mark.parametrize(("kind", "beta"), [("power", 1.0), ("power", 2.5), ("softmax", 4.0), ("rank", 1.0)])
def test_ordered_triples_follow_the_law_of_drawing_without_replacement(kind, beta) -> None:
    """60 triples, 8,000 fixed seeds; a sound sampler fails with probability 1e-4."""
    law = {}
    w = weights(kind, beta)
    for triple in itertools.permutations(range(5), 3):
        left, chance = w.sum(), 1.0
        for item in triple:
            chance *= w[item] / left
            left -= w[item]
        law[triple] = chance
    counts = dict.fromkeys(law, 0)
    for seed in range(8_000):
        picked = draw(SCORES, 3, seed, kind=kind, beta=beta)
        triple = tuple(picked.indices.tolist())
        counts[triple] += 1
        assert np.prod(picked.probabilities) == pytest.approx(law[triple], rel=1e-9)
    p = chisquare([*counts.values()], [8_000 * chance for chance in law.values()]).pvalue
    assert p > 1e-4, f"p = {p:.2g}"


def test_scores_of_zero_come_last_in_random_order() -> None:
    scores = np.array([0.0, 2.0, 0.0, 1.0, 0.0])
    last = set()
    for seed in range(60):
        picked = draw(scores, 5, seed)
        assert set(picked.indices[:2].tolist()) == {1, 3}
        assert picked.probabilities[2:] == pytest.approx([1 / 3, 1 / 2, 1.0])
        assert picked.scores.tolist() == scores[picked.indices].tolist()
        last.add(tuple(picked.indices[2:].tolist()))
    assert len(last) == 6


def test_all_zero_is_uniform_random() -> None:
    picked = draw(np.zeros(4), 3)
    assert picked.probabilities == pytest.approx([1 / 4, 1 / 3, 1 / 2])


@pytest.mark.parametrize("kind", ["power", "softmax", "rank"])
def test_a_smaller_batch_is_the_beginning_of_a_larger_one(kind) -> None:
    scores = RNG(1).random(500)
    large = draw(scores, 500, kind=kind)
    assert sorted(large.indices.tolist()) == list(range(500))
    for k in (1, 7, 499):
        small = draw(scores, k, kind=kind)
        assert np.array_equal(small.indices, large.indices[:k])
        assert small.probabilities == pytest.approx(large.probabilities[:k], rel=1e-9)


def test_a_large_beta_picks_the_highest_scores_and_a_small_one_draws_uniformly() -> None:
    scores = np.linspace(0.01, 1.0, 50)
    assert draw(scores, 5, beta=1e4).indices.tolist() == [49, 48, 47, 46, 45]
    assert draw(scores, 1, beta=1e-9).probabilities == pytest.approx([1 / 50])
    extreme = draw(np.array([1e-300, 1e300]), 2, beta=1e5)
    assert extreme.indices.tolist() == [1, 0]
    assert np.all((extreme.probabilities > 0) & (extreme.probabilities <= 1))


def test_high_scores_are_drawn_more_often_and_not_less() -> None:
    """One implementation turns the scores of some strategies round, and draws 19 of 20 from the confident half."""
    first = [int(draw(np.linspace(0, 1, 40), 1, seed).indices[0]) for seed in range(400)]
    assert np.mean(np.array(first) >= 20) > 0.65  # 3 in 4 expected, standard deviation 0.022


def test_negative_scores_cannot_be_raised_to_a_power() -> None:
    with pytest.raises(InputError, match=r"got 1 negative one\(s\), the first at index 1. Draw by rank"):
        draw(np.array([0.5, -0.1]), 1)
    assert len(draw(np.array([0.5, -0.1]), 1, kind="rank").indices) == 1
    assert len(draw(np.array([0.5, -0.1]), 1, kind="softmax").indices) == 1
