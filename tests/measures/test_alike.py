"""The nearest in direction, against all distances in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from claros.measures import alike
from claros.measures.alike import most_alike
from memory import peak_bytes

RNG = np.random.default_rng


def found(points, k, among) -> np.ndarray:
    blocks = list(most_alike(points, k, among))
    assert [rows.start for rows, _ in blocks] == [0, *(rows.stop for rows, _ in blocks)][: len(blocks)]
    return np.concatenate([near for _, near in blocks])


def naive(points: np.ndarray, k: int, among: np.ndarray) -> np.ndarray:
    """From all distances between directions, in float64; ties by position; ascending."""
    units = []
    for table in (points.astype(np.float64), among.astype(np.float64)):
        table = table / np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-320)
        lengths = np.linalg.norm(table, axis=1, keepdims=True)
        units.append(table / np.where(lengths > 0, lengths, 1.0))
    squares = ((units[0][:, None] - units[1][None]) ** 2).sum(axis=2)
    return np.sort(np.argsort(np.round(squares, 12), axis=1, kind="stable")[:, :k], axis=1)


def heaps(n: int, width: int, seed: int) -> np.ndarray:
    rng = RNG(seed)
    return 3.0 + RNG(0).normal(size=(9, width))[rng.integers(0, 9, n)] + 0.2 * rng.normal(size=(n, width))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 7, 40])
def test_they_are_those_of_all_distances(dtype: type, k: int) -> None:
    for seed in range(3):
        points, among = heaps(700, 12, seed).astype(dtype), heaps(450, 12, seed + 9).astype(dtype)
        expected = naive(points, k, among)
        assert np.array_equal(found(points, k, among), expected)
        assert np.array_equal(found(torch.from_numpy(points), k, torch.from_numpy(among)), expected)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    points, among = heaps(300, 5, 0).astype(np.float32), heaps(430, 5, 1).astype(np.float32)
    monkeypatch.setattr(alike, "ACROSS", 64)
    monkeypatch.setattr(alike, "STEP_BYTES", 1 << 10)
    for k, groups in ((3, 1), (10, 2), (30, 8)):
        monkeypatch.setattr(alike, "GROUPS", groups)
        assert np.array_equal(found(points, k, among), naive(points, k, among))


def test_copies_and_what_float32_cannot_tell_apart_go_by_the_exact_distance_and_then_by_position() -> None:
    among = heaps(60, 6, 0)
    among = np.concatenate([among, 2.0 * among, among * (1 + 1e-9 * RNG(1).normal(size=among.shape))])
    points = heaps(80, 6, 2)
    assert np.array_equal(found(points, 5, among), naive(points, 5, among))
    same = np.ones((50, 3), dtype=np.float32)
    assert np.array_equal(found(points[:, :3], 4, same), np.tile(np.arange(4), (80, 1)))


def test_lengths_and_zeros() -> None:
    points, among = heaps(40, 4, 0) - 3.0, heaps(30, 4, 1) - 3.0
    expected = naive(points, 6, among)
    for size in (1e-300, 1e-20, 1e20, 1e300):
        assert np.array_equal(found(points * size, 6, among / size), expected)
    among[3] = 0.0
    points[5] = 0.0
    assert np.array_equal(found(points, 6, among)[np.arange(40) != 5], naive(points, 6, among)[np.arange(40) != 5])
    assert 3 in found(points, 1, among)[5], "the distance of zeros to zeros is 0"


def test_fewer_where_there_are_fewer() -> None:
    points = heaps(20, 3, 0)
    assert found(points, 9, heaps(4, 3, 1)).tolist() == [[0, 1, 2, 3]] * 20
    assert found(points, 9, points[:0]).shape == (20, 0)


def test_nothing_large_is_held() -> None:
    points, among = RNG(0).normal(size=(20_000, 8)).astype(np.float32), RNG(1).normal(size=(3000, 8))

    def call() -> None:
        for _ in most_alike(points, 10, among.astype(np.float32)):
            pass

    call()
    peak = peak_bytes(call)
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; all pairs take 229"
