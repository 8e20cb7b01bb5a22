"""K-means against scikit-learn from the same start, and its corners by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans, kmeans_plusplus

from claros import arrays
from claros.measures.clusters import closest, lloyd, nearest_members, start_centres
from claros.measures.geometry import centred


def blobs(n: int, features: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(12, features))[rng.integers(0, 12, n)] * 3 + rng.normal(size=(n, features))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_it_ends_where_scikit_learn_ends_from_the_same_start(weighted, library, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 12)
    points = blobs(500, 5)
    weights = np.random.default_rng(1).random(500) * 7 if weighted else None
    given = torch.from_numpy(points) if library == "torch" else points
    frame, vectors = centred(given, given.dtype)
    for seed in range(5):
        start = np.random.default_rng(seed).permutation(500)[:15]
        clusters = lloyd(vectors, vectors.gather(start).parts[0], np.arange(500), weights=weights)
        peer = KMeans(15, init=points[start], n_init=1, max_iter=100, tol=0.0).fit(points, sample_weight=weights)
        mass = np.ones(500) if weights is None else weights
        assert clusters.squares @ mass == pytest.approx(peer.inertia_, rel=1e-4)
        same = np.mean(clusters.members == peer.labels_)
        assert same > 0.98, f"{same:.3f} of the points are in the same cluster"
    assert arrays.to_numpy(frame.origin) == pytest.approx(points.mean(axis=0))


def test_the_sum_of_squares_is_never_above_that_of_fewer_iterations() -> None:
    points = blobs(400, 3)
    _, vectors = centred(points, points.dtype)
    start = vectors.gather(np.arange(10)).parts[0]
    sums = [lloyd(vectors, start, np.arange(400), iterations=steps).squares.sum() for steps in (1, 2, 4, 8, 100)]
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(sums))


def test_an_empty_cluster_moves_to_the_farthest_point() -> None:
    points = np.array([[0.0], [1.0], [2.0], [100.0]])
    _, vectors = centred(points, points.dtype)
    rows = vectors.gather(np.array([0, 1, 2])).parts[0]
    start = np.vstack([rows, rows[:1] + 1e6])  # no point is nearest to this one
    clusters = lloyd(vectors, start, np.arange(4))
    assert len(set(clusters.members.tolist())) == 4
    assert clusters.squares.sum() == pytest.approx(0, abs=1e-9)


def test_the_member_nearest_to_the_mean_is_found_and_pairs_are_ties() -> None:
    points = np.array([[0.0], [1.0], [5.0], [20.0], [21.0]]) + 1000
    frame, vectors = centred(points, np.float64)
    clusters = lloyd(vectors, vectors.gather(np.array([0, 3])).parts[0], np.arange(5))
    assert clusters.members.tolist() == [0, 0, 0, 1, 1]
    for order in (np.arange(5), np.arange(5)[::-1]):
        picks, found = nearest_members(clusters, points, frame, vectors, order)
        assert found.tolist() == [0, 1]
        assert picks.tolist() == [1, 3 if order[3] < order[4] else 4]  # the mean of 0, 1 and 5 is 2


def test_weights_move_the_mean_that_members_are_near_to() -> None:
    points = np.array([[0.0], [1.0], [5.0]])
    frame, vectors = centred(points, np.float64)
    start, order = vectors.gather(np.array([1])).parts[0], np.arange(3)
    weights = np.array([1.0, 1.0, 100.0])
    clusters = lloyd(vectors, start, order, weights=weights)
    assert nearest_members(clusters, points, frame, vectors, order, weights=weights)[0].tolist() == [2]


@pytest.mark.parametrize("weighted", [False, True])
def test_centres_found_on_a_sample_are_moved_once_by_all(weighted: bool) -> None:
    """The mean (weighted) sum of squares from the same starts, over 5: 2 % allowed for a 20th of the points."""
    points = blobs(20_000, 5)
    weights = np.random.default_rng(1).random(20_000) ** 8 if weighted else None
    mass = np.ones(20_000) if weights is None else weights
    _, vectors = centred(points, points.dtype)
    by_sample, by_all = [], []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(20_000)
        start = start_centres(vectors, 12, np.random.default_rng(seed), order, weights=weights)
        clusters = lloyd(vectors, start, order, weights=weights, sample=80)
        by_sample.append(clusters.squares @ mass)
        by_all.append(lloyd(vectors, start, order, weights=weights, sample=20_000).squares @ mass)
        assert np.array_equal(closest(vectors, clusters.centres).members, clusters.members)
    assert np.mean(by_sample) <= 1.02 * np.mean(by_all)


def test_where_the_weight_is_on_few_points_the_sample_has_them_all() -> None:
    points = blobs(5000, 3)
    weights = np.zeros(5000)
    heavy = np.random.default_rng(2).permutation(5000)[:12]
    weights[heavy] = 1.0
    _, vectors = centred(points, points.dtype)
    order = np.random.default_rng(3).permutation(5000)
    clusters = lloyd(vectors, vectors.gather(heavy).parts[0] + 0.01, order, weights=weights, sample=1)
    assert clusters.squares @ weights == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_greedy_starts_are_better_than_plain_ones_and_lie_on_points(library: str) -> None:
    points = blobs(3000, 4)
    given = torch.from_numpy(points) if library == "torch" else points
    _, vectors = centred(given, given.dtype)
    moved = points - points.mean(axis=0)
    greedy, plain = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        order = rng.permutation(3000)
        start = start_centres(vectors, 12, rng, order)
        assert np.min(np.abs(moved[:, None] - start[None]).sum(axis=2), axis=0) == pytest.approx(np.zeros(12), abs=1e-9)
        greedy.append(closest(vectors, start).squares.sum())
        one, _ = kmeans_plusplus(moved, 12, n_local_trials=1, random_state=seed)
        plain.append(closest(vectors, one).squares.sum())
    assert np.mean(greedy) < np.mean(plain)


def test_starts_are_all_there_where_different_points_are_not() -> None:
    points = np.repeat(np.array([[0.0], [5.0]]), 4, axis=0)
    _, vectors = centred(points, points.dtype)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        start = start_centres(vectors, 6, rng, rng.permutation(8))
        assert start.shape == (6, 1)
        assert len(np.unique(start[:2])) == 2


def test_points_without_weight_hold_no_centre() -> None:
    points = np.array([[0.0], [1.0], [50.0], [1000.0]])
    _, vectors = centred(points, points.dtype)
    start = vectors.gather(np.array([0, 1, 3])).parts[0]
    clusters = lloyd(vectors, start, np.arange(4), weights=np.array([1.0, 1.0, 1.0, 0.0]))
    assert clusters.squares[:3] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
