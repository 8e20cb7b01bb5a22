"""Cross-validation counts labels drawn at random, and says so."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from claros import estimate
from claros.errors import InputError, NoEstimateError
from claros.estimate import QueriedLabelsWarning, share

cross_validation = estimate.get("cross_validation")


def test_only_labels_drawn_at_random_are_counted() -> None:
    # of 6 labels 3 were drawn at random, and 2 of those are right
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimated = cross_validation(correct=[1, 0, 0, 1, 0, 0], labeled_at_random=[1, 0, 1, 1, 0, 0])
    exact = share(2, 3)
    assert (estimated.value, estimated.low, estimated.high, estimated.n) == (exact.value, exact.low, exact.high, 3)
    assert "the 3 of 6 labels drawn at random" in estimated.method


def test_queried_labels_are_counted_on_request_with_a_warning_that_says_how_wrong_that_was() -> None:
    with pytest.warns(QueriedLabelsWarning, match=r"3 of 6 labels were chosen.*22, 9 and 19 points too low at 50"):
        estimated = cross_validation(correct=[1, 0, 0, 1, 0, 0], labeled_at_random=[1, 0, 1, 1, 0, 0], queried="use")
    assert estimated.value == 2 / 6
    assert "6 labels of which 3 were chosen by a strategy (biased)" in estimated.method


def test_the_warning_points_at_the_line_that_asked() -> None:
    with pytest.warns(QueriedLabelsWarning) as caught:
        cross_validation(correct=[1, 0], labeled_at_random=[1, 0], queried="use")
    assert caught[0].filename == __file__


def test_queried_labels_alone_are_no_estimate_and_no_third_way_is_known() -> None:
    with pytest.raises(NoEstimateError, match="labeled_at_random says 0 of 2 were"):
        cross_validation(correct=[1, 0], labeled_at_random=[0, 0])
    with pytest.raises(InputError, match="cross_validation: queried must be 'drop' or 'use'; got 'yes'"):
        cross_validation(correct=[1, 0], labeled_at_random=[1, 0], queried="yes")
    with pytest.raises(InputError, match="correct has 2 values and labeled_at_random has 3"):
        cross_validation(correct=[1, 0], labeled_at_random=[1, 0, 1])


def test_items_near_the_boundary_make_it_too_low_and_random_ones_do_not() -> None:
    """Two Gaussian classes, 10 seeds: 60 random labels, and 60 that the model of those is least sure of."""
    gaps = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 3000)
        points = rng.normal(size=(3000, 2)) + 1.2 * (2 * labels[:, None] - 1) * [1, 0]
        random = np.arange(60)
        model = LogisticRegression().fit(points[random], labels[random])
        unsure = 60 + np.argsort(np.abs(model.decision_function(points[60:])))[:60]
        rows = np.concatenate([random, unsure])
        correct = cross_val_predict(LogisticRegression(), points[rows], labels[rows], cv=5) == labels[rows]
        at_random = np.repeat([1, 0], 60)
        truth = LogisticRegression().fit(points[rows], labels[rows]).score(points, labels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", QueriedLabelsWarning)
            both = cross_validation(correct=correct, labeled_at_random=at_random, queried="use").value
        gaps.append((cross_validation(correct=correct, labeled_at_random=at_random).value - truth, both - truth))
    fair, biased = np.mean(gaps, axis=0)
    # 10 times 60 labels of accuracy 0.88 stray by sqrt(0.88 * 0.12 / 600) = 0.013 (1 sd); those near the boundary are
    # guessed, half of all labels at an accuracy of some 0.6, which makes 0.14 less
    assert abs(fair) < 4 * 0.013
    assert biased < -0.14 + 4 * 0.013
