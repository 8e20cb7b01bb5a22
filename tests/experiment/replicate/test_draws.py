"""The data of the presets: the moments of the published recipes, and splits worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from claros.data import load
from claros.errors import DataError
from claros.experiment.replicate import draws


def test_three_clusters_have_the_published_centres_and_variance() -> None:
    """2,500 points a cluster: means within 5 standard errors (0.1), variances within 0.15; fails once in 1e6 draws."""
    x, y = draws.three_clusters(np.random.default_rng(0), n=2500)
    assert x.shape == (10000, 2)
    centres = [(0.0, 0.0), (4.0, 3.0), (0.0, 6.0), (4.0, 3.0)]
    for cluster, (centre, code) in enumerate(zip(centres, (1, 1, 0, 0), strict=True)):
        part = slice(2500 * cluster, 2500 * (cluster + 1))
        assert (y[part] == code).all()
        np.testing.assert_allclose(x[part].mean(axis=0), centre, atol=0.1)
        np.testing.assert_allclose(np.cov(x[part].T), np.eye(2), atol=0.15)
    assert len(draws.three_clusters(np.random.default_rng(0)).y) == 600


def test_the_best_accuracy_on_three_clusters_is_what_their_overlap_leaves() -> None:
    """Two clusters apart by 6 are told almost surely, the two others not at all: (1 + 1/2) / 2 of the points."""
    x, y = draws.three_clusters(np.random.default_rng(1), n=4000)
    guess = np.where(x[:, 1] + 2.4 * np.maximum(x[:, 0] - 2, 0) < 3, 1, 0)
    assert (guess == y).mean() == pytest.approx(0.75, abs=0.02)


def test_diverging_sin_lies_on_its_two_waves() -> None:
    """The residuals are normal with deviation 0.3: over 2 x 1,000 points their deviation is within 0.025 of it."""
    x, y = draws.diverging_sin(np.random.default_rng(0))
    t = x[:, 0]
    wave = np.sin(2 * t) + np.where(y == 1, 0.5, -0.5) * t
    assert x.shape == (2000, 2)
    assert t.min() == 0
    assert t.max() == 10
    assert np.bincount(y).tolist() == [1000, 1000]
    assert (x[:, 1] - wave).std() == pytest.approx(0.3, abs=0.025)
    assert abs((x[:, 1] - wave).mean()) < 0.04


def test_parts_are_whole_shares_of_the_rows_without_overlap() -> None:
    rows = draws.Labeled(np.arange(11.0)[:, None], np.arange(11))
    parts = draws.divided(rows, [0.2, 0.5], np.random.default_rng(0))
    assert [len(part.y) for part in parts] == [2, 5, 4]
    assert sorted(np.concatenate([part.y for part in parts]).tolist()) == list(range(11))
    assert all((part.x[:, 0] == part.y).all() for part in parts)


def test_scaling_by_hand() -> None:
    rows = draws.Labeled(np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]]), np.zeros(3, int))
    assert draws.scaled_to_unit(rows, rows.x).x.tolist() == [[0, 0], [0.5, 0], [1, 0]]
    assert draws.scaled_to_unit(rows, 2 * rows.x).x[:, 0].tolist() == [0, 0.25, 0.5]
    deviation = np.sqrt(8 / 3)
    np.testing.assert_allclose(draws.standardised(rows, rows.x).x, [[-2 / deviation, 0], [0, 0], [2 / deviation, 0]])


def test_what_is_written_is_read_as_pool_and_test_with_the_validation_items_aside(tmp_path: Path) -> None:
    rows = draws.three_clusters(np.random.default_rng(0), n=5)
    test, held, pool = draws.divided(rows, [0.25, 0.25], np.random.default_rng(0))
    path = draws.write(tmp_path / "data" / "some.npz", {"train": pool, "val": held, "test": test}, ("no", "yes"))
    train, rest = load(path)
    assert rest is not None
    assert (len(train), len(rest), train.classes) == (10, 5, ("no", "yes"))
    assert train.report()["set_aside"] == 5
    np.testing.assert_array_equal(np.array(train.labels), pool.y)
    before = path.read_bytes()
    draws.write(path, {"train": test}, ("no", "yes"))
    assert path.read_bytes() == before


def test_images_become_rows_from_0_to_1_and_a_protocol_that_splits_gets_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2) * 10
    np.savez(path, x_train=images[:4], y_train=[0, 1, 0, 1], x_test=images[4:], y_test=[1, 0])
    train, test, classes = draws.read_rows(path)
    assert classes == ("0", "1")
    np.testing.assert_allclose(train.x, images[:4].reshape(4, 4) / 255)
    assert test.y.tolist() == [1, 0]
    rows, _ = draws.read_all_rows(path)
    assert rows.y.tolist() == [0, 1, 0, 1, 1, 0]


def test_data_without_a_test_part_or_without_labels_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez(path, x=np.eye(4), y=[0, 1, 0, 1])
    with pytest.raises(DataError, match=r"has no test part.*is_test"):
        draws.read_rows(path)
    np.savez(path, x=np.eye(4))
    with pytest.raises(DataError, match="all labeled"):
        draws.read_all_rows(path)
