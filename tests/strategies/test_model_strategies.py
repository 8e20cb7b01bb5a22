"""Strategies over what only a model can compute, by hand; GraNd against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import claros


def test_deepfool_asks_the_three_nearest_to_the_boundary_first() -> None:
    # |x| of points before the boundary x = 0, and 14.1 where none was found
    picked = claros.select("deepfool", 3, boundary_distance=[3.0, 0.5, 14.1, 1.0])
    assert picked.indices.tolist() == [1, 3, 0]
    assert picked.scores.tolist() == [-0.5, -1.0, -3.0]


def test_bim_asks_what_few_steps_change_and_breaks_ties_at_random() -> None:
    # one step, three steps, three steps, never
    firsts, seconds = set(), set()
    for seed in range(40):
        picked = claros.select("bim", 2, bim_distance=[0.15, 0.05, 0.15, 2.55], seed=seed).indices.tolist()
        firsts.add(picked[0])
        seconds.add(picked[1])
    assert firsts == {1}
    assert seconds == {0, 2}


def test_learning_loss_asks_where_the_largest_loss_is_expected_whatever_its_sign() -> None:
    assert claros.select("learning_loss", 3, predicted_loss=[-2.0, 0.3, -0.1]).indices.tolist() == [1, 2, 0]


def test_egl_full_asks_what_would_change_the_network_most() -> None:
    assert claros.select("egl_full", 2, gradient_norm=[0.0, 5.0, 2.0]).indices.tolist() == [1, 2]


def test_grand_by_hand() -> None:
    # p = (.6, .4): p - e = (-.4, .4), of length .4·√2, and |(3, 4)| = 5; p = (0, 1): nothing to learn
    picked = claros.select("grand", 2, probs=[[0.6, 0.4], [0.0, 1.0]], embeddings=[[3.0, 4.0], [30.0, 40.0]])
    assert picked.all_scores == pytest.approx([5 * 0.4 * 2**0.5, 0.0])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 7])
def test_grand_is_the_length_that_autograd_finds_for_the_predicted_class(classes: int, bias: bool) -> None:
    rng = np.random.default_rng(0)
    embeddings, layer = rng.normal(size=(9, 5)), torch.nn.Linear(5, classes).double()
    logits = layer(torch.from_numpy(embeddings))
    expected = []
    for item in range(9):
        layer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            layer(torch.from_numpy(embeddings[item : item + 1])), logits[item : item + 1].argmax(dim=1)
        )
        loss.backward()
        square = float((layer.weight.grad**2).sum()) + (float((layer.bias.grad**2).sum()) if bias else 0.0)
        expected.append(np.sqrt(square))
    probs = logits.softmax(dim=1).detach().numpy()
    assert claros.select("grand", 9, probs=probs, embeddings=embeddings, bias=bias).all_scores == pytest.approx(
        expected
    )


def test_grand_measures_what_badge_starts_from() -> None:
    # BADGE's first pick is the longest gradient
    rng = np.random.default_rng(1)
    probs, embeddings = rng.dirichlet(np.ones(4), 50), rng.normal(size=(50, 6))
    first = claros.select("badge", 1, probs=probs, embeddings=embeddings, seed=0)
    assert claros.select("grand", 1, probs=probs, embeddings=embeddings).indices[0] == first.indices[0]
