"""The pool on a plane: principal components as NumPy finds them, maps that are the same every time."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from claros.data import Pool, arrays
from claros.report.embedding import Space, find_space, neighbours_map
from claros.report.sections.plane import _nearest


def space_of(pool: Pool) -> Space:
    found = find_space(pool)
    assert isinstance(found, Space), found
    return found


def test_components_are_those_of_the_scaled_rows() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 12)) * np.geomspace(1, 100, 12) @ rng.normal(size=(12, 12))
    places = space_of(arrays(rows, np.zeros(400, int))).place(np.arange(400))
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    _, _, axes = np.linalg.svd(scaled, full_matrices=False)
    assert np.allclose(np.abs(places), np.abs(scaled @ axes.T), atol=1e-6)
    assert np.abs(places.mean(axis=0)).max() < 1e-9


def test_images_of_any_size_and_constant_rows_have_places() -> None:
    rng = np.random.default_rng(0)
    for items in (
        rng.integers(0, 256, size=(40, 50, 33, 3), dtype=np.uint8),
        rng.integers(0, 256, size=(40, 8, 8), dtype=np.uint8),
        np.ones((40, 3)),
        rng.normal(size=(40, 1)),
    ):
        pool = arrays(items, np.zeros(40, int))
        places = space_of(pool).place(np.arange(40))
        assert np.isfinite(places).all()


def test_texts_with_the_same_words_are_near() -> None:
    texts = [f"a dog barks {i}" for i in range(20)] + [f"the ship sails {i}" for i in range(20)]
    places = space_of(arrays(texts, [0, 1] * 20)).place(np.arange(40))
    dogs, ships = places[:20, 0], places[20:, 0]
    assert max(dogs.max() - dogs.min(), ships.max() - ships.min()) < abs(dogs.mean() - ships.mean())


def test_a_map_of_neighbours_is_the_same_twice_and_keeps_groups_apart() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 40)
    places = rng.normal(size=(80, 5)) + 12 * group[:, None]
    first, second = neighbours_map(places), neighbours_map(places)
    assert isinstance(first, np.ndarray)
    assert np.array_equal(first, np.asarray(second))
    distance = np.linalg.norm(first[:, None] - first, axis=-1) + 1e9 * np.eye(80)
    assert (group[distance.argmin(axis=1)] == group).all()


def test_what_needs_scikit_learn_says_so_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    for said in (neighbours_map(np.zeros((20, 3))), find_space(arrays(["a", "b"], [0, 1]))):
        assert isinstance(said, str)
        assert "pip install 'claros[sklearn]'" in said


def test_the_nearest_label_is_the_nearest() -> None:
    rng = np.random.default_rng(0)
    probes, labeled = rng.normal(size=(30, 4)), rng.normal(size=(1200, 4))
    brute = [min(float(np.linalg.norm(probe - one)) for one in labeled) for probe in probes]
    assert _nearest(probes, labeled) == pytest.approx(brute)
