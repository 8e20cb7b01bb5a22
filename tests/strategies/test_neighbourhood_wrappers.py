"""Wrappers that look near what is labeled, and through rounds of another strategy."""

from __future__ import annotations

import numpy as np

import claros


def line(*places: float) -> np.ndarray:
    return np.array(places)[:, None]


def unsure(*gaps: float) -> np.ndarray:
    return np.array([[(1 + gap) / 2, (1 - gap) / 2] for gap in gaps])


def test_only_the_neighbours_of_labeled_items_are_looked_at() -> None:
    # The labeled items at 0 and 10 have the neighbours 1, 2 and 9, 8; the most doubtful of all is at 5.
    given = {
        "features": line(1, 2, 5, 8, 9),
        "labeled_features": line(0, 10),
        "probs": unsure(0.9, 0.3, 0.0, 0.2, 0.8),
    }
    picked = claros.select("seals(margin, neighbours=2)", 2, **given)
    assert picked.indices.tolist() == [3, 1]
    assert picked.note == "The 4 of 5 candidates nearest to a labeled one took part."
    assert claros.select("seals(margin, neighbours=9)", 1, **given).indices.tolist() == [2]
    nothing = {**given, "labeled_features": np.empty((0, 1))}
    assert claros.select("seals(margin, neighbours=2)", 1, **nothing).indices.tolist() == [2]


def test_a_batch_larger_than_the_neighbourhood_is_filled_at_random() -> None:
    given = {"features": line(1, 5, 6, 7), "labeled_features": line(0), "probs": unsure(0.9, 0.1, 0.2, 0.3)}
    seen = set()
    for seed in range(20):
        picked = claros.select("seals(margin, neighbours=1)", 2, seed=seed, **given)
        assert 0 in picked.indices
        seen |= set(picked.indices.tolist())
    assert seen == {0, 1, 2, 3}


def test_every_class_has_as_many_anchors_however_rare() -> None:
    # 40 labeled items of class 0 around (1, 0), 2 of class 1 around (0, 1), which is a tenth of the pool: about half of
    # the candidates that are kept lie near it, since it has as many anchors.
    rng = np.random.default_rng(0)
    near = [np.array([1.0, 0.0]) + 0.1 * rng.normal(size=(n, 2)) for n in (40, 100)]
    far = [np.array([0.0, 1.0]) + 0.1 * rng.normal(size=(n, 2)) for n in (2, 10)]
    given = {
        "features": np.concatenate([near[1], far[1]]),
        "labeled_features": np.concatenate([near[0], far[0]]),
        "labels": [0] * 40 + [1] * 2,
    }
    expression = "anchor_al(random, anchors=2, neighbours=3, size=50)"
    batches = [claros.select(expression, 4, seed=seed, **given).indices for seed in range(20)]
    assert 0.35 < np.mean(np.concatenate(batches) >= 100) < 0.65


def test_refinement_leaves_what_the_first_strategy_likes_in_every_part() -> None:
    # margin leaves doubtful ones; the farthest from the labeled item among all would be the sure one at 100.
    given = {
        "features": line(*range(50), 100.0),
        "labeled_features": line(0.0),
        "embeddings": line(*range(50), 100.0),
        "labeled_embeddings": line(0.0),
        "probs": unsure(*np.linspace(0, 0.9, 50), 1.0),
    }
    picked = claros.select("refine(margin, k_center, depth=3, share=0.5, draws=4)", 2, **given)
    assert 50 not in picked.indices
    assert picked.indices.max() < 20
    assert "margin left" in picked.note
