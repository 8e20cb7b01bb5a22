"""What a glance at the sum of squares tells of the entropy: never too much, and enough to save the logarithms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy as exact

import claros
from claros import arrays
from claros.inputs import SUM_TOLERANCE
from claros.measures import predictive
from claros.measures.reach import entropy_reaches


def rows(classes: int, n: int = 4000) -> np.ndarray:
    """Of all degrees of sureness, among them one large share and the rest alike, which the bound is tight for."""
    rng = np.random.default_rng(classes)
    flat = rng.gamma(rng.choice([0.05, 0.3, 1.0, 5.0, 300.0], size=(n, 1)), size=(n, classes)) + 1e-12
    share = np.linspace(1 / classes, 1.0, n)
    large = np.repeat((1 - share)[:, None] / max(1, classes - 1), classes, axis=1)
    large[:, 0] = share
    return np.concatenate([flat / flat.sum(axis=1, keepdims=True), large])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [1, 2, 3, 10, 300])
def test_no_row_that_reaches_the_score_is_left_out(classes: int, dtype: type) -> None:
    table = rows(classes)
    for scale in (1.0 - SUM_TOLERANCE, 1.0, 1.0 + SUM_TOLERANCE):
        probs = (scale * table).astype(dtype)
        scores = predictive.entropy(probs)
        for least in [*np.quantile(scores, [0.0, 0.3, 0.7, 0.9, 0.99, 1.0]), 1e-3, math.log(classes)]:
            assert entropy_reaches(float(least), probs=probs)[scores >= least].all()


def test_a_row_is_left_out_where_the_largest_entropy_of_its_sum_of_squares_is_too_small() -> None:
    """By hand: .8 .1 .1 has squares .66, and entropy .639, the largest that squares of .66 allow."""
    probs = np.array([[0.8, 0.1, 0.1]])
    assert exact(probs[0]) == pytest.approx(0.639, abs=1e-3)
    assert entropy_reaches(0.639, probs=probs).tolist() == [True]
    assert entropy_reaches(0.645, probs=probs).tolist() == [False]


def test_rows_that_cannot_be_among_the_highest_are_not_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 12)
    table = np.random.default_rng(0).dirichlet(np.ones(5), 20_000).astype(np.float32)
    np.save(tmp_path / "probs.npy", table)
    seen: list[int] = []
    entropy = predictive.entropy
    monkeypatch.setattr(predictive, "entropy", lambda probs: (seen.append(len(probs)), entropy(probs))[1])
    picked = claros.select("entropy", 50, probs=np.load(tmp_path / "probs.npy", mmap_mode="r"))
    assert sum(seen) < 4000
    assert picked.indices.tolist() == np.argsort(-exact(table.astype(np.float64), axis=1))[:50].tolist()
    of_memory = claros.select("entropy", 50, probs=table)
    assert picked.indices.tolist() == of_memory.indices.tolist()
