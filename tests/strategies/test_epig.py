"""EPIG: by hand, against all pairs of labels, and what its targets are for."""

from __future__ import annotations

import math

import numpy as np
import pytest

import claros
from claros.errors import InputError
from memory import peak_bytes


def some(n: int, members: int = 6, classes: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.4), (n, members))


#: Two questions on which four members are divided: into the first two and the last two, and into even and odd.
HALVES = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
PARITY = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]


def test_what_tells_about_the_targets_is_asked_and_what_tells_as_much_of_other_things_is_not() -> None:
    pool, targets = np.array([HALVES, PARITY]), np.array([HALVES, HALVES])
    assert claros.select("bald", 1, member_probs=pool).all_scores == pytest.approx([math.log(2), math.log(2)])
    for place in (0, 1):
        rows = [place, 1 - place]
        picked = claros.select("epig", 2, member_probs=pool[rows], target_member_probs=targets)
        assert picked.indices[0] == place
        # the label of HALVES is the target's own label, that of PARITY says nothing of it
        assert picked.all_scores[rows] == pytest.approx([math.log(2), 0.0])


def test_it_is_the_mean_information_over_pairs_of_labels() -> None:
    pool, targets = some(25), some(9, seed=1)
    joint = np.einsum("isy,jsz->ijyz", pool, targets) / 6
    product = pool.mean(axis=1)[:, None, :, None] * targets.mean(axis=1)[None, :, None, :]
    expected = np.sum(joint * np.log(joint / product), axis=(2, 3)).mean(axis=1)
    picked = claros.select("epig", 25, member_probs=pool, target_member_probs=targets)
    assert picked.all_scores == pytest.approx(expected, rel=1e-9)
    assert np.array_equal(picked.indices, np.argsort(-expected))


def test_it_is_at_most_what_the_label_tells_of_the_model() -> None:
    pool = some(300)
    scores = claros.select("epig", 1, member_probs=pool).all_scores
    assert np.all(scores >= 0)
    assert np.all(scores <= claros.select("bald", 1, member_probs=pool).all_scores + 1e-12)


def test_without_targets_the_pool_stands_in_for_them() -> None:
    pool = some(40)
    given = claros.select("epig", 40, member_probs=pool, target_member_probs=pool)
    for targets in (None, np.empty((0, 6, 3))):
        picked = claros.select("epig", 40, member_probs=pool, target_member_probs=targets)
        assert picked.all_scores == pytest.approx(given.all_scores, rel=1e-12)
        assert np.array_equal(picked.indices, given.indices)


def test_a_sample_of_the_pool_estimates_the_whole() -> None:
    """400 of 2,000 targets: over 60 seeds the mean is within 5 standard errors, and one estimate within a tenth."""
    pool = some(2000)
    whole = claros.select("epig", 1, member_probs=pool, targets=2000).all_scores[:20]
    each = np.array(
        [claros.select("epig", 1, member_probs=pool, targets=400, seed=seed).all_scores[:20] for seed in range(60)]
    )
    assert np.all(np.abs(each.mean(axis=0) - whole) < 5 * each.std(axis=0, ddof=1) / np.sqrt(60))
    assert np.median(np.abs(each - whole) / whole) < 0.1


def test_wrong_targets_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="epig: targets must be at least 1; got 0"):
        claros.select("epig", 1, member_probs=some(5), targets=0)
    with pytest.raises(InputError, match="target_member_probs has 5 along axis S"):
        claros.select("epig", 1, member_probs=some(5), target_member_probs=some(5, members=5))


def test_a_thousand_classes_are_defined() -> None:
    picked = claros.select("epig", 2, member_probs=some(4, 3, 1000), targets=2)
    assert np.all(picked.scores > 0)


def test_pairs_of_items_and_targets_are_never_held() -> None:
    pool = some(4000, 5, 10).astype(np.float32)
    claros.select("epig", 5, member_probs=pool[:50])
    peak = peak_bytes(lambda: claros.select("epig", 5, member_probs=pool, targets=100))
    assert peak < 6 * 2**20, f"{peak / 2**20:.1f} MiB; 4000 by 100 pairs of 10 by 10 labels are 153"
