"""MaxHerding, UHerding and facility location: by hand, against their plain rules, and where others go wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import claros
from claros import strategies
from claros.arrays import Floats
from claros.errors import InputError
from memory import peak_bytes

RNG = np.random.default_rng


def spread(*tables: Floats) -> list[Floats]:
    """All rows moved to their mean and scaled to mean squared length 1."""
    together = np.vstack(tables)
    moved = together - together.mean(axis=0)
    moved /= math.sqrt((moved**2).sum(axis=1).mean())
    return np.split(moved, np.cumsum([len(table) for table in tables])[:-1])


def gaps(x: Floats, y: Floats) -> Floats:
    return ((x[:, None] - y[None]) ** 2).sum(axis=2)


def plain(k: int, similar: Floats, weights: Floats, covered: Floats, order: Any) -> tuple[list[int], list[float]]:
    """Greedy over all gains at every pick; of ties the item that is covered least, and then the first in the order."""
    covered, picks, scores = covered.copy(), [], []
    for _ in range(k):
        gains = np.maximum(similar - covered, 0.0) @ weights
        gains[picks] = -1.0
        tied = np.flatnonzero(gains >= gains.max() * (1 - 1e-10))
        tied = tied[covered[tied] <= covered[tied].min() + 1e-10]
        picks.append(int(tied[np.argmin(order[tied])]))
        scores.append(float(gains[picks[-1]]) / len(weights))
        covered = np.maximum(covered, similar[picks[-1]])
    return picks, scores


def heaps(n: int, width: int, seed: int) -> Floats:
    rng = RNG(seed)
    return 7.0 + 3.0 * (rng.normal(size=(9, width))[rng.integers(0, 9, n)] + 0.4 * rng.normal(size=(n, width)))


def test_max_herding_by_hand() -> None:
    side = math.sqrt(2.0)
    features = np.array([[-side], [0.0], [0.0], [side]])  # mean 0 and mean square 1: normalised as they are
    near, far = math.exp(-2.0), math.exp(-8.0)
    for seed in range(5):
        picked = claros.select("max_herding", 4, features=features, seed=seed)
        # One of the two in the middle covers both fully and each end by e^-2. Then each end has only itself to gain.
        assert picked.indices[0] in {1, 2}
        assert set(picked.indices[1:3].tolist()) == {0, 3}
        assert picked.scores == pytest.approx([(2 + 2 * near) / 4, (1 - near) / 4, (1 - near) / 4, 0.0])
        # With the left end labeled, the middle gains less, and still more than the right end does.
        picked = claros.select(
            "max_herding", 1, features=features[1:], labeled_features=features[:1], sigma=1.0, seed=seed
        )
        assert picked.indices[0] in {0, 1}
        assert picked.scores == pytest.approx([(2 * (1 - near) + near - far) / 3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sigma", [0.15, 1.0])
def test_max_herding_is_plain_greedy_also_with_labeled_items_and_a_cache(dtype: type, sigma: float) -> None:
    for seed in range(3):
        features, labeled = np.split(heaps(412, 8, seed).astype(dtype), [400])
        x, y = spread(features.astype(np.float64), labeled.astype(np.float64))
        covered = np.exp(-gaps(y, x) / sigma**2).max(axis=0)
        herding = strategies.get("max_herding", sigma=sigma)
        found = herding(50, features=features, labeled_features=labeled, rng=RNG(seed))
        similar = np.exp(-gaps(x, x) / sigma**2)
        picks, scores = plain(50, similar, np.ones(400), covered, RNG(seed).permutation(400))
        assert found.indices.tolist() == picks
        assert found.scores == pytest.approx(scores, rel=1e-8)
        known = np.sqrt(gaps(features.astype(np.float64), labeled.astype(np.float64)).min(axis=1))
        again = herding(50, features=features, labeled_features=labeled, nearest_labeled_distance=known, rng=RNG(seed))
        assert np.array_equal(again.indices, found.indices)
        cold = herding(50, features=features, labeled_features=labeled[:0], rng=RNG(seed))
        assert cold.indices.tolist() != picks
        assert np.array_equal(cold.indices, herding(50, features=features, rng=RNG(seed)).indices)


@pytest.mark.parametrize("n", [300, 1234])
def test_max_herding_with_a_top_hat_is_prob_cover(n: int) -> None:
    """Two implementations look at whole blocks of 500 or 700 items only: the last ones could never be picked."""
    features = heaps(n, 3, n)
    features[-5:] = features[:5] + 100.0  # a heap of its own at the very end
    (x,) = spread(features)
    inside = gaps(x, x) < 0.2**2
    order = RNG(1).permutation(n)
    free, covered, picks, counts = np.ones(n, dtype=bool), np.zeros(n, dtype=bool), [], []
    for _ in range(40):
        degree = np.where(free, (inside & ~covered).sum(axis=1), -1)
        tied = np.flatnonzero(degree == degree.max())
        tied = tied[covered[tied] == covered[tied].min()]
        best = int(tied[np.argmin(order[tied])])
        picks.append(best)
        counts.append(int(degree[best]))
        free[best] = False
        covered |= inside[best]
    found = strategies.get("max_herding", kernel="top_hat", sigma=0.2)(40, features=features, rng=RNG(1))
    assert found.indices.tolist() == picks
    assert found.scores * n == pytest.approx(counts)
    assert set(picks) & set(range(n - 5, n)), "the heap at the end is covered too"


def test_near_copies_of_labeled_items_come_last() -> None:
    """In float32 far from the origin, squared distances to them come out negative and their roots as NaN."""
    for seed in range(10):
        rng = RNG(seed)
        labeled = (50 + 20 * rng.normal(size=(10, 30))).astype(np.float32)
        copies = (labeled + 1e-4 * rng.normal(size=(10, 30))).astype(np.float32)
        others = (50 + 20 * rng.normal(size=(15, 30))).astype(np.float32)
        picked = claros.select(
            "max_herding", 25, features=np.vstack([copies, others]), labeled_features=labeled, sigma=0.3, seed=seed
        )
        assert np.all(picked.indices[:15] >= 10)
        assert picked.scores[15] < 1e-6 < picked.scores[14]


def test_length_looks_at_directions_and_spread_does_not() -> None:
    features = heaps(100, 4, 0)
    longer = features * RNG(0).uniform(0.1, 10.0, size=(100, 1))
    for normalize, same in (("length", True), ("spread", False)):
        one, other = (
            claros.select("max_herding", 10, features=given, normalize=normalize, sigma=0.3).indices
            for given in (features, longer)
        )
        assert np.array_equal(one, other) == same
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    picks, _ = plain(10, np.exp(-gaps(units, units) / 0.09), np.ones(100), np.zeros(100), np.arange(100))
    assert claros.select("max_herding", 10, features=longer, normalize="length", sigma=0.3).indices.tolist() == picks


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_uherding_is_plain_greedy_with_closeness_for_weight(temperature: float) -> None:
    for seed in range(3):
        features, labeled = np.split(heaps(320, 5, seed), [300])
        probs = RNG(seed).dirichlet(np.ones(4), 300)
        x, y = spread(features, labeled)
        sharp = probs ** (1 / temperature)
        ordered = np.sort(sharp / sharp.sum(axis=1, keepdims=True), axis=1)
        weights = 1 - (ordered[:, -1] - ordered[:, -2])
        among = np.sqrt(gaps(y, y) + np.diag(np.full(20, np.inf))).min(axis=1)
        sigma = np.clip(np.quantile(among, 0.01), 0.02, 1.5)
        covered = np.exp(-gaps(y, x) / sigma**2).max(axis=0)
        found = strategies.get("uherding", temperature=temperature)(
            40, features=features, probs=probs, labeled_features=labeled, rng=RNG(seed)
        )
        picks, scores = plain(40, np.exp(-gaps(x, x) / sigma**2), weights, covered, RNG(seed).permutation(300))
        assert found.indices.tolist() == picks
        assert found.scores == pytest.approx(scores, rel=1e-8)
        assert found.note == f"coverage weighted by uncertainty, within a radius of {sigma:.3g}"


def test_uherding_asks_in_the_heap_that_the_model_is_unsure_of_and_then_in_the_other() -> None:
    features = np.vstack([RNG(0).normal(size=(40, 2)) * 0.1, 20.0 + RNG(1).normal(size=(60, 2)) * 0.1])
    probs = np.repeat([[0.55, 0.45], [0.9, 0.1]], [40, 60], axis=0)
    picked = claros.select("uherding", 2, features=features, probs=probs, sigma=1.0)
    # weights are .9 in the first heap and .2 in the second: at best 40 x .9 = 36 against 60 x .2 = 12, of 100
    assert picked.indices[0] < 40 <= picked.indices[1]
    assert picked.scores == pytest.approx([0.36, 0.12], rel=0.02)


def test_uherding_with_a_small_radius_is_margin() -> None:
    features, probs = RNG(0).normal(size=(200, 10)), RNG(1).dirichlet(np.ones(5), 200)
    picked = claros.select("uherding", 30, features=features, probs=probs, sigma=0.02)
    assert np.array_equal(picked.indices, claros.select("margin", 30, probs=probs).indices)


def test_uherding_is_not_misled_by_one_labeled_pair_of_near_copies() -> None:
    """The smallest distance between labeled items would make every item its own neighbourhood."""
    labeled = heaps(300, 5, 1)
    twins = labeled.copy()
    twins[1] = twins[0] + 1e-9
    twins[2] = twins[3]
    notes = [
        claros.select("uherding", 1, features=heaps(50, 5, 0), probs=np.full((50, 2), 0.5), labeled_features=given).note
        for given in (labeled, twins)
    ]
    radii = [float(note.rpartition(" ")[2]) for note in notes]
    assert radii[1] > 0.8 * radii[0] > 0.05


def test_uherding_is_max_herding_where_nothing_is_labeled_or_the_model_is_sure() -> None:
    features, probs = heaps(80, 4, 0), RNG(0).dirichlet(np.ones(3), 80)
    expected = claros.select("max_herding", 20, features=features).indices
    cold = claros.select("uherding", 20, features=features, probs=probs, labeled_features=np.empty((0, 4)))
    assert np.array_equal(cold.indices, expected)
    assert cold.note == "coverage alone, since nothing is labeled yet, within a radius of 1"
    sure = claros.select("uherding", 20, features=features, probs=np.eye(3)[RNG(0).integers(0, 3, 80)])
    assert np.array_equal(sure.indices, expected)
    assert "the model is sure of everything" in sure.note
    given = claros.select("uherding", 20, features=features, probs=probs)
    assert not np.array_equal(given.indices, expected), "probabilities count where nobody says that nothing is labeled"


def test_uherding_takes_a_thousand_classes() -> None:
    probs = RNG(0).dirichlet(np.full(1000, 0.01), 50).astype(np.float32)
    probs[7] = 0.001
    picked = claros.select("uherding", 50, features=RNG(1).normal(size=(50, 20)), probs=probs, sigma=0.05)
    assert picked.indices[0] == 7, "all classes alike: its closeness is 1"


def alike(similarity: str, x: Floats, y: Floats, reach: float) -> Floats:
    return (1.0 + x @ y.T) / 2.0 if similarity == "cosine" else np.maximum(1.0 - np.sqrt(gaps(x, y)) / reach, 0.0)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
@pytest.mark.parametrize("labels", [0, 15])
def test_facility_location_is_plain_greedy(similarity: str, labels: int) -> None:
    for seed in range(3):
        features, labeled = np.split(heaps(300 + labels, 6, seed) - 6.0, [300])
        x, y = (table / np.linalg.norm(table, axis=1, keepdims=True) for table in (features, labeled))
        if similarity == "euclidean":
            x, y = spread(features, labeled)
        reach = 2.0 * np.sqrt((x**2).sum(axis=1).max())
        covered = alike(similarity, y, x, reach).max(axis=0) if labels else np.zeros(300)
        found = strategies.get("facility_location", similarity=similarity)(
            30, features=features, labeled_features=labeled, rng=RNG(seed)
        )
        similar = alike(similarity, x, x, reach)
        picks, scores = plain(30, similar, np.ones(300), covered, RNG(seed).permutation(300))
        assert found.indices.tolist() == picks
        assert found.scores == pytest.approx(scores, rel=1e-7)


def test_facility_location_by_hand() -> None:
    features = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0], [-1.0, 0.0]])
    # cosines of the third to the others are .7071, .7071, -.7071: (1 + cos)/2 are .8536, .8536, 1, .1464: mean .7134;
    # the first has 1, .5, .8536, 0: mean .5884; the second 1, .5, .8536, .5: mean .7134, a tie, and the fourth less.
    root = math.sqrt(0.5)
    for seed in range(10):
        picked = claros.select("facility_location", 2, features=features, seed=seed)
        assert picked.indices[0] in {1, 2}
        assert picked.scores[0] == pytest.approx((2.5 + root / 2) / 4)
        if picked.indices[0] == 2:
            assert picked.indices[1] == 3, "it alone is still badly off"
            assert picked.scores[1] == pytest.approx((1 - (1 - root) / 2) / 4)


def test_a_large_pool_is_covered_about_as_well_by_a_sample() -> None:
    features = heaps(3000, 10, 0)
    (x,) = spread(features)
    reached = {}
    for name, sizes in {"exact": {}, "sampled": {"exact": 1000, "targets": 600, "candidates": 900}}.items():
        picked = claros.select("max_herding", 30, features=features, sigma=0.5, **sizes)
        reached[name] = np.exp(-gaps(x[picked.indices], x) / 0.25).max(axis=0).mean()
        stated = "600 random targets and 900 candidates stand for all 3000 items"
        assert picked.note == (stated if name == "sampled" else "")
        expected = reached["exact"] if name == "exact" else pytest.approx(reached["sampled"], rel=0.1)
        assert picked.scores.sum() == pytest.approx(expected)
    assert reached["sampled"] > 0.95 * reached["exact"]


def test_half_of_the_candidates_of_a_large_pool_are_the_most_unsure() -> None:
    features, probs = heaps(3000, 4, 0), np.repeat([[0.99, 0.01]], 3000, axis=0)
    probs[:20] = 0.5
    picked = claros.select(
        "uherding", 20, features=features, probs=probs, sigma=0.02, exact=100, targets=50, candidates=40
    )
    assert set(picked.indices.tolist()) == set(range(20))


def test_a_large_pool_still_gives_as_many_as_are_wanted() -> None:
    picked = claros.select("max_herding", 400, features=heaps(500, 3, 0), exact=10, targets=10, candidates=10)
    assert len(set(picked.indices.tolist())) == 400


@pytest.mark.parametrize("name", ["max_herding", "uherding", "facility_location"])
def test_nothing_large_is_ever_held(name: str) -> None:
    features = heaps(20_000, 16, 0).astype(np.float32)
    probs = RNG(0).dirichlet(np.ones(5), 20_000)
    given = {"features": features, "probs": probs} if name == "uherding" else {"features": features}

    def call() -> None:
        claros.select(name, 40, **given)

    call()
    peak = peak_bytes(call)
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; 4,000 targets x 8,000 candidates are 244"


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("max_herding", {"sigma": 0.0}, "max_herding: sigma must be positive; got 0.0"),
        ("max_herding", {"targets": 0}, "max_herding: targets must be at least 1; got 0"),
        ("max_herding", {"kernel": "hat"}, "kernel must be 'rbf' or 'top_hat'"),
        ("max_herding", {"normalize": "none"}, "normalize must be 'spread' or 'length'"),
        ("uherding", {"sigma": -1.0}, "uherding: sigma must be positive, or 0 to follow the labeled items; got -1.0"),
        ("uherding", {"quantile": 2.0}, r"uherding: quantile must be within \[0, 1\]; got 2.0"),
        ("uherding", {"temperature": 0.0}, "uherding: temperature must be positive; got 0.0"),
        ("facility_location", {"candidates": 0}, "facility_location: candidates must be at least 1; got 0"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(name: str, wrong: dict[str, Any], message: str) -> None:
    given = {"features": np.eye(3), "probs": np.full((3, 2), 0.5)}
    needed = {need: given[need] for need in strategies.get(name).needs}
    with pytest.raises(InputError, match=message):
        claros.select(name, 2, **needed, **wrong)


@pytest.mark.parametrize("sigma", [1e-300, 1e300])
@pytest.mark.parametrize("name", ["max_herding", "uherding"])
def test_a_width_whose_square_is_no_number_is_refused(name: str, sigma: float) -> None:
    given = {"features": RNG(0).normal(size=(30, 4)), "probs": RNG(0).dirichlet(np.ones(3), 30)}
    given = given if name == "uherding" else {"features": given["features"]}
    with pytest.raises(InputError, match="sigma must be between 1e-12 and 1e12"):
        claros.select(name, 3, sigma=sigma, **given)
    for extreme in (1e-12, 1e12):
        assert len(claros.select(name, 3, sigma=extreme, **given).indices) == 3
