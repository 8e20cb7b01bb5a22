"""Uncertainty of predictions against closed forms, numbers worked by hand, and textbook formulas in float64."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch

from claros import arrays
from claros.inputs import Inputs
from claros.measures.predictive import FEW_CLASSES, entropy, least_confidence, margin

SHAPES = [(1, 1), (7, 1), (50, 2), (203, 3), (203, 10), (40, FEW_CLASSES), (40, FEW_CLASSES + 1), (30, 300)]


def some(n: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), n)


def test_three_items_by_hand() -> None:
    probs = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.6, 0.3, 0.1]])
    assert least_confidence(probs) == pytest.approx([0.5, 0.0, 0.4])
    assert margin(probs) == pytest.approx([0.75, 0.0, 0.7])  # 1 - (0.5 - 0.25), 1 - (1 - 0), 1 - (0.6 - 0.3)
    by_hand = [1.5 * math.log(2), 0.0, -(0.6 * math.log(0.6) + 0.3 * math.log(0.3) + 0.1 * math.log(0.1))]
    assert entropy(probs) == pytest.approx(by_hand)


@pytest.mark.parametrize(("n", "classes"), SHAPES)
def test_every_shape_agrees_with_the_textbook(n: int, classes: int) -> None:
    probs = some(n, classes)
    ordered = np.sort(probs, axis=1)
    gap = ordered[:, -1] - ordered[:, -2] if classes > 1 else np.ones(n)
    assert least_confidence(probs) == pytest.approx(1 - ordered[:, -1], abs=1e-15)
    assert margin(probs) == pytest.approx(1 - gap, abs=1e-15)
    logs = np.log(np.where(probs > 0, probs, 1.0))
    assert entropy(probs) == pytest.approx(-np.sum(probs * logs, axis=1), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_uniform_prediction_is_the_most_uncertain_one(classes: int) -> None:
    probs = np.vstack([np.full(classes, 1 / classes), some(50, classes)])
    for measure, value in ((entropy, math.log(classes)), (margin, 1.0), (least_confidence, 1 - 1 / classes)):
        scores = measure(probs)
        assert scores[0] == pytest.approx(value)
        assert np.all(scores[1:] < scores[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_probabilities_add_nothing_and_warn_of_nothing(dtype: type) -> None:
    probs = np.eye(4, dtype=dtype)
    assert np.array_equal(entropy(probs), np.zeros(4))
    assert not np.any(np.signbit(entropy(probs)))
    assert np.array_equal(margin(probs), np.zeros(4))
    padded = np.hstack([some(5, 3), np.zeros((5, 60))]).astype(dtype)
    assert entropy(padded) == pytest.approx(entropy(padded[:, :3]), rel=1e-6)


def test_with_two_classes_all_three_rank_alike() -> None:
    p = np.random.default_rng(1).permutation(np.linspace(0.0, 1.0, 97))
    probs = np.column_stack([p, 1 - p])[np.abs(p - 0.5) > 1e-9]  # p and 1 - p are tied: look at the scores
    ranks = [np.argsort(np.round(measure(probs), 12), kind="stable") for measure in (least_confidence, margin, entropy)]
    assert np.array_equal(ranks[0], ranks[1])
    assert np.array_equal(ranks[0], ranks[2])
    assert margin(probs) == pytest.approx(2 * least_confidence(probs))


@pytest.mark.parametrize("measure", [least_confidence, margin, entropy])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_equal_rows_get_equal_scores_wherever_they_stand(measure, dtype, library, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 12)  # many blocks, the last one short
    for classes in (2, 5, 7, 10, 33, 100):
        for seed in range(5):
            probs = np.repeat(some(1, classes, seed).astype(dtype), 997, axis=0)
            scores = arrays.to_numpy(measure(torch.from_numpy(probs) if library == "torch" else probs))
            assert len(np.unique(scores)) == 1, f"{classes} classes: {np.unique(scores)}"


def test_float32_entropies_are_near_those_of_float64_and_not_tied_by_rounding() -> None:
    probs = np.random.default_rng(0).dirichlet(np.full(10, 20.0), 100_000).astype(np.float32)
    scores, exact = entropy(probs), entropy(probs.astype(np.float64))
    assert np.max(np.abs(scores - exact)) < 3e-7  # one float32 rounding of a sum near log 10 is 1.2e-7
    tied = [100_000 - len(np.unique(values)) for values in (scores, exact.astype(np.float32))]
    assert tied[0] < tied[1] / 5


def test_the_margin_of_float32_probabilities_is_exact() -> None:
    close = np.float32(0.4)
    probs = np.array([[close, np.nextafter(close, np.float32(0)), 0.2], [close, close, 0.2]], dtype=np.float32)
    expected = 1 - (probs[:, 0].astype(np.float64) - probs[:, 1].astype(np.float64))
    assert np.array_equal(margin(probs), expected)
    assert margin(probs)[0] < margin(probs)[1] == 1.0


@pytest.mark.parametrize("measure", [least_confidence, margin, entropy])
def test_tensors_views_and_transposes_score_as_arrays_do(measure) -> None:
    for classes in (3, 50):
        probs = some(101, classes)
        expected = measure(probs)
        assert measure(torch.from_numpy(probs)).numpy() == pytest.approx(expected, rel=1e-14)
        assert np.array_equal(measure(np.asfortranarray(probs)), expected)
        assert np.array_equal(measure(np.repeat(probs, 2, axis=0)[::2]), expected)


def test_checking_probabilities_costs_no_more_than_their_entropy() -> None:
    probs = some(200_000, 10).astype(np.float32)

    def best(call) -> float:
        times = []
        for _ in range(7):
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
        return min(times)

    check = best(lambda: Inputs({"probs": probs}, ["probs"], who="test"))
    kernel = best(lambda: entropy(probs))
    assert check <= kernel, f"the check takes {1e3 * check:.1f} ms, the entropy {1e3 * kernel:.1f} ms"
