"""Radius graphs, nearest neighbours and directions against the plain table of all distances in float64."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from claros import arrays
from claros.errors import InputError, MissingExtraError
from claros.measures.approximate import approximate_neighbours
from claros.measures.directions import directions
from claros.measures.graph import RadiusGraph, components, radius_graph
from claros.measures.neighbours import nearest_neighbours
from claros.measures.pairs import Within
from claros.measures.purity import nearest_other, pure_radius
from memory import peak_bytes

RNG = np.random.default_rng


def table(points: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Squared distances of all pairs, from the differences in float64."""
    wide = points.astype(np.float64)
    other = wide if others is None else others.astype(np.float64)
    return np.array([np.sum((row - other) ** 2, axis=1) for row in wide]).reshape(len(wide), len(other))


def adjacency(points: np.ndarray, radius: float) -> np.ndarray:
    near = table(points) <= radius**2
    np.fill_diagonal(near, False)
    return near


def same(graph: RadiusGraph, near: np.ndarray) -> bool:
    return np.array_equal(graph.neighbours, np.nonzero(near)[1]) and np.array_equal(graph.degrees, near.sum(axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("radius", [0.0, 0.4, 1.0, 3.0, 100.0])
def test_the_graph_has_the_pairs_of_the_table_of_distances(dtype: type, radius: float) -> None:
    points = RNG(0).normal(size=(1234, 4)).astype(dtype)  # no multiple of any block
    points = np.vstack([points, points[:40]])
    assert same(radius_graph(points, radius), adjacency(points, radius))


def test_the_last_rows_have_their_edges_whatever_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops over n // block blocks leave the tail of the pool without neighbours."""
    points = RNG(1).normal(size=(203, 3))
    for size in (1 << 9, 1 << 11, 1 << 14):
        monkeypatch.setattr(arrays, "BLOCK_BYTES", size)
        graph = radius_graph(points, 1.0)
        assert same(graph, adjacency(points, 1.0))
        assert graph.degrees[-10:].min() > 0


def test_what_is_exactly_at_the_radius_is_within_also_far_from_the_origin() -> None:
    line = np.arange(50, dtype=np.float32)[:, None] + 1e6  # squares of these have no digits left for a distance of 1
    graph = radius_graph(line, 1.0)
    assert graph.degrees.tolist() == [1, *[2] * 48, 1]
    assert radius_graph(line, 0.999).degrees.sum() == 0


def test_pairs_that_float32_cannot_tell_are_settled_by_their_differences() -> None:
    rng = RNG(2)
    points = (50 + 20 * rng.normal(size=(300, 30))).astype(np.float32)
    points[::2] = points[1] + (1e-4 * rng.normal(size=(150, 30))).astype(np.float32)
    gaps = np.sqrt(table(points)[0, 2::2])
    for radius in np.quantile(gaps, [0.2, 0.5, 0.8]):
        assert same(radius_graph(points, float(radius)), adjacency(points, float(radius)))


def test_tensors_give_the_same_graph() -> None:
    points = RNG(3).normal(size=(300, 5))
    assert same(radius_graph(torch.from_numpy(points), 1.5), adjacency(points, 1.5))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_pools_have_graphs(n: int) -> None:
    graph = radius_graph(np.zeros((n, 3)), 0.0)
    assert graph.n == n
    assert graph.degrees.tolist() == [n - 1] * n
    assert components(graph).tolist() == [0] * n


def test_a_restricted_graph_is_the_graph_of_the_rest() -> None:
    points = RNG(4).normal(size=(400, 3))
    graph = radius_graph(points, 0.8)
    for rows in (RNG(5).permutation(400)[:150], np.arange(0, 400, 3), np.array([7]), np.empty(0, dtype=np.int64)):
        assert same(graph.restricted(rows), adjacency(points[rows], 0.8))


def test_balls_hold_the_point_itself_and_are_the_same_with_and_without_a_graph() -> None:
    points = RNG(6).normal(size=(300, 3))
    graph, within, near = radius_graph(points, 0.9), Within(points, 0.9), table(points) <= 0.9**2
    some = RNG(7).permutation(300)[:77]
    for balls in (graph, within):
        assert sorted(balls.ball(17)) == np.flatnonzero(near[17]).tolist()
        assert balls.reached().tolist() == near.sum(axis=0).tolist()
        assert balls.reached(some).tolist() == near[some].sum(axis=0).tolist()


def test_two_sets_of_points_can_be_compared() -> None:
    points, others = RNG(8).normal(size=(70, 3)), RNG(9).normal(size=(130, 3))
    near = table(points, others) <= 1.0
    assert Within(points, 1.0, others).reached().tolist() == near.sum(axis=0).tolist()
    assert Within(points, 1.0, others).ball(5).tolist() == np.flatnonzero(near[5]).tolist()


def test_components_are_named_by_their_first_point() -> None:
    points = RNG(10).random(size=(300, 2))
    graph, near = radius_graph(points, 0.04), adjacency(points, 0.04)
    _, names = connected_components(csr_array(near), directed=False)
    firsts = [int(np.flatnonzero(names == name)[0]) for name in names]
    assert components(graph).tolist() == firsts
    assert len(set(firsts)) > 10


def test_a_graph_that_would_not_fit_is_refused_before_the_work() -> None:
    points = RNG(11).random(size=(3000, 2))
    with pytest.raises(InputError, match=r"A graph of 3000 points within 5 has about 8997000 edges .* smaller radius"):
        radius_graph(points, 5.0, most=1_000_000)
    assert radius_graph(points, 0.01, most=1_000_000).n == 3000


def test_the_graph_takes_no_more_than_its_edges_and_a_tile() -> None:
    points = RNG(12).normal(size=(8000, 16)).astype(np.float32)
    graph = radius_graph(points, 2.5)
    peak = peak_bytes(lambda: radius_graph(points, 2.5))
    assert 10_000 < len(graph.neighbours) < 400_000
    assert peak < 8 * 2**20 + 24 * len(graph.neighbours), f"{peak / 2**20:.1f} MiB; a table of pairs is 256"


@pytest.mark.parametrize("k", [1, 5, 60, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_neighbours_are_those_of_the_table(k: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 13)
    points = RNG(13).normal(size=(333, 6)).astype(dtype)
    squares = table(points)
    np.fill_diagonal(squares, np.inf)
    expected = np.argsort(squares, axis=1)[:, : min(k, 332)]
    found = nearest_neighbours(points, k)
    assert np.array_equal(np.sort(found.indices, axis=1), np.sort(expected, axis=1))
    assert np.allclose(found.squares, np.take_along_axis(squares, expected, axis=1), atol=1e-4)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_nearest_among_others_and_ties_by_position(library: str) -> None:
    points, others = RNG(14).normal(size=(200, 4)), RNG(15).normal(size=(90, 4))
    others[40:45] = others[3]  # five more of the same
    given = (torch.from_numpy(points), torch.from_numpy(others)) if library == "torch" else (points, others)
    expected = np.argsort(table(points, others), axis=1, kind="stable")[:, :7]
    found = nearest_neighbours(given[0], 7, given[1])
    assert np.array_equal(np.sort(found.indices, axis=1), np.sort(expected, axis=1))


def test_neighbours_of_near_copies_far_from_the_origin_are_exact() -> None:
    rng = RNG(16)
    points = (1e3 + np.repeat(rng.normal(size=(50, 8)), 4, axis=0) + 1e-3 * rng.normal(size=(200, 8))).astype(
        np.float32
    )
    squares = table(points)
    np.fill_diagonal(squares, np.inf)
    found = nearest_neighbours(points, 3).indices
    assert np.array_equal(np.sort(found, axis=1), np.sort(np.argsort(squares, axis=1)[:, :3], axis=1))


def test_nobody_has_neighbours_alone_or_in_an_empty_set() -> None:
    assert nearest_neighbours(np.ones((1, 2)), 3).indices.shape == (1, 0)
    assert nearest_neighbours(np.empty((0, 2)), 3).indices.shape == (0, 0)
    assert nearest_neighbours(np.ones((4, 2)), 3, np.empty((0, 2))).indices.shape == (4, 0)


def test_neighbours_take_no_table_of_pairs() -> None:
    points = RNG(17).normal(size=(8000, 16)).astype(np.float32)
    peak = peak_bytes(lambda: nearest_neighbours(points, 5))
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; a table of pairs is 256"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_directions_have_length_one_also_where_squares_leave_float32(dtype: type) -> None:
    rows = np.array([[3.0, 4.0], [3e-30, 4e-30], [-3e30, 4e30], [0.0, 0.0]], dtype=dtype)
    expected = [[0.6, 0.8], [0.6, 0.8], [-0.6, 0.8], [0.0, 0.0]]
    assert np.allclose(directions(rows), expected, rtol=1e-6)
    assert directions(rows).dtype == dtype
    assert np.allclose(directions(torch.from_numpy(rows)).numpy(), expected, rtol=1e-6)
    assert np.allclose(directions(rows[:1], rows[2:]), np.array(expected)[[0, 2, 3]], rtol=1e-6)


def test_the_nearest_point_of_another_cluster_is_that_of_the_table() -> None:
    points, members = RNG(18).normal(size=(150, 3)), RNG(19).integers(0, 4, 150)
    squares = table(points)
    squares[members[:, None] == members[None, :]] = np.inf
    rows = np.arange(3, 150, 7)
    assert np.allclose(nearest_other(points, members, rows), squares[rows].min(axis=1), rtol=1e-5)
    assert np.all(np.isinf(nearest_other(points, np.zeros(150, dtype=np.int64), rows)))


def test_the_pure_radius_by_hand() -> None:
    """Two groups on a line, 10 apart; their facing members are at 10, the next ones at 10.01, and so on."""
    points = np.concatenate([-np.arange(50) * 0.01, 10 + np.arange(50) * 0.01])[:, None] / 10
    # of 100 balls, 90 % must be pure: the ten with the nearest strangers, five a side, may hold some.
    # Distances to the other side, for the j-th of each: 1 + 0.001 j; so the radius is just below that of j = 5, 1.005.
    assert pure_radius(points, 2, 0.9, RNG(0)) == pytest.approx(1.0)  # to three digits, rounded down
    assert pure_radius(points, 2, 0.5, RNG(0)) == pytest.approx(1.02)
    assert pure_radius(points, 1, 0.9, RNG(0)) == 2.0  # one cluster: every ball is pure
    assert pure_radius(np.zeros((5, 2)), 2, 0.9, RNG(0)) == 2.0  # all the same


def test_approximate_neighbours_are_nearly_all_of_the_nearest() -> None:
    pytest.importorskip("faiss", exc_type=ImportError)
    points, others = RNG(20).normal(size=(600, 8)).astype(np.float32), RNG(21).normal(size=(400, 8)).astype(np.float32)
    for given in ((points,), (points, others)):
        exact, found = nearest_neighbours(given[0], 10, *given[1:]), approximate_neighbours(given[0], 10, *given[1:])
        assert found.indices.shape == (600, 10)
        hits = np.mean([len(np.intersect1d(a, b)) for a, b in zip(exact.indices, found.indices, strict=True)]) / 10
        assert hits > 0.95
        same = found.indices[:, 0] == exact.indices[:, 0]
        assert np.allclose(found.squares[same, 0], exact.squares[same, 0], rtol=1e-3, atol=1e-4)


def test_without_faiss_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"needs faiss, which is not installed: pip install 'claros\[ann\]'"):
        approximate_neighbours(np.ones((3, 2)), 1)
