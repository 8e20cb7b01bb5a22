"""Least confidence, margin and entropy: by hand, against scikit-activeml, and against known wrong ways to do it."""

from __future__ import annotations

import numpy as np
import pytest
from skactiveml.pool import uncertainty_scores

import claros

NAMES = {"least_confidence": "least_confident", "margin": "margin_sampling", "entropy": "entropy"}


@pytest.mark.parametrize("name", NAMES)
def test_three_items_two_classes_by_hand(name: str) -> None:
    # 0.55 is nearest to a coin flip, 0.2 next (its larger class has 0.8), 0.95 is all but certain
    probs = np.array([[0.95, 0.05], [0.55, 0.45], [0.2, 0.8]])
    assert claros.select(name, 3, probs=probs).indices.tolist() == [1, 2, 0]


def test_margin_asks_where_two_classes_compete_and_entropy_where_all_do() -> None:
    # first row: the third class is out of the question, so the gap is small and the entropy too
    probs = np.array([[0.49, 0.48, 0.03], [0.45, 0.3, 0.25]])
    assert claros.select("margin", 1, probs=probs).indices.tolist() == [0]
    assert claros.select("entropy", 1, probs=probs).indices.tolist() == [1]
    assert claros.select("least_confidence", 1, probs=probs).indices.tolist() == [1]


@pytest.mark.parametrize("name", NAMES)
def test_the_most_certain_item_comes_last(name: str) -> None:
    """Sorting the gap the wrong way round picks row 1, of which the model is surest."""
    probs = np.array([[0.34, 0.33, 0.33], [0.98, 0.01, 0.01], [0.6, 0.3, 0.1]])
    assert claros.select(name, 3, probs=probs).indices.tolist() == [0, 2, 1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [2, 3, 10, 40])
def test_the_ranking_is_scikit_activemls(name: str, classes: int) -> None:
    probs = np.random.default_rng(classes).dirichlet(np.ones(classes), 300)
    theirs = uncertainty_scores(probs, method=NAMES[name])
    picked = claros.select(name, 300, probs=probs)
    assert np.array_equal(picked.indices, np.argsort(-theirs))
    assert picked.all_scores == pytest.approx(theirs, abs=1e-15)
