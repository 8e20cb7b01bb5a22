"""Greedy coverage: the picks of plain greedy in float64, in whatever way they are found, and little memory."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch

from claros.arrays import Floats, Indices
from claros.measures.kernels import Kernel, Space, closest_squares
from claros.pick import greedy, steady
from claros.pick.greedy import greedy_coverage
from memory import peak_bytes

RNG = np.random.default_rng

KERNELS = [Kernel("rbf", 1.0), Kernel("rbf", 0.2), Kernel("top_hat", 0.9), Kernel("cosine"), Kernel("euclidean", 9.0)]


def similarity(kernel: Kernel, x: Floats, y: Floats) -> Floats:
    """The similarity of every pair, from the differences; (n, D), (m, D) -> (n, m)."""
    gaps = ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)
    return {
        "rbf": np.exp(-gaps / kernel.width**2),
        "top_hat": (gaps < kernel.width**2).astype(float),
        "cosine": 1.0 - gaps / 4.0,
        "euclidean": 1.0 - np.sqrt(gaps) / kernel.width,
    }[kernel.kind]


def plain(
    k: int, similar: Floats, order: Indices, weights: Floats, covered: Floats, alone: Floats, among: Floats
) -> tuple[list[int], list[float]]:
    """Greedy, every gain at every pick; ``among`` (N, N) are the candidates' similarities to each other."""
    covered, itself = covered.copy(), np.zeros(len(order))
    picks: list[int] = []
    scores = []
    for _ in range(k):
        gains = np.maximum(similar - covered, 0.0) @ weights + alone * (1.0 - itself)
        gains[picks] = -np.inf
        best = np.flatnonzero(gains >= gains.max() - 1e-10 * max(gains.max(), 0.0))
        picks.append(int(best[np.argmin(order[best])]))
        scores.append(float(gains[picks[-1]]))
        covered = np.maximum(covered, similar[picks[-1]])
        itself = np.maximum(itself, among[picks[-1]])
    return picks, scores


