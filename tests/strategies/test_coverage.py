"""Strategies that cover: by hand, against scikit-activeml and scikit-learn, and where others go wrong."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chisquare
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


def test_kmeans_by_a_sample_is_about_as_good_as_by_all() -> None:
    """Mean sum of squares to the centres of 10 seeds each; 3 % allowed for an eighth of the points."""
    rng = RNG(0)
    points = rng.normal(size=(20, 5))[rng.integers(0, 20, 8000)] * 4 + rng.normal(size=(8000, 5))
    sums = []
    for sample in (50, 400):
        batches = [
            claros.select("kmeans", 20, embeddings=points, seed=seed, sample=sample).indices for seed in range(10)
        ]
        refined = [KMeans(20, init=points[picks], n_init=1).fit(points).inertia_ for picks in batches]
        sums.append(np.mean(refined))
    assert sums[0] <= 1.03 * sums[1]


def test_kmeans_holds_a_sample_and_not_a_copy() -> None:
    embeddings = RNG(0).normal(size=(40_000, 60)).astype(np.float32)
    claros.select("kmeans", 10, embeddings=embeddings)
    peak = peak_bytes(lambda: claros.select("kmeans", 10, embeddings=embeddings))
    assert peak < 7 * 2**20, f"{peak / 2**20:.1f} MiB; the embeddings are 9.2, 2,560 of them 0.6"


def test_kmeans_plus_plus_follows_the_law_with_labeled_items_as_picks() -> None:
    """Picks one and two of 7 items, 2,000 fixed seeds; each case fails with probability 1e-4 for a sound sampler."""
    embeddings, labeled = RNG(3).normal(size=(7, 2)), RNG(4).normal(size=(3, 2))
    gaps = ((embeddings[:, None] - embeddings[None]) ** 2).sum(axis=2)
    to_labeled = ((embeddings[:, None] - labeled[None]) ** 2).sum(axis=2).min(axis=1)
    for given, first in (({"labeled_embeddings": labeled}, to_labeled), ({}, np.full(7, np.inf))):
        law = first / first.sum() if given else np.full(7, 1 / 7)
        second = np.zeros(7)
        for pick in range(7):
            left = np.minimum(first, gaps[pick])
            second += law[pick] * left / left.sum()
        counts = np.zeros((2, 7))
        for seed in range(2000):
            picked = claros.select("kmeans_plus_plus", 2, embeddings=embeddings, seed=seed, **given)
            counts[[0, 1], picked.indices] += 1
            left = np.minimum(first, gaps[picked.indices[0]])
            assert picked.probabilities == pytest.approx(
                [law[picked.indices[0]], left[picked.indices[1]] / left.sum()], rel=1e-6
            )
            assert picked.scores[1] == pytest.approx(np.sqrt(left[picked.indices[1]]))
        for row, expected in zip(counts, (law, second), strict=True):
            p = chisquare(row, expected * 2000).pvalue
            assert p > 1e-4, f"p = {p:.2g}"


def test_kmeans_plus_plus_with_kept_distances_is_the_same() -> None:
    embeddings, labeled = RNG(0).normal(size=(90, 4)), RNG(1).normal(size=(8, 4))
    kept = np.linalg.norm(embeddings[:, None] - labeled[None], axis=2).min(axis=1)
    plain = claros.select("kmeans_plus_plus", 20, embeddings=embeddings, labeled_embeddings=labeled)
    cached = claros.select("kmeans_plus_plus", 20, embeddings=embeddings, nearest_labeled_distance=kept)
    assert np.array_equal(plain.indices, cached.indices)
    assert cached.scores == pytest.approx(plain.scores)


def test_kmeans_plus_plus_draws_copies_of_labeled_items_last_and_uniformly() -> None:
    labeled = (50 + 20 * RNG(0).normal(size=(4, 30))).astype(np.float32)
    embeddings = np.vstack([labeled, labeled[:2], labeled[:1] + 5])
    seen = set()
    for seed in range(20):
        picked = claros.select("kmeans_plus_plus", 7, embeddings=embeddings, labeled_embeddings=labeled, seed=seed)
        assert picked.indices[0] == 6
        assert picked.probabilities == pytest.approx([1, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1])
        seen.add(int(picked.indices[1]))
    assert len(seen) > 3


def test_robust_k_center_leaves_out_what_k_center_begins_with() -> None:
    # two heaps of 5 and 4 at 0 and 10, and two items that are far from all: 2 of 11 may be left out
    embeddings = np.concatenate([np.linspace(0, 1, 5), np.linspace(10, 11, 4), [500.0, -800.0]])[:, None]
    assert set(claros.select("k_center", 3, embeddings=embeddings).indices[1:].tolist()) == {9, 10}
    picked = claros.select("robust_k_center", 2, embeddings=embeddings, outliers=0.2)
    assert picked.indices[0] < 5
    assert 5 <= picked.indices[1] < 9
    assert picked.scores.tolist() == [5.0, 4.0]


@pytest.mark.parametrize("labels", [0, 2])
def test_robust_k_center_is_near_the_best_radius_that_there_is(labels: int) -> None:
    """All batches of 3 of 14 are tried; three times the best radius is what the greedy rule promises on a full net."""
    for seed in range(25):
        rng = RNG(seed)
        points = rng.normal(size=(14, 2)) * rng.choice([1, 1, 1, 10], 14)[:, None]
        labeled = rng.normal(size=(labels, 2))

        def radius(picks, points=points, labeled=labeled) -> float:
            centres = np.vstack([points[list(picks)], labeled])
            return float(np.sort(np.linalg.norm(points[:, None] - centres[None], axis=2).min(axis=1))[-3])  # 2 left out

        best = min(radius(picks) for picks in combinations(range(14), 3))
        picked = claros.select("robust_k_center", 3, embeddings=points, labeled_embeddings=labeled, outliers=2.1 / 14)
        assert radius(picked.indices) <= 3 * best + 1e-9


def test_robust_k_center_without_outliers_covers_as_k_center_does() -> None:
    embeddings, labeled = RNG(0).normal(size=(200, 3)), RNG(1).normal(size=(5, 3))
    given = {"embeddings": embeddings, "labeled_embeddings": labeled}
    plain = claros.select("k_center", 12, **given)
    robust = claros.select("robust_k_center", 12, **given, outliers=0.0)
    assert set(plain.indices.tolist()) == set(robust.indices.tolist())
    kept = np.linalg.norm(embeddings[:, None] - labeled[None], axis=2).min(axis=1)
    cached = claros.select("robust_k_center", 12, embeddings=embeddings, nearest_labeled_distance=kept, outliers=0.0)
    assert np.array_equal(cached.indices, robust.indices)


def test_robust_k_center_holds_no_array_of_candidates_by_candidates() -> None:
    embeddings = RNG(0).normal(size=(10_000, 8)).astype(np.float32)
    claros.select("robust_k_center", 20, embeddings=embeddings, outliers=0.01)
    peak = peak_bytes(lambda: claros.select("robust_k_center", 20, embeddings=embeddings, outliers=0.01))
    assert peak < 6 * 2**20, f"{peak / 2**20:.1f} MiB; all by all are 763 and by the net of 120 are 9"


def naive_lcmd(points: np.ndarray, k: int, labeled: np.ndarray) -> list[int]:
    centres, picks = list(labeled), []
    if not len(labeled):
        picks.append(int(np.argmax(np.linalg.norm(points - points.mean(axis=0), axis=1))))
        centres.append(points[picks[0]])
    while len(picks) < k:
        squares = ((points[:, None] - np.array(centres)[None]) ** 2).sum(axis=2)
        owner, nearest = squares.argmin(axis=1), squares.min(axis=1)
        heaviest = np.argmax(np.bincount(owner, nearest))
        picks.append(int(np.argmax(np.where(owner == heaviest, nearest, -1.0))))
        centres.append(points[picks[-1]])
    return picks


@pytest.mark.parametrize("labels", [0, 1, 9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lcmd_picks_by_the_rule_written_out(labels, dtype) -> None:
    for seed in range(4):
        points = (20 + RNG(seed).normal(size=(150, 4))).astype(dtype)
        labeled = (20 + RNG(seed + 10).normal(size=(labels, 4))).astype(dtype)
        picked = claros.select("lcmd", 25, embeddings=points, labeled_embeddings=labeled)
        assert picked.indices.tolist() == naive_lcmd(points.astype(float), 25, labeled.astype(float))


def test_lcmd_by_hand_prefers_a_heavy_cluster_to_the_farthest_item() -> None:
    # Around 0: 3, 4 and 5, squares 9 + 16 + 25 = 50. Around 100: 106, square 36. So 5 (at distance 5) comes before 106,
    # and takes 3 and 4 along (4 and 1 are left, from 9 and 16): then 36 is the heaviest.
    picked = claros.select("lcmd", 2, embeddings=[[3.0], [4.0], [5.0], [106.0]], labeled_embeddings=[[0.0], [100.0]])
    assert picked.indices.tolist() == [2, 3]
    assert picked.scores == pytest.approx([5.0, 6.0])


@pytest.mark.parametrize("labels", [0, 7])
def test_lcmd_leaves_a_tied_point_to_its_old_centre_whatever_rounding_says(labels: int) -> None:
    points = RNG(0).integers(0, 2, (700, 12)).astype(float)
    labeled = RNG(1).integers(0, 2, (labels, 12)).astype(float)
    picked = claros.select("lcmd", 60, embeddings=points, labeled_embeddings=labeled).indices.tolist()
    # in whole numbers, which are exact; of centres as near as each other the first is the owner
    centres = [*labeled.astype(int)] or [points[picked[0]].astype(int)]
    for pick in picked[0 if labels else 1 :]:
        squares = np.stack([((points.astype(int) - centre) ** 2).sum(axis=1) for centre in centres])
        owner, nearest = squares.argmin(axis=0), squares.min(axis=0)
        weights = np.bincount(owner, nearest)
        assert weights[owner[pick]] == weights.max()
        assert nearest[pick] == nearest[owner == owner[pick]].max()
        centres.append(points[pick].astype(int))


def test_lcmd_picks_the_same_of_a_grid_wherever_it_lies() -> None:
    grid = np.stack(np.meshgrid(np.arange(7.0), np.arange(6.0)), -1).reshape(-1, 2)[:-1]
    here, there = (claros.select("lcmd", 10, embeddings=grid + shift).indices.tolist() for shift in (0.0, 100.0))
    assert here == there


def test_lcmd_takes_copies_last() -> None:
    points = np.repeat(RNG(0).normal(size=(4, 3)) + 1000, 5, axis=0)
    picked = claros.select("lcmd", 20, embeddings=points)
    assert len(set((picked.indices[:4] // 5).tolist())) == 4
    assert np.all(picked.scores[:4] > 0)
    assert not picked.scores[4:].any()


def test_k_dpp_picks_the_largest_determinants_one_by_one() -> None:
    for seed in range(4):
        features = RNG(seed).normal(size=(60, 8)) * RNG(seed + 9).uniform(0.1, 10, (60, 1))
        probs = RNG(seed).dirichlet(np.ones(3), 60)
        top = np.sort(probs, axis=1)
        quality = 1 - (top[:, -1] - top[:, -2])
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        kernel = quality[:, None] * (unit @ unit.T) * quality[None]
        picked = claros.select("k_dpp", 8, features=features, probs=probs, quality="margin")
        picks: list[int] = []
        for score in picked.scores:
            before = np.linalg.det(kernel[np.ix_(picks, picks)])
            volumes = [0 if i in picks else np.linalg.det(kernel[np.ix_([*picks, i], [*picks, i])]) for i in range(60)]
            picks.append(int(np.argmax(volumes)))
            assert score == pytest.approx(volumes[picks[-1]] / before, rel=1e-6)
        assert picked.indices.tolist() == picks


def test_k_dpp_by_hand() -> None:
    # Lengths do not count: (5, 0), (3, 0) and (0, 1) span two directions. Whichever comes first, the second is at a
    # right angle (factor 1); the third, at (1, 1), is tied with nothing: it is half in either, until both are picked.
    features = np.array([[5.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for seed in range(6):
        picked = claros.select("k_dpp", 3, features=features, seed=seed)
        expected = [1.0, 0.5, 1.0] if picked.indices[0] == 2 else [1.0, 1.0, 1.0]
        assert picked.scores == pytest.approx(expected)


def test_k_dpp_begins_again_where_nothing_new_is_left_and_takes_zeros_last() -> None:
    features = np.vstack([np.repeat(RNG(0).normal(size=(4, 9)), 3, axis=0), np.zeros((2, 9))]).astype(np.float32)
    for seed in range(5):
        picked = claros.select("k_dpp", 14, features=features, seed=seed)
        for layer in range(3):
            assert sorted((picked.indices[4 * layer : 4 * layer + 4] // 3).tolist()) == [0, 1, 2, 3]
        assert set(picked.indices[12:].tolist()) == {12, 13}
        assert not picked.scores[12:].any()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("k_dpp", {"quality": "margin"}, "quality='margin' needs probs"),
        ("k_dpp", {"quality": "best"}, "parameter quality must be 'none' or 'margin' or 'entropy'"),
        ("robust_k_center", {"outliers": 1.0}, "outliers must be a share of at least 0 and below 1; got 1.0"),
        ("kmeans", {"sample": 0}, "sample must be at least 1; got 0"),
    ],
)
def test_wrong_parameters_of_coverage_are_refused_in_words(name, given, message) -> None:
    with pytest.raises(InputError, match=message):
        claros.select(name, 1, features=[[1.0]], embeddings=[[1.0]], **given)


@pytest.mark.parametrize("name", ["lcmd", "k_dpp", "kmeans_plus_plus"])
def test_none_of_these_holds_candidates_by_picks_or_a_copy(name: str) -> None:
    points = RNG(0).normal(size=(20_000, 40)).astype(np.float32)
    given = {"features": points} if name == "k_dpp" else {"embeddings": points}
    claros.select(name, 60, **given)
    peak = peak_bytes(lambda: claros.select(name, 60, **given))
    assert peak < 3 * 2**20, f"{peak / 2**20:.1f} MiB; 20,000 x 60 in float64 are 9, the points 3"
