"""Cluster-Margin: by hand, its clusters against scipy's linkage over everything, and its rounds by the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

import claros
from claros.errors import InputError
from claros.strategies.clustered import feature_clusters
from memory import peak_bytes

RNG = np.random.default_rng


def partition(codes: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(codes == code).tolist()) for code in np.unique(codes)}


def unsure(margins: list[float]) -> np.ndarray:
    """Two classes with these margins between them."""
    half = np.array(margins) / 2
    return np.stack([0.5 + half, 0.5 - half], axis=1)


def test_cluster_margin_by_hand() -> None:
    # margins 0.0 to 0.7; the six lowest are listed for k = 3 with shortlist = 2: items 0 to 5.
    # Of these three are in cluster 8, two in cluster 5 and one in cluster 2: that one, one of two, one of three.
    probs = unsure([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    clusters = [8, 8, 8, 5, 5, 2, 2, 2]
    given = {"features": np.zeros((8, 1)), "probs": probs, "clusters": clusters}
    seen = np.zeros(8)
    for seed in range(300):
        picked = claros.select("cluster_margin", 3, shortlist=2.0, seed=seed, **given)
        assert picked.indices[0] == 5
        assert picked.indices[1] in (3, 4)
        assert picked.indices[2] in (0, 1, 2)
        assert picked.scores == pytest.approx(1 - np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])[picked.indices])
        seen[picked.indices] += 1
    # at random within a cluster: a third, a half; five deviations off is a chance of 1e-6
    assert np.all(np.abs(seen[:3] / 300 - 1 / 3) < 5 * np.sqrt(2 / 9 / 300))
    assert np.all(np.abs(seen[3:5] / 300 - 1 / 2) < 5 * np.sqrt(1 / 4 / 300))


def test_rounds_go_on_with_the_groups_that_have_some_left() -> None:
    probs, clusters = unsure([0.1] * 10), np.array([0, 1, 1, 2, 2, 2, 2, 3, 3, 3])
    picked = claros.select("cluster_margin", 10, features=np.zeros((10, 1)), probs=probs, clusters=clusters)
    assert clusters[picked.indices].tolist() == [0, 1, 3, 2, 1, 3, 2, 3, 2, 2]


def test_only_the_least_certain_are_listed() -> None:
    rng = RNG(0)
    probs, clusters = rng.dirichlet(np.ones(4), 500), rng.integers(0, 40, 500)
    margins = -np.diff(np.sort(probs, axis=1)[:, -2:], axis=1)[:, 0]
    listed = set(np.argsort(-margins)[:60].tolist())
    picked = claros.select(
        "cluster_margin", 20, features=np.zeros((500, 1)), probs=probs, clusters=clusters, shortlist=3
    )
    assert set(picked.indices.tolist()) <= listed
    assert len(np.unique(clusters[picked.indices])) == min(20, len(np.unique(clusters[[*listed]])))


def test_clusters_made_before_give_what_clusters_made_now_give() -> None:
    rng = RNG(1)
    features, probs = rng.normal(size=(80, 3)), rng.dirichlet(np.ones(3), 80)
    codes = feature_clusters(features, rng, size=4.0)  # linkage of so few draws nothing
    now = claros.select("cluster_margin", 10, features=features, probs=probs, size=4.0, seed=5)
    before = claros.select("cluster_margin", 10, features=features, probs=probs, clusters=codes, seed=5)
    assert np.array_equal(now.indices, before.indices)


@pytest.mark.parametrize("size", [1.0, 2.0, 10.0, 300.0])
def test_clusters_of_a_small_pool_are_those_of_linkage(size: float) -> None:
    features = RNG(2).normal(size=(300, 4))
    codes = feature_clusters(features, RNG(0), size=size)
    expected = fcluster(linkage(features, "average"), int(np.ceil(300 / size)), "maxclust")
    assert partition(codes) == partition(expected)
    assert codes.min() == 0
    assert len(np.unique(codes)) == codes.max() + 1


def test_clusters_may_be_cut_at_a_distance() -> None:
    features = RNG(3).normal(size=(200, 2))
    expected = fcluster(linkage(features, "average"), 0.7, "distance")
    assert partition(feature_clusters(features, RNG(0), distance=0.7)) == partition(expected)
    apart = feature_clusters(features, RNG(0), distance=1e-9)
    assert len(np.unique(apart)) == 200


def test_pieces_of_a_larger_pool_find_the_clusters_that_are_there() -> None:
    rng = RNG(4)
    truth = rng.permutation(np.repeat(np.arange(120), 10))
    features = 10 * rng.normal(size=(120, 5))[truth] + 0.01 * rng.normal(size=(1200, 5))
    codes = feature_clusters(features, rng, piece=256)
    assert len(np.unique(codes)) == pytest.approx(120, abs=3)
    together = sum(len(np.unique(codes[truth == name])) == 1 for name in range(120))
    assert together > 110
    by_distance = feature_clusters(features, rng, piece=256, distance=1.0)
    assert partition(by_distance) == partition(truth)


def test_copies_and_single_items_have_clusters() -> None:
    assert feature_clusters(np.empty((0, 2)), RNG(0)).tolist() == []
    assert feature_clusters(np.ones((1, 2)), RNG(0)).tolist() == [0]
    assert len(np.unique(feature_clusters(np.ones((50, 2)), RNG(0)))) <= 5
    many = feature_clusters(np.ones((1500, 2)), RNG(0), piece=100)
    assert len(many) == 1500  # k-means has one cluster, which is cut into pieces
    assert len(np.unique(many)) <= 150


def test_parts_of_parts_are_made_where_the_pool_is_large() -> None:
    features = RNG(6).normal(size=(3000, 3))
    codes = feature_clusters(features, RNG(0), piece=8, size=4.0)  # more parts than k-means makes at a time
    sizes = np.bincount(codes)
    assert sizes.max() <= 8
    assert sizes.min() >= 1
    assert 750 <= len(sizes) < 1000  # never fewer than there are parts
    spread = np.mean([features[codes == code].var(axis=0).sum() for code in range(len(sizes))])
    assert spread < 0.1 * features.var(axis=0).sum()


def test_clusters_take_no_table_of_pairs() -> None:
    features = RNG(5).normal(size=(6000, 8)).astype(np.float32)

    def call() -> None:
        feature_clusters(features, RNG(0))

    call()
    peak = peak_bytes(call)
    assert peak < 10 * 2**20, f"{peak / 2**20:.1f} MiB; linkage over all would take 137"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shortlist": 0.5}, "cluster_margin: shortlist must be at least 1; got 0.5"),
        ({"size": 0.0}, "cluster_margin: size must be at least 1, the mean number of items in a cluster; got 0.0"),
    ],
)
def test_wrong_parameters_of_cluster_margin_are_refused_in_words(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        claros.select("cluster_margin", 1, features=[[1.0]], probs=[[0.5, 0.5]], **parameters)
    with pytest.raises(InputError, match="distance must be positive"):
        feature_clusters(np.ones((2, 2)), RNG(0), distance=-1.0)
