"""Picks against the naive rules in float64, exact laws against counts, ties against the permutation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import claros
from claros.measures.geometry import Table, Vectors
from claros.pick import draw_spread, farthest_first, first_of, top_k
from memory import peak_bytes

RNG = np.random.default_rng


def plain(points: np.ndarray) -> Vectors:
    return Vectors(len(points), Table(lambda rows: points[rows], points.shape[1]))


# top_k


def test_the_highest_scores_are_picked_in_order() -> None:
    picked = top_k(np.array([0.1, 0.9, 0.5, 0.7]), 3, RNG(0))
    assert picked.indices.tolist() == [1, 3, 2]
    assert picked.scores.tolist() == [0.9, 0.7, 0.5]


def test_top_k_is_the_sort_by_score_and_then_by_the_permutation() -> None:
    for seed in range(200):
        rng = RNG(seed)
        n = int(rng.integers(1, 60))
        scores = rng.integers(0, 4, n) / 2
        k = int(rng.integers(1, n + 5))
        order = RNG(seed + 1000).permutation(n)
        expected = sorted(range(n), key=lambda i: (-scores[i], order[i]))[:k]
        picked = top_k(scores, k, RNG(seed + 1000))
        assert picked.indices.tolist() == expected
        assert picked.indices.dtype == np.int64


def test_top_k_takes_one_permutation_from_the_stream_whatever_the_scores_are() -> None:
    for scores in (np.zeros(50), np.arange(50.0)):
        rng = RNG(3)
        top_k(scores, 5, rng)
        after = RNG(3)
        after.permutation(50)
        assert rng.random() == after.random()


def test_where_nothing_is_drawn_afterwards_the_permutation_is_drawn_only_for_ties() -> None:
    for seed in range(200):
        n, k = int(RNG(seed).integers(1, 60)), int(RNG(seed + 1).integers(1, 70))
        few, many = RNG(seed).integers(0, 4, n) / 2, RNG(seed).permutation(n) / 2
        for scores in (few, many):
            at_last = RNG(seed)
            picked = top_k(scores, k, at_last, last=True)
            assert np.array_equal(picked.indices, top_k(scores, k, RNG(seed)).indices)
            ordered = np.sort(scores)[::-1]
            hangs = np.any(ordered[1 : k + 1] == ordered[: min(k, n - 1)])
            after = RNG(seed)
            if hangs:
                after.permutation(n)
            assert at_last.random() == after.random()


def test_a_strategy_leaves_a_generator_that_was_given_to_it_in_the_same_state_whatever_the_scores_are() -> None:
    after = []
    for probs in (np.full((50, 2), 0.5), np.column_stack([np.linspace(0.5, 0.9, 50), np.linspace(0.5, 0.1, 50)])):
        rng = RNG(3)
        claros.select("margin", 5, probs=probs, rng=rng)
        after.append(rng.random())
    assert after[0] == after[1]


@pytest.mark.parametrize("k", [1, 40, 1000, 1100])
def test_a_guessed_threshold_does_not_change_what_is_highest(k: int) -> None:
    n = 70_000
    every = np.zeros(n)
    every[::16] = 1.0 + np.arange(len(every[::16]))  # just those that are looked at first
    cases = [
        RNG(0).random(n),
        np.arange(n) / 7.0,
        -np.arange(n) / 7.0,
        every,
        -every,
        np.ones(n),
        RNG(1).integers(0, 3, n) / 2,
        RNG(2).integers(0, 3000, n) / 2,
        np.where(np.arange(n) == 12_345, 1.0, 0.0),
    ]
    for scores in cases:
        order = RNG(5).permutation(n)
        assert np.array_equal(top_k(scores, k, RNG(5)).indices, np.lexsort((order, -scores))[:k])


def test_of_many_tied_items_each_is_as_likely_as_any_other() -> None:
    repeats, counts = 4000, np.zeros(10)
    rng = RNG(0)
    for _ in range(repeats):
        counts[top_k(np.ones(10), 3, rng).indices] += 1
    allowed = 5 * np.sqrt(0.3 * 0.7 / repeats)  # each of ten comparisons fails with probability 6e-7
    assert np.max(np.abs(counts / repeats - 0.3)) < allowed


def test_the_first_of_some_tied_positions_is_first_in_the_permutation() -> None:
    assert first_of(np.array([2, 0, 3]), np.array([2, 9, 1, 0])) == 3


# farthest_first


def naive(points, k, order, labeled=None) -> list[int]:
    """The rule itself, in float64, one full sweep a pick."""
    points = points.astype(np.float64)
    nearest = np.full(len(points), np.inf)
    picks: list[int] = []
    if labeled is None or not len(labeled):
        squares = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
        picks.append(first_of(np.flatnonzero(squares == squares.min()), order))
        nearest = ((points - points[picks[0]]) ** 2).sum(axis=1)
    else:
        for row in labeled.astype(np.float64):
            nearest = np.minimum(nearest, ((points - row) ** 2).sum(axis=1))
    while len(picks) < k:
        nearest[picks] = -1.0
        picks.append(first_of(np.flatnonzero(nearest == nearest.max()), order))
        nearest = np.minimum(nearest, ((points - points[picks[-1]]) ** 2).sum(axis=1))
    return picks


POOLS = {
    "normal": lambda rng, n, d: rng.normal(size=(n, d)),
    "a grid, full of ties": lambda rng, n, d: rng.integers(0, 3, (n, d)).astype(float),
    "near copies far from the origin": lambda rng, n, d: (
        (50 + 20 * rng.normal(size=(n, d)))[rng.integers(0, max(1, n // 3), n)] + 1e-4 * rng.normal(size=(n, d))
    ),
    "all alike": lambda rng, n, d: np.repeat(rng.normal(size=(1, d)), n, axis=0),
    "orthogonal": lambda rng, n, d: np.eye(n),
    "tiny": lambda rng, n, d: 1e-30 * rng.normal(size=(n, d)),
    "huge": lambda rng, n, d: 1e30 * rng.normal(size=(n, d)),
}


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labeled", [0, 5])
def test_farthest_first_is_the_naive_rule_pick_by_pick(kind: str, dtype: type, labeled: int) -> None:
    for seed in range(12):
        rng = RNG(seed)
        n, features = int(rng.integers(1, 250)), int(rng.integers(1, 20))
        points = POOLS[kind](rng, n, features).astype(dtype)
        centres = points[rng.integers(0, n, labeled)] * dtype(1 + seed % 2) if labeled else None
        order, k = rng.permutation(n), int(rng.integers(1, n + 1))
        picked = farthest_first(points, k, order, labeled=centres)
        assert picked.indices.tolist() == naive(points, k, order, centres)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pool_much_larger_than_the_race_gives_the_naive_picks_too(dtype: type) -> None:
    rng = RNG(0)
    for kind in ("blobs", "grid"):
        points = rng.normal(size=(60, 8))[rng.integers(0, 60, 20_000)] * 3 + rng.normal(size=(20_000, 8))
        points = (points if kind == "blobs" else np.round(points / 4)).astype(dtype)
        order = rng.permutation(20_000)
        expected = naive(points, 60, order)
        assert farthest_first(points, 60, order).indices.tolist() == expected
        assert farthest_first(torch.from_numpy(points), 60, order).indices.tolist() == expected


def test_scores_are_distances_to_the_nearest_pick_and_never_rise() -> None:
    points, order = RNG(1).normal(size=(300, 4)), RNG(2).permutation(300)
    picked = farthest_first(points, 40, order)
    for place in range(1, 40):
        gaps = np.linalg.norm(points[picked.indices[:place]] - points[picked.indices[place]], axis=1)
        assert picked.scores[place] == pytest.approx(gaps.min(), rel=1e-12)
    assert np.all(np.diff(picked.scores) <= 0)
    radius = np.linalg.norm(points - points[picked.indices[0]], axis=1).max()
    assert picked.scores[0] == pytest.approx(radius, rel=1e-12)
    assert farthest_first(points, 1, order).scores[0] == picked.scores[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_known_from_before_change_nothing(dtype: type) -> None:
    rng = RNG(4)
    for seed in range(10):
        points, labeled = rng.normal(size=(2000, 6)).astype(dtype), rng.normal(size=(50, 6)).astype(dtype)
        known = np.sqrt(((points[:, None].astype(float) - labeled[None]) ** 2).sum(axis=2).min(axis=1))
        order = RNG(seed).permutation(2000)
        fresh = farthest_first(points, 30, order, labeled=labeled)
        for cached in (
            farthest_first(points, 30, order, labeled=labeled, known=known.astype(np.float32)),
            farthest_first(points, 30, order, known=known),
        ):
            assert np.array_equal(cached.indices, fresh.indices)
            assert cached.scores == pytest.approx(fresh.scores, rel=1e-12)


def test_points_already_taken_count_as_picked() -> None:
    points = np.array([[0.0], [1.0], [10.0], [4.0]])
    assert farthest_first(points, 2, np.arange(4), taken=[0]).indices.tolist() == [2, 3]
    everything = farthest_first(points, 3, np.arange(4), taken=[1])
    assert sorted(everything.indices.tolist()) == [0, 2, 3]


def test_ties_wider_than_the_race_are_broken_by_the_permutation() -> None:
    points = np.eye(8, dtype=np.float32)[RNG(0).integers(0, 8, 6000)]
    for seed in range(3):
        order = RNG(seed).permutation(6000)
        assert farthest_first(points, 20, order).indices.tolist() == naive(points, 20, order)


# draw_spread


def reference(points: np.ndarray, k: int, first: int, rng: np.random.Generator) -> tuple[list[int], list[float]]:
    """K-means++ as its authors write it: after each pick, one uniform number through the cumulative sum."""
    picks, chances = [first], [1.0]
    squares = ((points - points[first]) ** 2).sum(axis=1)
    while len(picks) < k:
        squares[picks] = 0.0
        shares = np.cumsum(squares) / squares.sum()
        picks.append(int(np.argmax(shares > rng.random())))
        chances.append(squares[picks[-1]] / squares.sum())
        squares = np.minimum(squares, ((points - points[picks[-1]]) ** 2).sum(axis=1))
    return picks, chances


def test_one_by_one_picks_what_the_reference_picks_from_the_same_numbers() -> None:
    for seed in range(30):
        points = RNG(seed).normal(size=(120, 5))
        picked = draw_spread(plain(points), 25, RNG(seed), np.arange(120), seed, one_by_one=True)
        picks, chances = reference(points, 25, seed, RNG(seed))
        assert picked.indices.tolist() == picks
        assert picked.probabilities == pytest.approx(chances, rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_chances_and_scores_of_proposals_are_those_of_the_law(weighted: bool) -> None:
    for seed in range(10):
        rng = RNG(seed)
        points = rng.normal(size=(15, 3))[rng.integers(0, 15, 200)] * 5 + rng.normal(size=(200, 3))
        weights = rng.random(200) + 0.1 if weighted else None
        picked = draw_spread(plain(points), 60, rng, np.arange(200), 7, weights=weights)
        assert picked.indices[0] == 7
        assert picked.probabilities is not None
        assert picked.probabilities[0] == 1.0
        squares = np.full(200, np.inf)
        for place in range(59):
            squares = np.minimum(squares, ((points - points[picked.indices[place]]) ** 2).sum(axis=1))
            mass = squares if weights is None else squares * weights
            following = picked.indices[place + 1]
            assert picked.scores[place + 1] == pytest.approx(np.sqrt(squares[following]), rel=1e-9)
            assert picked.probabilities[place + 1] == pytest.approx(mass[following] / mass.sum(), rel=1e-9)


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_proposals_follow_the_exact_law(one_by_one: bool, weighted: bool, monkeypatch) -> None:
    """Second and third picks of a small pool against their exact probabilities.

    9,000 draws from fixed seeds a case; chi-square over all ordered pairs that are expected 5 times or more. Each of
    the 4 cases fails with probability 1e-4 for a sound sampler.
    """
    # Impatient, so that updates happen between the second and the third pick, too
    monkeypatch.setattr("claros.pick.spread.PROPOSALS", 3)
    points = np.array([[0.0, 0], [1, 0], [1.1, 0.1], [4, 4], [4.1, 4], [-2, 3], [0, 5], [9, -3]])
    n, weights = len(points), np.array([1.0, 3, 1, 0.5, 2, 1, 4, 0.2]) if weighted else None
    mass = np.ones(n) if weights is None else weights
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    law = np.zeros((n, n))
    for second in range(1, n):
        after_one = squares[0] * mass
        after_two = np.minimum(squares[0], squares[second]) * mass
        law[second] = after_one[second] / after_one.sum() * after_two / after_two.sum()
    repeats, counts, rng, vectors = 9_000, np.zeros((n, n)), RNG(11), plain(points)
    for _ in range(repeats // (3 if one_by_one else 1)):
        picks = draw_spread(vectors, 3, rng, np.arange(n), 0, one_by_one=one_by_one, weights=weights).indices
        counts[picks[1], picks[2]] += 1
    total = counts.sum()
    assert not counts[law == 0].any()
    often = law * total >= 5
    seen, expected = np.append(counts[often], counts[~often].sum()), np.append(law[often], law[~often].sum()) * total
    p = chisquare(seen[expected > 0], expected[expected > 0]).pvalue
    assert p > 1e-4, f"p = {p:.2g} for {int(total)} draws"


def test_the_first_proposals_do_not_depend_on_how_many_are_wanted() -> None:
    points = RNG(0).normal(size=(500, 4))
    few = draw_spread(plain(points), 5, RNG(1), np.arange(500), 3).indices
    assert np.array_equal(draw_spread(plain(points), 200, RNG(1), np.arange(500), 3).indices[:5], few)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_once_only_copies_are_left_draws_are_uniform_over_the_rest(one_by_one: bool) -> None:
    points = np.repeat(np.array([[0.0, 1.0], [3.0, 0.5]]), 4, axis=0) * 7.77  # two places, four items each
    vectors, counts, repeats = plain(points), np.zeros(8), 3000
    rng = RNG(5)
    for _ in range(repeats):
        picked = draw_spread(vectors, 3, rng, rng.permutation(8), 0, one_by_one=one_by_one)
        assert picked.indices[1] >= 4, "the second pick is at the other place"
        assert picked.scores[2] == 0
        assert picked.probabilities is not None
        assert picked.probabilities[2] == pytest.approx(1 / 6)
        counts[picked.indices[2]] += 1
    expected = np.array([0, 1, 1, 1, 0.75, 0.75, 0.75, 0.75]) / 6
    allowed = 5 * np.sqrt(expected * (1 - expected) / repeats)  # each of 8 comparisons fails with probability 6e-7
    assert np.all(np.abs(counts / repeats - expected) <= allowed)


def test_drawing_everything_ends() -> None:
    points = np.repeat(RNG(0).normal(size=(3, 2)), 5, axis=0)
    picked = draw_spread(plain(points), 15, RNG(0), np.arange(15), 4)
    assert sorted(picked.indices.tolist()) == list(range(15))


def test_neither_sampler_holds_an_array_of_picks_by_candidates() -> None:
    points, order = RNG(0).normal(size=(20_000, 16)).astype(np.float32), RNG(1).permutation(20_000)
    vectors = plain(points)
    for call in (
        lambda: farthest_first(points, 200, order),
        lambda: draw_spread(vectors, 200, RNG(0), order, 0),
        lambda: draw_spread(vectors, 20, RNG(0), order, 0, one_by_one=True),
    ):
        peak = peak_bytes(call)
        assert peak < 8 * 2**20, f"{peak / 2**20:.1f} MiB; 200 x 20,000 float32 are 15"
