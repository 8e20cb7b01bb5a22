"""Correlations of what rules watch with the true accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from made_runs import made, said
from scipy.stats import pearsonr

from claros import stopping
from claros.experiment.stopping.correlations import correlation, correlation_rows, published


def test_it_is_the_absolute_pearson_correlation_over_rounds_that_are_ready() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        value, accuracy = rng.normal(size=(2, 12))
        ready = value.copy()
        ready[:3] = np.nan
        assert correlation(ready, accuracy) == pytest.approx(abs(pearsonr(value[3:], accuracy[3:])[0]))


def test_a_value_that_never_changes_and_one_of_two_rounds_have_none() -> None:
    assert correlation([1.0, 1.0, 1.0], [0.1, 0.2, 0.3]) is None
    assert correlation([np.nan, 1.0, 2.0], [0.1, 0.2, 0.3]) is None


def test_the_mean_is_over_sets_of_means_over_runs_beside_what_was_published() -> None:
    up, down, flat = [0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1], [0.2] * 5
    zigzag = [0.1, 0.3, 0.2, 0.4, 0.3]
    accuracy = [0.5, 0.6, 0.7, 0.8, 0.9]
    runs = [
        made({"stabilizing_predictions": said(values)}, data, accuracy=accuracy, seed=seed)
        for seed, (data, values) in enumerate([("a", up), ("a", down), ("b", zigzag), ("c", flat)])
    ]
    (row,) = correlation_rows(runs)
    other = abs(pearsonr(zigzag, accuracy)[0])
    assert row["correlation"] == pytest.approx((1 + other) / 2)  # a set, not a run, counts once; c has none
    assert row["sem"] == pytest.approx(np.std([1, other], ddof=1) / np.sqrt(2))
    assert (row["sets"], row["runs"]) == (2, 3)
    assert (row["svm"], row["rf"], row["nn"]) == (0.85, 0.90, 0.92)


def test_every_published_row_is_a_rule_of_ours() -> None:
    assert all(rule in stopping.REGISTRY for rule in published())
    assert published()["low_density_cut"] == {"svm": 0.20}
