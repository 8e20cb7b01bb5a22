"""Density, graph cuts, hierarchies: examples by hand, and other packages."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression

import claros
from claros.errors import InputError
from claros.measures.logistic import fit_logistic
from claros.pick.lazy import lazy_greedy
from claros.strategies.competence import dcom
from claros.strategies.density import graph_density, information_density
from claros.strategies.representative import even_shares, lightweight_coreset


def cosines(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    left, right = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (rows, others))
    return 0.5 * (1.0 + left @ right.T)


@pytest.mark.parametrize("trade_off", [0.05, 2.0])
@pytest.mark.parametrize("labeled", [0, 4])
def test_graph_cut_picks_what_brute_force_picks(trade_off: float, labeled: int) -> None:
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(30, 3)), rng.normal(size=(labeled, 3))
    everything = np.concatenate([pool, known])
    similar = cosines(everything, everything)

    def value(chosen: list[int]) -> float:
        return trade_off * similar[:30][:, chosen].sum() - similar[np.ix_(chosen, chosen)].sum()

    chosen = list(range(30, 30 + labeled))
    for _ in range(8):
        rest = [i for i in range(30) if i not in chosen]
        chosen.append(max(rest, key=lambda i: value([*chosen, i])))
    picked = claros.select("graph_cut", 8, features=pool, labeled_features=known, trade_off=trade_off)
    assert picked.indices.tolist() == chosen[labeled:]
    assert picked.scores[0] == pytest.approx((value(chosen[: labeled + 1]) - value(chosen[:labeled])) / 30)


def test_saturated_coverage_picks_what_brute_force_picks_until_all_is_covered() -> None:
    pool = np.random.default_rng(1).normal(size=(40, 3))
    similar = cosines(pool, pool)
    cap = 6 * similar.mean(axis=0)

    def value(chosen: list[int]) -> float:
        return float(np.minimum(similar[:, chosen].sum(axis=1), cap).sum())

    chosen: list[int] = []
    for _ in range(6):
        chosen.append(max((i for i in range(40) if i not in chosen), key=lambda i: value([*chosen, i])))
    picked = claros.select("saturated_coverage", 6, features=pool)
    assert picked.indices.tolist() == chosen
    np.testing.assert_allclose(picked.scores.sum(), value(chosen) / 40)


def test_disparity_takes_the_two_ends_of_a_line() -> None:
    # Positions 0, 1, 2, 10 have the mean 3.25: farthest is 10; then 0 is farthest from it; then by mean distance to
    # {10, 0}: (1: (9 + 1)/2 = 5, 2: (8 + 2)/2 = 5) tied; by the smallest distance to {10, 0}: 1 has 1, 2 has 2.
    line = np.array([[0.0], [1.0], [2.0], [10.0]])
    summed = claros.select("disparity", 2, features=line)
    assert summed.indices.tolist() == [3, 0]
    assert summed.scores.tolist() == [6.75, 10.0]
    labeled = claros.select("disparity", 3, features=line[:3], labeled_features=line[3:], kind="min")
    assert labeled.indices.tolist()[:2] == [0, 2]


def test_information_density_prefers_the_typical_of_two_that_are_alike_unsure() -> None:
    # The mean direction of (1, 0), (0, 1), (1, 0), (-1, 0) is (1/4, 1/4): mean similarities 5/8, 5/8, 5/8, 3/8.
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])
    features = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    scores = information_density(probs=probs, features=features, measure="margin")
    np.testing.assert_allclose(scores, [0.2 * 5 / 8, 0.2 * 5 / 8, 5 / 8, 3 / 8])
    np.testing.assert_allclose(information_density(probs=probs, features=features, beta=0.0)[2:], np.log(2.0))


def test_graph_density_goes_elsewhere_after_a_pick() -> None:
    # With one neighbour each: 0-1 at distance 1, 2-3 at distance 2, and 4's nearest is 3, at 4. Edges have the mean
    # length (1 + 1 + 2 + 2 + 4) / 5 = 2, so weights exp(-1/8), exp(-1/2), exp(-2). Densities: 0, 1: e^-1/8; 2: e^-1/2;
    # 3: (e^-1/2 + e^-2)/2; 4: e^-2. After 0 (or 1) its neighbour has nothing left, so 2 comes next.
    points = np.array([[0.0], [1.0], [10.0], [12.0], [16.0]])
    picked = graph_density(3, features=points, rng=np.random.default_rng(0), neighbours=1)
    assert picked.indices[0] in (0, 1)
    assert picked.indices[1] == 2
    np.testing.assert_allclose(picked.scores[:2], [np.exp(-1 / 8), np.exp(-1 / 2)])
    # then 3 has (e^-1/2 + e^-2)/2 - e^-1/2 < 0, 4 has e^-2, and the neighbour of the first has 0
    assert picked.indices[2] == 4


def test_lightweight_coreset_draws_half_uniformly_and_half_by_squared_distance() -> None:
    # Of -1, 0, 0, 1: the mean is 0, so ends have 1/8 + 1/4, the middle 1/8 each. 4000 draws: 5 standard deviations.
    points = np.array([[-1.0], [0.0], [0.0], [1.0]])
    rngs = (np.random.default_rng(seed) for seed in range(4000))
    drawn = [int(lightweight_coreset(1, embeddings=points, rng=rng).indices[0]) for rng in rngs]
    shares = np.bincount(drawn, minlength=4) / 4000
    expected = np.array([3 / 8, 1 / 8, 1 / 8, 3 / 8])
    assert (np.abs(shares - expected) < 5 * np.sqrt(expected * (1 - expected) / 4000)).all(), shares


def test_the_hierarchy_gives_small_groups_as_many_labels_as_large_ones() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [20.0, 20.0]])
    sizes = (400, 40, 40, 40)
    pool = np.concatenate([rng.normal(c, 0.5, (n, 2)) for c, n in zip(centres, sizes, strict=True)])
    groups = np.repeat(np.arange(4), sizes)
    for seed in range(5):
        picked = claros.select("hierarchical_kmeans", 16, features=pool, shrink=4, seed=seed)
        assert np.bincount(groups[picked.indices], minlength=4).tolist() == [4, 4, 4, 4]


def test_even_shares_fill_small_parts_and_divide_the_rest() -> None:
    assert even_shares(np.array([1, 5, 9]), 8, np.arange(3)).tolist() == [1, 4, 3]
    assert even_shares(np.array([2, 2]), 9, np.arange(2)).tolist() == [2, 2]
    assert even_shares(np.array([3, 3, 3]), 4, np.array([2, 0, 1])).tolist() == [1, 2, 1]


def test_the_small_logistic_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    rows, labels = rng.normal(size=(80, 4)), rng.integers(0, 3, 80)
    weights = rng.random(80) + 0.5
    table, bias = fit_logistic(rows, labels, 3, weights=weights, ridge=0.7)
    theirs = LogisticRegression(C=1 / 0.7, tol=1e-10, max_iter=5000).fit(rows, labels, weights)
    np.testing.assert_allclose(table, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-5)


def test_discriminative_asks_the_region_without_labels_first() -> None:
    rng = np.random.default_rng(0)
    pool = np.concatenate([rng.normal(0, 1, (50, 2)), rng.normal(6, 1, (10, 2))])
    picked = claros.select("discriminative", 3, features=pool, labeled_features=rng.normal(0, 1, (20, 2)))
    assert (picked.indices >= 50).all()


def test_dynamic_coverage_begins_with_coverage_and_ends_with_doubt() -> None:
    # Three directions with 6, 5 and 1 items. Nothing labeled: the largest group. All groups labeled and predicted
    # right: everything is covered, and the doubtful one of the small group is picked.
    angles = np.repeat([0.0, 2.0, 4.0], [6, 5, 1])
    pool = np.column_stack([np.cos(angles), np.sin(angles)])
    classes = np.repeat([0, 1, 2], [6, 5, 1])
    probs = np.full((12, 3), 0.05) + 0.85 * np.eye(3)[classes]
    probs[11] = [0.3, 0.3, 0.4]
    rng = np.random.default_rng(0)
    none = {"labeled_features": np.empty((0, 2)), "labels": np.empty(0, dtype=np.int64)}
    first = dcom(3, features=pool, probs=probs, rng=rng, **none)
    assert [classes[i] for i in first.indices] == [0, 1, 2]
    some = {"labeled_features": pool[[0, 6, 11]], "labels": np.array([0, 1, 2])}
    last = dcom(1, features=pool, probs=probs, rng=rng, **some)
    assert last.indices.tolist() == [11]
    assert "cover 100%" in last.note


def test_lazy_greedy_is_greedy_with_fewer_looks() -> None:
    rng = np.random.default_rng(5)
    similar = np.exp(-cdist(points := rng.normal(size=(120, 2)), points))
    covered, looks = np.zeros(120), 0

    def gains(which: np.ndarray) -> np.ndarray:
        nonlocal looks
        looks += len(which)
        return np.maximum(similar[which] - covered, 0.0).sum(axis=1)

    def add(pick: int) -> None:
        np.maximum(covered, similar[pick], out=covered)

    picked = lazy_greedy(20, gains(np.arange(120)), gains, add, np.arange(120))
    chosen: list[int] = []
    for _ in range(20):
        best = similar[chosen].max(axis=0) if chosen else np.zeros(120)
        chosen.append(int(np.argmax(np.maximum(similar - best, 0.0).sum(axis=1))))
    assert picked.indices.tolist() == chosen
    assert looks < 120 * 10


def test_a_saturation_next_to_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"saturation must be at least 0\.001"):
        claros.select("saturated_coverage", 3, features=np.eye(5), saturation=1e-300)
    assert len(claros.select("saturated_coverage", 3, features=np.eye(5), saturation=1e-3).indices) == 3
