"""BALD and draws by it: by hand, and against scikit-activeml's mean divergence of a committee, the same quantity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chisquare
from skactiveml.pool import average_kl_divergence

import claros


def test_three_items_by_hand() -> None:
    member_probs = np.array(
        [
            [[0.5, 0.5], [0.5, 0.5]],  # both unsure: the label is a coin flip, whichever member is right
            [[0.9, 0.1], [0.1, 0.9]],  # each sure, of opposite classes: the label tells which one is right
            [[0.9, 0.1], [0.9, 0.1]],  # agreed
        ]
    )
    picked = claros.select("bald", 3, member_probs=member_probs)
    assert picked.indices[0] == 1
    each = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert picked.all_scores == pytest.approx([0.0, math.log(2) - each, 0.0])


def test_it_is_the_mean_divergence_of_a_committee() -> None:
    member_probs = np.random.default_rng(0).dirichlet(np.ones(5), (200, 8))
    theirs = average_kl_divergence(np.ascontiguousarray(member_probs.transpose(1, 0, 2)))
    picked = claros.select("bald", 200, member_probs=member_probs)
    assert picked.all_scores == pytest.approx(theirs, rel=1e-4)  # theirs clips probabilities at 1e-7
    assert np.array_equal(picked.indices[:50], np.argsort(-theirs)[:50])


def test_it_does_not_count_votes_and_does_not_average_the_members_entropies() -> None:
    """Vote counts tie the first two; the members' mean entropy, which some call BALD, prefers the last."""
    member_probs = np.array(
        [
            [[0.99, 0.01], [0.01, 0.99]],
            [[0.51, 0.49], [0.49, 0.51]],
            [[0.5, 0.5], [0.5, 0.5]],
        ]
    )
    assert claros.select("bald", 2, member_probs=member_probs).indices.tolist() == [0, 1]


def test_members_that_all_agree_are_ties_for_the_generator_to_break() -> None:
    """Without dropout in the network all passes are alike, and the scores' rounding must not pick the batch."""
    member_probs = np.repeat(np.random.default_rng(1).dirichlet(np.ones(7), (20, 1)).astype(np.float32), 9, axis=1)
    first = {int(claros.select("bald", 1, member_probs=member_probs, seed=seed).indices[0]) for seed in range(40)}
    assert len(first) > 10


def test_power_bald_draws_in_proportion_to_mutual_information() -> None:
    """6 items, 3,000 fixed seeds; a sound sampler fails with probability 1e-4."""
    member_probs = np.random.default_rng(0).dirichlet(np.ones(3), (6, 4))
    scores = claros.select("bald", 6, member_probs=member_probs).all_scores
    for beta in (1.0, 2.0):
        law = scores**beta / np.sum(scores**beta)
        counts = np.zeros(6)
        for seed in range(3000):
            picked = claros.select("power_bald", 2, member_probs=member_probs, beta=beta, seed=seed)
            counts[picked.indices[0]] += 1
            assert picked.scores.tolist() == scores[picked.indices].tolist()
            assert picked.probabilities[0] == pytest.approx(law[picked.indices[0]])
        p = chisquare(counts, 3000 * law).pvalue
        assert p > 1e-4, f"p = {p:.2g}"


def test_power_bald_takes_what_all_agree_on_last() -> None:
    member_probs = np.repeat(np.random.default_rng(1).dirichlet(np.ones(3), (10, 1)), 4, axis=1)
    member_probs[[2, 5], 0] = [1.0, 0.0, 0.0]
    rest = set()
    for seed in range(50):
        picked = claros.select("power_bald", 3, member_probs=member_probs, seed=seed)
        assert set(picked.indices[:2].tolist()) == {2, 5}
        assert picked.probabilities[2] == pytest.approx(1 / 8)
        rest.add(int(picked.indices[2]))
    assert len(rest) == 8


def test_the_power_must_be_positive() -> None:
    with pytest.raises(claros.errors.InputError, match=r"power_bald: beta must be positive; got -1\.0"):
        claros.select("power_bald", 1, member_probs=np.ones((2, 1, 1)), beta=-1.0)
