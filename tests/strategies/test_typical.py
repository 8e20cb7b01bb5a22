"""TypiClust: by hand, against its definition written out, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros.errors import InputError
from claros.strategies import typical
from memory import peak_bytes

RNG = np.random.default_rng


def corners(sizes: list[int], scatter: float = 0.01, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """So many items near each axis, and whose they are."""
    members = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(len(sizes))[members] + scatter * RNG(seed).normal(size=(len(members), len(sizes))), members


def typicality(points: np.ndarray, neighbours: int = 20) -> np.ndarray:
    """By the definition, in float64: squared distances to the nearest in the cluster, itself left out."""
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    squares = np.sum((unit[:, None] - unit[None]) ** 2, axis=2)
    np.fill_diagonal(squares, np.inf)
    k = min(neighbours, len(points) // 2)
    return 1.0 / (np.sort(squares, axis=1)[:, :k].mean(axis=1) + 1e-5)


def test_typiclust_by_hand() -> None:
    # Two clusters on a circle, 7 items and 6; two neighbours would be half of neither: 7 // 2 = 6 // 2 = 3.
    # In the first, at 0, 1, 2, 3, 4, 5 and 6 degrees, the three nearest of 3 are at 1, 1 and 2 degrees, as for 2 and 4,
    # and the outer ones are farther; in the second, at 90, 90, 90, 90, 100 and 110, the copies are the most typical.
    degrees = np.deg2rad([0, 1, 2, 3, 4, 5, 6, 90, 90, 90, 90, 100, 110])
    features = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    picked = claros.select("typiclust", 2, features=features)
    assert 2 <= picked.indices[0] <= 4
    assert 7 <= picked.indices[1] <= 10
    one = 2 - 2 * np.cos(np.deg2rad(1))
    two = 2 - 2 * np.cos(np.deg2rad(2))
    assert picked.scores == pytest.approx([1 / ((2 * one + two) / 3 + 1e-5), 1e5], rel=1e-6)


def test_clusters_with_least_labels_come_first_then_the_largest() -> None:
    features, members = corners([10, 30, 20, 40])
    labeled = np.eye(4)[[3, 3, 1, 0]]
    # L + k = 7 clusters are asked for, so that axes may be split; 4 + 4 = 8 likewise: cap them at the four there are
    picked = claros.select("typiclust", 4, features=features, labeled_features=labeled, most_clusters=4)
    # labels by axis: 1, 1, 0, 2. Sizes with the labeled: 11, 31, 20, 42.
    assert members[picked.indices].tolist() == [2, 1, 0, 3]
    for place in picked.indices:
        own = np.flatnonzero(members == members[place])
        assert place == own[np.argmax(typicality(features[own]))]


def test_typicality_is_that_of_its_definition_in_each_cluster() -> None:
    features, members = corners([50, 40, 30], scatter=0.2)
    picked = claros.select("typiclust", 3, features=features)
    assert members[picked.indices].tolist() == [0, 1, 2]
    for place, score in zip(picked.indices, picked.scores, strict=True):
        own = np.flatnonzero(members == members[place])
        values = typicality(features[own])
        assert place == own[np.argmax(values)]
        assert score == pytest.approx(values.max(), rel=1e-9)


def test_small_clusters_are_left_out_until_the_others_are_used_up() -> None:
    features, members = corners([5, 12, 9])
    picked = claros.select("typiclust", 26, features=features, most_clusters=3)
    # 12 and 9 in turn: 1 2 1 2 ... 1 1 1; then what is farthest, the five
    assert members[picked.indices].tolist() == [1, 2] * 9 + [1] * 3 + [0] * 5
    assert np.all(picked.scores[:21] > 0)
    assert picked.scores[21:].tolist() == [0] * 5
    assert sorted(picked.indices.tolist()) == [*range(26)]


def test_where_every_cluster_is_small_all_are_used() -> None:
    features, members = corners([4, 3, 2])
    picked = claros.select("typiclust", 3, features=features)
    assert members[picked.indices].tolist() == [0, 1, 2]
    loose = claros.select("typiclust", 3, features=features, smallest=3)
    assert members[loose.indices[:2]].tolist() == [0, 1]


def test_a_cluster_in_which_all_is_labeled_is_passed_over() -> None:
    """The authors' code takes the largest of nothing there."""
    features, members = corners([8, 8])
    labeled, _ = corners([0, 0, 9])
    wide = np.hstack([features, np.zeros((16, 1))])
    picked = claros.select("typiclust", 16, features=wide, labeled_features=labeled, most_clusters=3)
    assert sorted(picked.indices.tolist()) == [*range(16)]
    assert np.all(picked.scores > 0)
    assert sorted(np.unique(members[picked.indices[:2]])) == [0, 1]


def test_no_item_is_picked_again_when_clusters_are_visited_again() -> None:
    features, members = corners([7, 7], seed=3)
    picked = claros.select("typiclust", 14, features=features, most_clusters=2)
    assert sorted(picked.indices.tolist()) == [*range(14)]
    for axis in (0, 1):
        own = np.flatnonzero(members == axis)
        values = typicality(features[own])
        turn = picked.indices[members[picked.indices] == axis]
        assert turn.tolist() == own[np.argsort(-values)].tolist()


def test_copies_tie_and_are_drawn_evenly() -> None:
    features = np.vstack([np.tile([[1.0, 0.0]], (10, 1)), np.tile([[0.0, 1.0]], (8, 1))])
    counts = np.zeros(18)
    for seed in range(400):
        picked = claros.select("typiclust", 2, features=features, seed=seed)
        assert picked.indices[0] < 10 <= picked.indices[1]
        counts[picked.indices] += 1
    # each of ten has a share of 0.1; more than five deviations off is a chance of 1e-5 over all of them
    assert np.max(np.abs(counts[:10] / 400 - 0.1)) < 5 * np.sqrt(0.1 * 0.9 / 400)


def test_near_ties_are_settled_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = RNG(5)
    features = (np.ones(20) + 1e-3 * rng.normal(size=(40, 20))).astype(np.float32)
    expected = int(np.argmax(typicality(features.astype(np.float64))))
    assert claros.select("typiclust", 1, features=features).indices.tolist() == [expected]
    assert typical.COMPARED >= 40  # so all of them were compared, if it was needed


def test_of_a_large_cluster_some_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typical, "LARGEST", 30)
    features, members = corners([100, 90])
    seen = set()
    for seed in range(20):
        picked = claros.select("typiclust", 2, features=features, seed=seed)
        assert members[picked.indices].tolist() == [0, 1]
        seen.add(int(picked.indices[0]))
    assert len(seen) > 5  # another sample, another pick
    whole = claros.select("typiclust", 190, features=features, most_clusters=2)
    assert sorted(whole.indices.tolist()) == [*range(190)]
    assert np.count_nonzero(whole.scores) == 60


@pytest.mark.parametrize("parameter", ["most_clusters", "neighbours", "smallest"])
def test_wrong_parameters_of_typiclust_are_refused_in_words(parameter: str) -> None:
    with pytest.raises(InputError, match=f"typiclust: {parameter} must be at least 1; got 0"):
        claros.select("typiclust", 1, features=[[1.0]], **{parameter: 0})


def test_typiclust_holds_the_scaled_features_and_no_table_of_a_cluster() -> None:
    features = RNG(0).normal(size=(12_000, 16)).astype(np.float32)

    def call() -> None:
        claros.select("typiclust", 10, features=features, most_clusters=2)

    call()
    peak = peak_bytes(call)
    assert peak < 20 * 2**20, f"{peak / 2**20:.1f} MiB; the pairs of one of the two clusters are 144"
