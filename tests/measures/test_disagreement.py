"""Mutual information of label and model against its definition, its bounds, and numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from claros import arrays
from claros.measures.disagreement import mutual_information
from claros.measures.predictive import entropy


def some(n: int, members: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), (n, members))


def test_two_members_that_contradict_each_other_give_one_bit() -> None:
    member_probs = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]])
    assert mutual_information(member_probs) == pytest.approx([math.log(2), 0.0, 0.0])


@pytest.mark.parametrize(("members", "classes"), [(2, 2), (5, 4), (20, 10), (3, 40), (1, 6)])
def test_it_is_the_mean_divergence_of_the_members_from_their_mean(members: int, classes: int) -> None:
    member_probs = some(203, members, classes)
    divergence = rel_entr(member_probs, member_probs.mean(axis=1, keepdims=True)).sum(axis=2).mean(axis=1)
    assert mutual_information(member_probs) == pytest.approx(divergence, rel=1e-9, abs=1e-12)


def test_it_is_between_zero_and_the_entropy_of_the_mean() -> None:
    member_probs = some(500, 7, 5)
    information = mutual_information(member_probs)
    assert np.all(information >= 0)
    assert np.all(information <= entropy(member_probs.mean(axis=1)) + 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_members_that_agree_score_exactly_zero(dtype, library) -> None:
    for classes in (2, 7, 60):
        member_probs = np.repeat(some(300, 1, classes), 9, axis=1).astype(dtype)
        given = torch.from_numpy(member_probs) if library == "torch" else member_probs
        assert not np.any(arrays.to_numpy(mutual_information(given)))


def test_the_order_of_members_and_classes_does_not_matter() -> None:
    member_probs = some(50, 6, 4)
    expected = mutual_information(member_probs)
    assert mutual_information(member_probs[:, ::-1]) == pytest.approx(expected, rel=1e-12)
    assert mutual_information(member_probs[:, :, ::-1]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_equal_items_get_equal_scores_wherever_they_stand(library, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 12)
    for members, classes in ((3, 5), (20, 10), (4, 40)):
        for dtype in (np.float32, np.float64):
            member_probs = np.repeat(some(1, members, classes), 499, axis=0).astype(dtype)
            given = torch.from_numpy(member_probs) if library == "torch" else member_probs
            assert len(np.unique(arrays.to_numpy(mutual_information(given)))) == 1


def test_half_the_digits_lose_less_than_a_millionth() -> None:
    member_probs = some(1000, 20, 10).astype(np.float32)
    exact = mutual_information(member_probs.astype(np.float64))
    assert mutual_information(member_probs) == pytest.approx(exact, abs=2e-6)
