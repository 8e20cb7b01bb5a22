"""Rough distances stay within their bounds, exact ones are those of the differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from claros import arrays
from claros.measures.nearest import Nearest, nearest_distance


def truth(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((points[:, None].astype(np.float64) - centres[None]) ** 2).sum(axis=2).min(axis=1)


KINDS = {
    "normal": lambda rng, n, d: rng.normal(size=(n, d)),
    "far from the origin": lambda rng, n, d: 50 + 0.01 * rng.normal(size=(n, d)),
    "heavy tails": lambda rng, n, d: rng.standard_t(1.5, size=(n, d)),
    "counts": lambda rng, n, d: rng.poisson(0.3, size=(n, d)),
    "constant steps": lambda rng, n, d: np.full((n, d), 0.1) * rng.integers(0, 9, (n, 1)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("features", [1, 33, 1500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rough_distances_stay_within_their_bounds(kind: str, features: int, dtype: type) -> None:
    rng = np.random.default_rng(0)
    points = KINDS[kind](rng, 150, features).astype(dtype)
    labeled = KINDS[kind](rng, 11, features).astype(dtype)
    nearest = Nearest(points, labeled, None, 5)
    for count, position in enumerate((3, 140, 7)):
        nearest.add(position)
        nearest.catch_up(count)
    exact = truth(points, np.vstack([labeled, points[[3, 140, 7]]])) * nearest.scale**2
    slack = nearest.slack(nearest.rough, nearest.vectors.norms)
    share = np.max(np.abs(nearest.rough - exact) / np.maximum(slack, 1e-300))
    assert share <= 1, f"{share:.2f} of the bound"
    if share:
        assert share > 1e-6, "a bound so wide would leave everything open"


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_exact_distances_are_those_of_the_differences_however_they_are_asked_for(library, monkeypatch) -> None:
    monkeypatch.setattr("claros.measures.nearest.STEP_BYTES", 1 << 10)
    rng = np.random.default_rng(1)
    points, labeled = rng.integers(0, 4, (80, 5)).astype(float), rng.integers(0, 4, (9, 5)).astype(float)
    given = (torch.from_numpy(points), torch.from_numpy(labeled)) if library == "torch" else (points, labeled)
    nearest = Nearest(*given, None, 20)
    centres = labeled
    for position in rng.permutation(80)[:20]:
        some = rng.permutation(80)[:13]
        assert np.array_equal(nearest.exactly(some), truth(points[some], centres))
        nearest.add(int(position))
        centres = np.vstack([centres, points[position]])
    assert np.array_equal(nearest.exactly(np.arange(80)), truth(points, centres))


def test_float32_is_not_used_where_torch_may_round_its_products() -> None:
    points = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    assert Nearest(points, None, None, 0).vectors.dtype == np.float32
    torch.set_float32_matmul_precision("high")
    try:
        assert Nearest(points, None, None, 0).vectors.dtype == np.float64
    finally:
        torch.set_float32_matmul_precision("highest")
    with torch.autocast("cpu"):
        assert Nearest(points, None, None, 0).vectors.dtype == np.float64


def test_a_cache_of_distances_grows_by_what_is_new() -> None:
    rng = np.random.default_rng(2)
    points, labeled = rng.normal(size=(300, 6)), rng.normal(size=(20, 6))
    at_once = nearest_distance(points, labeled)
    assert at_once == pytest.approx(np.sqrt(truth(points, labeled)), rel=1e-5, abs=1e-3)
    first = nearest_distance(points, labeled[:12])
    assert nearest_distance(points, labeled[12:], first) == pytest.approx(at_once, rel=1e-5, abs=1e-3)


def test_the_middle_is_the_point_nearest_to_the_mean_even_far_from_the_origin(monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 10)
    for seed in range(20):
        points = (1000 + 0.01 * np.random.default_rng(seed).normal(size=(400, 3))).astype(np.float32)
        exact = points.astype(np.float64)
        squares = ((exact - exact.mean(axis=0)) ** 2).sum(axis=1)
        assert np.array_equal(Nearest(points, None, None, 0).middle(), np.flatnonzero(squares == squares.min()))
