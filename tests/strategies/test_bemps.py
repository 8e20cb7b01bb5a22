"""BEMPS: by hand, against Bayes' rule written out, and batches that differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import claros
from claros.errors import InputError
from memory import peak_bytes

HALVES = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
PARITY = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
AGREED = [[0.5, 0.5]] * 4


def some(n: int, members: int = 6, classes: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.4), (n, members))


@pytest.mark.parametrize(("score", "value"), [("mse", 0.5), ("log", math.log(2))])
def test_what_would_move_the_targets_most_comes_first(score: str, value: float) -> None:
    # HALVES settles the target: from (1/2, 1/2) to (1, 0) or (0, 1), a squared distance of 1/4 + 1/4
    pool, targets = np.array([AGREED, PARITY, HALVES]), np.array([HALVES, HALVES])
    picked = claros.select("bemps", 1, member_probs=pool, target_member_probs=targets, score=score)
    assert picked.indices.tolist() == [2]
    assert picked.scores == pytest.approx([value])


def test_scores_are_bayes_rule_written_out() -> None:
    pool, targets = some(30), some(11, seed=1)
    chance = pool.mean(axis=1)  # (N, C)
    updated = np.einsum("isy,jsc->ijyc", pool, targets) / 6 / chance[:, None, :, None]
    before = targets.mean(axis=1)[None, :, None, :]
    squares = np.einsum("iy,ijyc->i", chance, (updated - before) ** 2) / 11
    divergences = np.einsum("iy,ijyc->i", chance, updated * np.log(updated / before)) / 11
    for score, expected in (("mse", squares), ("log", divergences)):
        given = {"member_probs": pool, "target_member_probs": targets, "score": score, "batch": "top"}
        picked = claros.select("bemps", 30, **given)
        assert np.array_equal(picked.indices, np.argsort(-expected))
        assert picked.scores == pytest.approx(np.sort(expected)[::-1], rel=1e-8)
        tensors = {name: torch.tensor(value) for name, value in given.items() if "probs" in name}
        again = claros.select("bemps", 30, **{**given, **tensors})
        assert np.array_equal(again.indices, picked.indices)


def test_the_logarithmic_score_is_epig() -> None:
    pool = some(50)
    epig = claros.select("epig", 50, member_probs=pool)
    picked = claros.select("bemps", 50, member_probs=pool, score="log", batch="top")
    assert picked.scores == pytest.approx(epig.scores, rel=1e-12)


def test_a_diverse_batch_does_not_ask_the_same_question_twice() -> None:
    """Ten copies of the best question and one other: the highest scores are all copies, a diverse batch has both."""
    nearly = np.array(PARITY) * 0.9 + 0.05
    pool, targets = np.array([HALVES] * 10 + [nearly]), np.array([HALVES, HALVES, PARITY])
    given = {"member_probs": pool, "target_member_probs": targets}
    for seed in range(10):
        diverse = claros.select("bemps", 2, **given, seed=seed).indices
        assert diverse[0] < 10
        assert diverse[1] == 10
        assert np.all(claros.select("bemps", 2, **given, seed=seed, batch="top").indices < 10)


def test_picks_come_from_the_short_list_highest_score_first() -> None:
    pool = some(300)
    ranked = claros.select("bemps", 300, member_probs=pool, batch="top").indices
    for shortlist in (1, 3, 100):
        picked = claros.select("bemps", 12, member_probs=pool, shortlist=shortlist)
        places = [ranked.tolist().index(pick) for pick in picked.indices]
        assert places == sorted(places)
        assert places[-1] < 12 * shortlist
    assert claros.select("bemps", 1, member_probs=pool).indices[0] == ranked[0]


def test_wrong_parameters_are_refused_in_words() -> None:
    for given, message in (
        ({"shortlist": 0}, "bemps: shortlist must be at least 1; got 0"),
        ({"targets": 0}, "bemps: targets must be at least 1; got 0"),
        ({"score": "brier"}, "parameter score must be 'mse' or 'log'; got 'brier'"),
        ({"batch": "all"}, "parameter batch must be 'diverse' or 'top'; got 'all'"),
    ):
        with pytest.raises(InputError, match=message):
            claros.select("bemps", 1, member_probs=some(5), **given)


def test_a_thousand_classes_certain_members_and_copies_are_defined() -> None:
    assert len(claros.select("bemps", 3, member_probs=some(20, 3, 1000), targets=3)) == 3
    hard = np.eye(3)[np.random.default_rng(0).integers(0, 3, (30, 4))]
    assert len(set(claros.select("bemps", 9, member_probs=hard).indices.tolist())) == 9
    copies = np.repeat(some(1), 30, axis=0)
    assert len(set(claros.select("bemps", 9, member_probs=copies).indices.tolist())) == 9


def test_items_by_targets_are_never_held() -> None:
    pool = some(20_000, 5, 10).astype(np.float32)
    claros.select("bemps", 5, member_probs=pool[:50])
    peak = peak_bytes(lambda: claros.select("bemps", 5, member_probs=pool, targets=500))
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; 20,000 items by 500 targets are 76"