def heaps(n: int, width: int, seed: int) -> Floats:
    rng = RNG(seed)
    return rng.normal(size=(12, width))[rng.integers(0, 12, n)] + rng.normal(size=(n, width)) * 0.3


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.kind}-{kernel.width}")
@pytest.mark.parametrize("case", ["plain", "labeled", "weighted", "alone"])
def test_the_picks_are_those_of_plain_greedy(kernel: Kernel, case: str) -> None:
    for seed in range(3):
        rng = RNG(seed)
        space = Space(heaps(300, 5, seed))
        points = space.rows(heaps(300, 5, seed))
        order, targets = rng.permutation(300), points[100:] if case == "alone" else points
        weights = rng.beta(1, 3, len(targets)) if case != "plain" else np.ones(len(targets))
        covered = similarity(kernel, points[:5], targets).max(axis=0) if case == "labeled" else np.zeros(len(targets))
        alone = np.where(np.arange(300) < 100, rng.random(300), 0.0) if case == "alone" else None
        found = greedy_coverage(60, points, targets, kernel, order, weights=weights, covered=covered, alone=alone)
        among = similarity(kernel, points, points)
        picks, scores = plain(
            60,
            similarity(kernel, points, targets),
            order,
            weights,
            covered,
            np.zeros(300) if alone is None else alone,
            among,
        )
        assert found.indices.tolist() == picks
        assert found.scores == pytest.approx(scores, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("way", ["columns only", "lists at once", "little room", "bounds again and again"])
def test_the_way_does_not_change_the_picks(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = heaps(700, 6, 1)
    order, weights = RNG(2).permutation(700), RNG(3).random(700)
    alone = RNG(4).random(700) * (np.arange(700) >= 500)
    targets = points[:500]

    def call() -> tuple[Indices, Floats]:
        found = greedy_coverage(150, points, targets, Kernel("rbf", 1.0), order, weights=weights[:500], alone=alone)
        return found.indices, found.scores

    picks, scores = call()
    changes: dict[str, dict[str, Any]] = {
        "columns only": {"EARLIEST": 1000},
        "lists at once": {"EARLIEST": 1, "SHORTEST": 10**9, "STEP_BYTES": 1 << 14},
        "little room": {"MOST": 2, "FEWEST": 1},
        "bounds again and again": {"MANY": 4, "MOST": 4, "EARLIEST": 1000},
    }
    for name, value in changes[way].items():
        monkeypatch.setattr(greedy, name, value)
    again, other = call()
    assert np.array_equal(picks, again)
    assert other == pytest.approx(scores, rel=1e-12)


def test_long_runs_list_the_pairs_and_short_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []

    class Pairs(greedy._Pairs):
        def __init__(self, columns: greedy._Columns) -> None:
            super().__init__(columns)
            listed.append(len(self.value))

    monkeypatch.setattr(greedy, "_Pairs", Pairs)
    points, weights, order = heaps(1000, 6, 0), np.ones(1000), np.arange(1000)
    greedy_coverage(5, points, points, Kernel("rbf", 1.0), order, weights=weights)
    assert not listed
    greedy_coverage(300, points, points, Kernel("rbf", 1.0), order, weights=weights)
    assert len(listed) == 1
    assert listed[0] <= 32 * 1000, "no more than the numbers in the points, or 32 a target"


@pytest.mark.parametrize("kernel", [Kernel("cosine"), Kernel("euclidean", 9.0)], ids=lambda kernel: kernel.kind)
@pytest.mark.parametrize(
    ("room", "library"), [("every pair", "numpy"), ("some", "numpy"), ("none", "numpy"), ("some", "torch")]
)
def test_bytes_of_pairs_and_products_anew_give_the_picks_of_plain_greedy(
    kernel: Kernel, room: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady, "STRIP", 70)
    monkeypatch.setattr(steady, "ACROSS", 33)
    monkeypatch.setattr(steady, "ROOM", {"every pair": 99, "some": 20, "none": 0}[room])
    monkeypatch.setattr(greedy, "EARLIEST", 1000)
    for seed, apart in enumerate([False, True]):
        space = Space(heaps(500, 6, seed))
        points = space.rows(heaps(500, 6, seed))
        targets, weights = points[150:] if apart else points, RNG(seed).random(350 if apart else 500)
        alone = np.where(np.arange(500) < 150, RNG(seed + 1).random(500), 0.0) if apart else np.zeros(500)
        order, covered = RNG(seed).permutation(500), np.full(len(targets), 0.4 * seed)
        given = torch.from_numpy(points) if library == "torch" else points
        found = greedy_coverage(
            60,
            given,
            given[150:] if apart else given,
            kernel,
            order,
            weights=weights,
            covered=covered,
            alone=alone if apart else None,
        )
        similar, among = similarity(kernel, points, targets), similarity(kernel, points, points)
        picks, scores = plain(60, similar, order, weights, covered, alone, among)
        assert found.indices.tolist() == picks
        assert found.scores == pytest.approx(scores, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("room", [0, 20, 99])
def test_bounds_that_are_kept_up_to_date_are_never_below_the_gain_and_close_to_it(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady, "STRIP", 70)
    monkeypatch.setattr(steady, "ROOM", room)
    points = Space(heaps(400, 40, 0)).rows(heaps(400, 40, 0))
    points[:50] = points[50:100] + 1e-5  # near copies, where squares lose their digits
    kernel, weights = Kernel("cosine"), RNG(0).random(400)
    columns, covered = steady.Steady(points, points, kernel, weights, np.zeros(400)), np.zeros(400)
    similar, everything = similarity(kernel, points, points), np.arange(400)
    for position in RNG(1).permutation(400)[:40].tolist():
        exact = np.maximum(similar - covered, 0.0) @ weights
        bounds = columns.at_most(everything)
        assert np.all(bounds >= exact)
        # a byte is too large by up to 1/255 where it counts, float32 by less than 1e-5, and sums by 64 of its digits
        reached = (similar > covered - 1 / 255) @ weights
        assert np.all(bounds - exact < (reached / 255 if room else 1e-5 * reached) + 2 * 64 * 1.2e-7 * weights.sum())
        assert columns.gains(np.array([position, 7]), bounds) == pytest.approx(exact[[position, 7]], abs=1e-9)
        columns.add(position)
        covered = np.maximum(covered, similar[position])


def test_a_long_run_of_a_kernel_that_never_fades_lists_the_pairs_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []

    class Pairs(greedy._Pairs):
        def __init__(self, columns: greedy._Columns | steady.Steady) -> None:
            super().__init__(columns)
            listed.append(len(self.value))

    points, weights, order = Space(heaps(800, 6, 0)).rows(heaps(800, 6, 0)), np.ones(800), RNG(0).permutation(800)
    monkeypatch.setattr(greedy, "_Pairs", Pairs)
    picks = greedy_coverage(400, points, points, Kernel("cosine"), order, weights=weights).indices
    assert len(listed) == 1
    assert listed[0] <= 32 * 800
    monkeypatch.setattr(greedy, "EARLIEST", 1000)
    assert np.array_equal(picks, greedy_coverage(400, points, points, Kernel("cosine"), order, weights=weights).indices)
    assert len(listed) == 1


@pytest.mark.parametrize("width", [0.02, 0.3, 1.0, 1.5])
def test_float32_bounds_are_never_below_the_gain(width: float) -> None:
    for seed in range(3):
        points = Space(heaps(400, 40, seed)).rows(heaps(400, 40, seed))
        points[:50] = points[50:100] + 1e-5  # near copies, where squares lose their digits
        covered = similarity(Kernel("rbf", width), points[:7], points).max(axis=0)
        weights = RNG(seed).random(400)
        rows = greedy.factor(points)
        columns = greedy._Columns(rows, rows, Kernel("rbf", width), weights, covered)
        exact = np.maximum(similarity(Kernel("rbf", width), points, points) - covered, 0.0) @ weights
        bounds = columns.at_most(np.arange(400))
        assert np.all(bounds >= exact)
        assert np.median(bounds - exact) < 0.02 * np.median(exact) + 1e-3


def test_copies_tie_and_the_order_decides() -> None:
    points = np.repeat(heaps(8, 4, 0), 5, axis=0)
    first = np.zeros(40)
    for seed in range(100):
        order = RNG(seed).permutation(40)
        found = greedy_coverage(40, points, points, Kernel("rbf", 1.0), order, weights=np.ones(40))
        assert sorted(found.indices.tolist()) == list(range(40))
        assert len(set((found.indices[:8] // 5).tolist())) == 8, "one of each before any copy"
        heap = found.indices[0] // 5
        assert order[found.indices[0]] == order[heap * 5 : heap * 5 + 5].min()
        assert np.all(found.scores[8:] < 1e-12)
        first[found.indices[0]] += 1
    assert np.count_nonzero(first) == 5, "each copy of the best comes first for some order"


def test_nothing_to_gain_and_no_target_at_all_leave_the_order() -> None:
    points, order = heaps(20, 3, 0), RNG(0).permutation(20)
    nothing = greedy_coverage(5, points, points, Kernel("rbf", 1.0), order, weights=np.ones(20), covered=np.ones(20))
    none = greedy_coverage(5, points, points[:0], Kernel("rbf", 1.0), order, weights=np.ones(0))
    for found in (nothing, none):
        assert found.indices.tolist() == np.argsort(order)[:5].tolist()
        assert found.scores == pytest.approx(np.zeros(5), abs=1e-12)


def test_bounds_that_are_known_spare_the_first_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    points, order, weights = heaps(100, 3, 0), RNG(0).permutation(100), np.ones(100)
    picks = greedy_coverage(10, points, points, Kernel("cosine"), order, weights=weights).indices
    monkeypatch.setattr(greedy._Columns, "at_most", None)
    again = greedy_coverage(
        10, points, points, Kernel("cosine"), order, weights=weights, bounds=np.full(100, 100.0)
    ).indices
    assert np.array_equal(picks, again)


def test_a_kernel_by_hand() -> None:
    squares = np.array([[0.0, 1.0, 4.0]])
    assert Kernel("rbf", 2.0).of(squares.copy())[0] == pytest.approx([1.0, np.exp(-0.25), np.exp(-1.0)])
    assert Kernel("top_hat", 2.0).of(squares.copy())[0].tolist() == [1.0, 1.0, 0.0]
    assert Kernel("cosine").of(squares.copy())[0].tolist() == [1.0, 0.75, 0.0]
    assert Kernel("euclidean", 4.0).of(squares.copy())[0].tolist() == [1.0, 0.75, 0.5]


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e12, 1e300])
def test_a_space_has_mean_squared_distance_one_from_its_mean(size: float) -> None:
    points = (RNG(0).normal(size=(40, 3)) + 5.0) * size
    space = Space(points[:30], points[30:])
    rows = np.vstack([space.rows(points[:30]), space.rows(points[30:])])
    assert rows.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert (rows**2).sum(axis=1).mean() == pytest.approx(1.0)
    gap = np.sqrt(((points[0] / size - points[1] / size) ** 2).sum()) * size
    assert space.squares(np.array([gap])) == pytest.approx(((rows[0] - rows[1]) ** 2).sum())


def test_a_space_of_directions_has_length_one_and_leaves_zeros() -> None:
    points = np.array([[3.0, 4.0], [0.0, 0.0], [1e200, 0.0], [-1e-200, 0.0]])
    rows = Space(points, spread="length").rows(points)
    assert rows - rows[1] == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]))


def test_a_space_without_any_extent_is_one_point() -> None:
    assert Space(np.full((4, 2), 7.0)).rows(np.full((2, 2), 7.0)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_closest_squares_are_those_of_the_differences() -> None:
    points, centres = heaps(500, 4, 0), heaps(300, 4, 1)
    gaps = ((points[:, None] - centres) ** 2).sum(axis=2)
    assert closest_squares(points, centres) == pytest.approx(gaps.min(axis=1), abs=1e-12)
    gaps = ((points[:, None] - points) ** 2).sum(axis=2) + np.diag(np.full(500, np.inf))
    assert closest_squares(points, points, itself=True) == pytest.approx(gaps.min(axis=1), abs=1e-12)
    assert np.all(np.isinf(closest_squares(points, centres[:0])))


@pytest.mark.parametrize(("kind", "k"), [("rbf", 400), ("cosine", 60)])
def test_no_array_of_candidates_by_targets_and_none_of_picks_by_targets(kind: Literal["rbf", "cosine"], k: int) -> None:
    points = heaps(6000, 16, 0)
    weights, order = np.ones(6000), np.arange(6000)

    def call() -> None:
        greedy_coverage(k, points, points, Kernel(kind), order, weights=weights)

    call()
    peak = peak_bytes(call)
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; 6,000 x 6,000 are 275, 400 x 6,000 are 18"
