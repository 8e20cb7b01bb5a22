"""A linear head under disturbance: the way to the boundary by search, and the law of dropped features by counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from claros import arrays
from claros.measures.head import Head, dropout_flips, flip_distance

RNG = np.random.default_rng


def test_the_prediction_changes_at_the_distance_given_and_not_before() -> None:
    rng = RNG(0)
    weights, bias, points = rng.normal(size=(5, 4)), rng.normal(size=5), rng.normal(size=(100, 4))
    found = flip_distance(points, Head(weights, bias, points))
    logits = points @ weights.T + bias
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    gradient = (p - np.eye(5)[p.argmax(axis=1)]) @ weights
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    finite = np.isfinite(found)
    assert finite.sum() > 50
    for factor, changes in ((1 - 1e-9, False), (1 + 1e-9, True)):
        moved = points[finite] + factor * found[finite, None] * gradient[finite]
        assert np.all(((moved @ weights.T + bias).argmax(axis=1) != p[finite].argmax(axis=1)) == changes)
    for far in (1.0, 1e3, 1e6):
        moved = points[~finite] + far * gradient[~finite]
        assert np.array_equal((moved @ weights.T + bias).argmax(axis=1), p[~finite].argmax(axis=1))


def test_heads_that_cannot_change_their_mind_say_so() -> None:
    points = RNG(0).normal(size=(6, 3))
    assert np.all(np.isinf(flip_distance(points, Head(np.ones((1, 3)), None, points))))
    assert np.all(np.isinf(flip_distance(points, Head(np.ones((4, 3)), None, points))))


def test_dropped_features_change_the_prediction_as_often_as_they_should() -> None:
    """(2, -1) with weights (1, 1) against (-1, -1): only dropping the first and keeping the second does, .75 · .25."""
    points = np.tile([2.0, -1.0], (20_000, 1))
    head = Head(np.array([[1.0, 1.0], [-1.0, -1.0]]), None, points)
    for rate in (0.75, 0.2):
        flips = dropout_flips(points, head, RNG(0), 3, rate)
        share, law = flips.sum() / 60_000, rate * (1 - rate)
        assert abs(share - law) < 5 * np.sqrt(law * (1 - law) / 60_000), "fails with probability 6e-7"
        assert flips.max() <= 3


def test_masks_are_scaled_so_that_a_bias_counts_as_before() -> None:
    points = np.ones((2000, 50))
    head = Head(np.stack([np.zeros(50), np.ones(50)]), np.array([25.0, 0.0]), points)
    assert dropout_flips(points, head, RNG(0), 1, 0.5).mean() < 0.01, "25 of 50 are left, and count twice"


@pytest.mark.parametrize("width", [1, 3, 4, 9])
def test_masks_are_the_same_in_blocks_of_any_size_and_in_torch(width, monkeypatch) -> None:
    rng = RNG(width)
    points, weights = rng.normal(size=(101, width)), rng.normal(size=(3, width))
    whole = dropout_flips(points, Head(weights, None, points), RNG(1), 4, 0.6)
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 9)
    assert np.array_equal(dropout_flips(points, Head(weights, None, points), RNG(1), 4, 0.6), whole)
    tensor = torch.from_numpy(points)
    head = Head(torch.from_numpy(weights), None, tensor)
    assert np.array_equal(dropout_flips(tensor, head, RNG(1), 4, 0.6), whole)
    assert flip_distance(tensor, head) == pytest.approx(flip_distance(points, Head(weights, None, points)))
