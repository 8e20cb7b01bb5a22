"""Committees: by hand, against scikit-activeml, against scipy, and against known wrong ways to do it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr
from skactiveml.pool import average_kl_divergence, variation_ratios
from skactiveml.pool import vote_entropy as their_vote_entropy

import claros
import claros.arrays

#: Votes 0 0 1 1, 0 0 0 1 and 0 0 0 0, the last of members that are unsure.
COMMITTEE = np.array(
    [
        [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]],
        [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8]],
        [[0.51, 0.49], [0.51, 0.49], [0.51, 0.49], [0.51, 0.49]],
    ]
)


def some(n: int = 300, members: int = 7, classes: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), (n, members))


def scores(name: str, member_probs) -> np.ndarray:
    return claros.select(name, 1, member_probs=member_probs).all_scores


def test_votes_by_hand() -> None:
    quarter = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert scores("vote_entropy", COMMITTEE) == pytest.approx([math.log(2), quarter, 0.0])
    assert scores("variation_ratio", COMMITTEE) == pytest.approx([0.5, 0.25, 0.0])


def test_the_average_by_hand() -> None:
    # means 0.525, 0.725 and 0.51 of the first class
    mean = np.array([0.525, 0.725, 0.51])
    assert scores("consensus_margin", COMMITTEE) == pytest.approx(1 - (2 * mean - 1))
    assert scores("consensus_least_confidence", COMMITTEE) == pytest.approx(1 - mean)
    entropy = -mean * np.log(mean) - (1 - mean) * np.log(1 - mean)
    assert scores("consensus_entropy", COMMITTEE) == pytest.approx(entropy)
    for name in ("consensus_margin", "consensus_least_confidence", "consensus_entropy"):
        assert claros.select(name, 3, member_probs=COMMITTEE).indices.tolist() == [2, 0, 1]


def test_variation_ratio_counts_votes_and_not_the_largest_mean_probability() -> None:
    """Some take one for the other: the unsure committee that agrees would come first."""
    for name in ("variation_ratio", "vote_entropy"):
        assert claros.select(name, 3, member_probs=COMMITTEE).indices.tolist() == [0, 1, 2]


def test_the_entropy_of_the_mean_is_not_the_entropy_of_the_members() -> None:
    """Summed over members it would be that of each one's own doubt: two sure members that contradict count for 0."""
    member_probs = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.7, 0.3], [0.7, 0.3]]])
    assert claros.select("consensus_entropy", 1, member_probs=member_probs).indices.tolist() == [0]


@pytest.mark.parametrize(("members", "classes"), [(2, 2), (7, 5), (11, 40)])
def test_votes_are_counted_as_scikit_activeml_counts_them(members: int, classes: int) -> None:
    member_probs = some(members=members, classes=classes)
    votes = member_probs.argmax(axis=2)
    assert scores("vote_entropy", member_probs) == pytest.approx(their_vote_entropy(votes, np.arange(classes)))
    assert scores("variation_ratio", member_probs) == pytest.approx(variation_ratios(votes))


@pytest.mark.parametrize(("members", "classes"), [(2, 2), (7, 5), (3, 40)])
def test_divergences_are_those_of_scipy(members: int, classes: int) -> None:
    member_probs = some(members=members, classes=classes)
    each = rel_entr(member_probs, member_probs.mean(axis=1, keepdims=True)).sum(axis=2)
    assert scores("max_kl", member_probs) == pytest.approx(each.max(axis=1), rel=1e-9)
    assert scores("mean_kl", member_probs) == pytest.approx(each.mean(axis=1), rel=1e-9)
    assert np.all(scores("max_kl", member_probs) >= scores("bald", member_probs) - 1e-12)


def test_mean_divergence_jensen_shannon_and_bald_are_one() -> None:
    member_probs = some()
    mean = member_probs.mean(axis=1)
    jensen_shannon = -(mean * np.log(mean)).sum(axis=1) + (member_probs * np.log(member_probs)).sum(axis=2).mean(axis=1)
    theirs = average_kl_divergence(np.ascontiguousarray(member_probs.transpose(1, 0, 2)))
    for name in ("bald", "mean_kl", "jensen_shannon"):
        assert claros.strategies.get(name).name == "bald"
        assert scores(name, member_probs) == pytest.approx(jensen_shannon, rel=1e-9)
        assert scores(name, member_probs) == pytest.approx(theirs, rel=1e-3)  # theirs clips probabilities at 1e-7


def test_one_dissenter_counts_for_more_in_the_maximum() -> None:
    sure, split = [0.99, 0.01], [0.7, 0.3]
    member_probs = np.array([[sure] * 7 + [[0.01, 0.99]], [split] * 4 + [split[::-1]] * 4])
    each = rel_entr(member_probs, member_probs.mean(axis=1, keepdims=True)).sum(axis=2)
    assert claros.select("max_kl", 1, member_probs=member_probs).indices[0] == 0
    assert scores("max_kl", member_probs) == pytest.approx(each.max(axis=1))


@pytest.mark.parametrize("name", ["vote_entropy", "variation_ratio", "max_kl", "mean_std"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_that_agree_score_exactly_zero(name: str, dtype: type) -> None:
    member_probs = np.repeat(some(50, 1, 6), 9, axis=1).astype(dtype)
    assert not np.any(scores(name, member_probs))
    assert not np.any(np.signbit(scores(name, member_probs)))


@pytest.mark.parametrize("name", ["vote_entropy", "variation_ratio", "max_kl", "mean_std", "consensus_entropy"])
def test_zero_probabilities_are_no_special_case(name: str) -> None:
    hard = np.eye(4)[np.random.default_rng(0).integers(0, 4, (60, 5))]
    found = scores(name, hard)
    assert np.all(np.isfinite(found))
    assert np.all(found >= 0.0)
    assert scores(name, torch.tensor(hard)) == pytest.approx(found, rel=1e-12)


def test_votes_split_alike_are_tied_whoever_cast_them(monkeypatch) -> None:
    monkeypatch.setattr(claros.arrays, "BLOCK_BYTES", 1 << 10)
    rng = np.random.default_rng(0)
    votes = np.array([rng.permutation(6)[np.array([0, 0, 0, 1, 1, 2, 3])][rng.permutation(7)] for _ in range(200)])
    member_probs = np.eye(6)[votes]
    for name in ("vote_entropy", "variation_ratio"):
        assert len(np.unique(scores(name, member_probs))) == 1


def test_mean_std_by_hand() -> None:
    # the first class has 0.9, 0.8, 0.3, 0.1: mean 0.525, variance 0.111875; so has the second
    expected = [math.sqrt(0.111875), np.std([0.9, 0.9, 0.9, 0.2]), 0.0]
    assert scores("mean_std", COMMITTEE) == pytest.approx(expected)
    member_probs = some()
    assert scores("mean_std", member_probs) == pytest.approx(member_probs.std(axis=1).mean(axis=1))


@pytest.mark.parametrize("name", ["vote_entropy", "variation_ratio", "consensus_margin", "consensus_entropy"])
def test_nothing_as_large_as_the_predictions_is_built(name: str) -> None:
    from memory import peak_bytes

    member_probs = np.random.default_rng(0).dirichlet(np.ones(10), (20_000, 10)).astype(np.float32)
    claros.select(name, 10, member_probs=member_probs[:100])
    peak = peak_bytes(lambda: claros.select(name, 10, member_probs=member_probs))
    assert peak < 6 * 2**20, f"{peak / 2**20:.1f} MiB; the predictions are {member_probs.nbytes / 2**20:.1f}"
