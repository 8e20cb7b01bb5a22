"""K-center and k-means: by hand, against scikit-activeml and scikit-learn, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest
from skactiveml.pool import CoreSet
from sklearn.cluster import KMeans, kmeans_plusplus

import claros
from claros.errors import InputError
from memory import peak_bytes

RNG = np.random.default_rng


def test_k_center_on_a_line_by_hand() -> None:
    embeddings = np.array([[1.0], [4.0], [9.0], [10.0]])
    labeled = np.array([[0.0]])
    # distances to 0 are 1, 4, 9, 10: pick 10. Then 1, 4, 1: pick 4. Then 1 (from 0) and 1 (from 10): a tie at 1.
    picked = claros.select("k_center", 2, embeddings=embeddings, labeled_embeddings=labeled)
    assert picked.indices.tolist() == [3, 1]
    assert picked.scores == pytest.approx([10.0, 4.0])


def test_k_center_starts_in_the_middle_where_nothing_is_labeled() -> None:
    embeddings = np.array([[0.0], [6.0], [5.0], [10.0]])  # the mean is 5.25
    picked = claros.select("k_center", 3, embeddings=embeddings)
    assert picked.indices[0] == 2
    assert set(picked.indices[1:].tolist()) == {0, 3}
    assert picked.scores == pytest.approx([5.0, 5.0, 5.0])
    none = claros.select("k_center", 3, embeddings=embeddings, labeled_embeddings=np.empty((0, 1)))
    assert np.array_equal(none.indices, picked.indices)


def test_k_center_picks_what_scikit_activeml_picks() -> None:
    for seed in range(5):
        points = RNG(seed).normal(size=(250, 6))
        y = np.full(250, np.nan)
        y[:20] = 0
        theirs = CoreSet(random_state=seed).query(points, y, batch_size=30)
        ours = claros.select("k_center", 30, embeddings=points[20:], labeled_embeddings=points[:20])
        assert np.array_equal(ours.indices + 20, theirs)


def test_near_copies_of_labeled_items_come_last() -> None:
    """In float32 far from the origin, squares of their distances can come out negative, and their roots as NaN."""
    for seed in range(20):
        rng = RNG(seed)
        labeled = (50 + 20 * rng.normal(size=(10, 30))).astype(np.float32)
        copies = (labeled + 1e-4 * rng.normal(size=(10, 30))).astype(np.float32)
        others = (50 + 20 * rng.normal(size=(15, 30))).astype(np.float32)
        embeddings = np.vstack([copies, others])
        picked = claros.select("k_center", 25, embeddings=embeddings, labeled_embeddings=labeled, seed=seed)
        assert np.all(picked.indices[:15] >= 10)
        assert np.all(np.diff(picked.scores) <= 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labeled_items_may_lie_where_float32_cannot_square(dtype: type) -> None:
    embeddings = np.array([[0.0], [1.0], [-3.0], [2.0]], dtype=dtype)
    labeled = np.array([[1e25]], dtype=dtype)
    # all are as far from 1e25 as float64 can tell, so the first pick is a tie; the others fill the line
    picked = claros.select("k_center", 4, embeddings=embeddings, labeled_embeddings=labeled)
    first = float(embeddings[picked.indices[0], 0])
    assert picked.scores[0] == pytest.approx(1e25)
    assert embeddings[picked.indices[1], 0] == (-3.0 if first > -0.5 else 2.0)


def test_positions_count_candidates_and_not_labeled_items() -> None:
    """One implementation confuses the two when its arrays are not sorted: labeled first or last is all the same."""
    rng = RNG(3)
    points = rng.normal(size=(60, 3))
    labeled = rng.permutation(60)[:15]
    free = np.setdiff1d(np.arange(60), labeled)
    picks = claros.select("k_center", 12, embeddings=points[free], labeled_embeddings=points[labeled])
    chosen = list(labeled)
    for position in free[picks.indices]:
        gaps = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(axis=1)
        gaps[chosen] = -1
        assert position == np.argmax(gaps)
        chosen.append(position)


def test_k_center_holds_no_array_of_candidates_by_labeled_items() -> None:
    embeddings = RNG(0).normal(size=(20_000, 16)).astype(np.float32)
    labeled = RNG(1).normal(size=(3_000, 16)).astype(np.float32)

    def call() -> None:
        claros.select("k_center", 100, embeddings=embeddings, labeled_embeddings=labeled)

    call()
    peak = peak_bytes(call)
    assert peak < 8 * 2**20, f"{peak / 2**20:.1f} MiB; 20,000 x 3,000 float32 are 229"


def test_kmeans_finds_the_middle_of_each_of_three_heaps_the_largest_first() -> None:
    heaps = [np.array([0.0, 1.0, 3.0]), 100 + np.array([0.0, 1.0, 2.0, 3.0, 4.5]), -100 + np.array([0.0])]
    embeddings = np.concatenate(heaps)[:, None]
    for seed in range(10):
        picked = claros.select("kmeans", 3, embeddings=embeddings, seed=seed)
        # means are 1.33, 102.1 and -100: the nearest are 1, 102 and -100
        assert picked.indices.tolist() == [5, 1, 8]
        assert picked.scores.tolist() == [5.0, 3.0, 1.0]


def test_kmeans_clusters_as_well_as_scikit_learn_from_the_same_kind_of_start() -> None:
    """Mean sum of squares over 20 seeds each, with 5 % allowed: about 4 standard errors of the difference."""
    rng = RNG(0)
    points = rng.normal(size=(25, 6))[rng.integers(0, 25, 800)] * 3 + rng.normal(size=(800, 6))
    ours, theirs = [], []
    for seed in range(20):
        picks = claros.select("kmeans", 25, embeddings=points, seed=seed).indices
        refined = KMeans(25, init=points[picks], n_init=1).fit(points)
        start, _ = kmeans_plusplus(points, 25, n_local_trials=1, random_state=seed)
        ours.append(refined.inertia_)
        theirs.append(KMeans(25, init=start, n_init=1).fit(points).inertia_)
        gaps = ((points[picks][:, None] - refined.cluster_centers_) ** 2).sum(axis=2)
        assert len(set(gaps.argmin(axis=1).tolist())) >= 24, "almost every cluster has its own pick"
    assert np.mean(ours) <= 1.05 * np.mean(theirs)


def test_kmeans_never_picks_an_item_twice_and_fills_up_where_items_are_few() -> None:
    embeddings = np.repeat(RNG(0).normal(size=(4, 3)), 6, axis=0)  # 4 different items, 6 of each
    for seed in range(10):
        picked = claros.select("kmeans", 10, embeddings=embeddings, seed=seed)
        assert len(set(picked.indices.tolist())) == 10
        assert len(set((picked.indices[:4] // 6).tolist())) == 4, "first one of each"
        assert picked.scores.tolist() == [6.0] * 4 + [0.0] * 6


def test_kmeans_refuses_fewer_than_one_iteration() -> None:
    with pytest.raises(InputError, match="iterations must be at least 1; got 0"):
        claros.select("kmeans", 2, embeddings=[[1.0], [2.0]], iterations=0)
