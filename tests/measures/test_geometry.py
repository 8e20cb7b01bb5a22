"""Distances by blocks of products against the differences and the explicit outer products, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from claros import arrays
from claros.measures.geometry import Few, Table, Vectors, centred, mean_point, safe_scale


def plain(points: np.ndarray) -> Vectors:
    return Vectors(len(points), Table(lambda rows: points[rows], points.shape[1]))


def squares(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return ((left[:, None].astype(np.float64) - right[None]) ** 2).sum(axis=2)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(203, 7))


@pytest.mark.parametrize("block", [1 << 9, 1 << 20])
def test_the_distance_to_the_nearest_centre_falls_as_centres_come(points, block, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", block)
    vectors = plain(points)
    nearest = np.full(203, np.inf)
    vectors.approach(nearest, vectors.gather(np.array([3, 50])))
    assert nearest == pytest.approx(squares(points, points[[3, 50]]).min(axis=1), abs=1e-12)
    vectors.approach(nearest, vectors.gather(np.array([202])))
    assert nearest == pytest.approx(squares(points, points[[3, 50, 202]]).min(axis=1), abs=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_after_each_centre_are_those_of_one_centre_at_a_time(points, library, weighted, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr("claros.measures.geometry.GROUP", 4)
    given = torch.from_numpy(points) if library == "torch" else points
    weights = np.random.default_rng(1).random(203) if weighted else None
    vectors = Vectors(203, Table(lambda rows: arrays.take(given, rows), 7))
    centres = np.array([5, 9, 100, 7, 8, 202, 5, 0, 1])
    nearest = np.full(203, np.inf)
    totals = vectors.approach_in_turn(nearest, vectors.gather(centres), weights)
    running = np.minimum.accumulate(squares(points, points[centres]), axis=1)
    assert totals == pytest.approx((running * (1.0 if weights is None else weights[:, None])).sum(axis=0))
    assert nearest == pytest.approx(running[:, -1], abs=1e-12)


def test_outer_products_are_compared_without_being_formed() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(60, 3)), rng.normal(size=(60, 5))
    tables = (Table(lambda rows: left[rows], 3), Table(lambda rows: right[rows], 5, offset=1.0))
    vectors = Vectors(60, *tables)
    with_one = np.hstack([right, np.ones((60, 1))])  # an offset of 1 is one more feature of 1
    explicit = np.einsum("na,nb->nab", left, with_one).reshape(60, -1)
    assert vectors.norms == pytest.approx((explicit**2).sum(axis=1))
    few, others = vectors.gather(np.arange(5)), vectors.gather(np.arange(5, 60))
    assert vectors.between(few, others) == pytest.approx(squares(explicit[:5], explicit[5:]))
    nearest = np.full(60, np.inf)
    vectors.approach(nearest, few)
    assert nearest == pytest.approx(squares(explicit, explicit[:5]).min(axis=1), abs=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("weighted", [False, True])
def test_outer_products_one_centre_at_a_time_read_the_second_factor_where_it_can_matter(
    library, weighted, monkeypatch
) -> None:
    """Gradients: of rows predicted to be of another class the first factor says that they do not come nearer."""
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 12)
    rng, n = np.random.default_rng(0), 2000
    probs = rng.dirichlet(np.full(20, 0.05), n)
    left, right = np.eye(20)[probs.argmax(axis=1)] - probs, rng.normal(size=(n, 6))
    given = [torch.from_numpy(part) if library == "torch" else part for part in (left, right)]
    read = []

    def second(rows):
        found = arrays.take(given[1], rows)
        read.append(len(found))
        return found

    vectors = Vectors(n, Table(lambda rows: arrays.take(given[0], rows), 20), Table(second, 6, offset=0.25))
    with_one = np.hstack([right, np.full((n, 1), 0.5)])
    explicit = np.einsum("na,nb->nab", left, with_one).reshape(n, -1)
    centres = rng.permutation(n)[:40]
    weights = rng.random(n) if weighted else None
    running = np.minimum.accumulate(squares(explicit, explicit[centres]), axis=1)
    nearest, totals = np.full(n, np.inf), []
    read.clear()
    for centre in centres:
        totals += [*vectors.approach_in_turn(nearest, vectors.gather(np.array([centre])), weights)]
    assert nearest == pytest.approx(running[:, -1], abs=1e-12)
    assert totals == pytest.approx((running * (1.0 if weights is None else weights[:, None])).sum(axis=0))
    assert sum(read) < 0.4 * n * len(centres)


def test_copies_of_a_centre_are_at_distance_zero_and_never_below() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(1000 + rng.normal(size=(10, 50)), 20, axis=0).astype(np.float32)
    vectors = plain(points)  # far from the origin, where products keep no digit of the differences
    nearest = np.full(200, np.inf, dtype=np.float32)
    totals = vectors.approach_in_turn(nearest, vectors.gather(np.arange(0, 200, 20)))
    assert np.all(nearest >= 0)
    assert not nearest.any()
    assert totals[-1] == 0


def test_points_far_from_the_origin_keep_their_distances_once_centred() -> None:
    points = (1e4 + np.random.default_rng(0).normal(size=(100, 20))).astype(np.float32)
    _, vectors = centred(points, np.float32)
    nearest = np.full(100, np.inf, dtype=np.float32)
    vectors.approach(nearest, vectors.gather(np.array([0])))
    assert nearest[1:] == pytest.approx(squares(points, points[:1])[1:, 0], rel=1e-4)


@pytest.mark.parametrize("size", [1e-40, 1e-25, 1e25, 1e37])
def test_squares_that_float32_cannot_hold_are_scaled_by_a_power_of_two(size: float) -> None:
    points = (np.random.default_rng(0).normal(size=(50, 4)) * size).astype(np.float32)
    frame, vectors = centred(points, np.float32)
    assert frame.scale != 1.0
    assert np.log2(frame.scale) == round(np.log2(frame.scale))
    nearest = np.full(50, np.inf, dtype=np.float32)
    vectors.approach(nearest, vectors.gather(np.array([0])))
    distances = np.sqrt(squares(points / size, points[:1] / size)[:, 0])
    assert np.sqrt(nearest) / (frame.scale * size) == pytest.approx(distances, rel=2e-3, abs=1e-3)


def test_ordinary_points_are_not_scaled(points) -> None:
    assert centred(points, np.float64)[0].scale == 1.0
    assert safe_scale(np.empty(0), np.empty((0, 3))) == 1.0


def test_the_mean_is_taken_in_float64(points, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 9)
    single = (points + 1e6).astype(np.float32)
    exact = single.astype(np.float64).mean(axis=0)
    assert mean_point(single) == pytest.approx(exact, rel=1e-15)
    assert mean_point(torch.from_numpy(single), 0.5) == pytest.approx(exact / 2, rel=1e-15)


def test_some_rows_joined_are_the_rows(points) -> None:
    vectors = plain(points)
    few = vectors.gather(np.array([4, 8, 15]))
    again = Few.joined([few.some([0]), few.some(slice(1, None))])
    assert np.array_equal(again.parts[0], few.parts[0])
    assert np.array_equal(again.norms, few.norms)
