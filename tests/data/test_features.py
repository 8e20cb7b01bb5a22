"""Fixed features: those given, else made of the content in a way that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.preprocessing import StandardScaler

from claros import data
from claros.errors import DataError


def test_given_features_are_the_fixed_ones() -> None:
    given = np.arange(6.0).reshape(3, 2)
    pool = data.arrays(["p", "q", "r"], features=given)
    assert pool.has_features
    assert np.array_equal(pool.fixed_features, given)


def test_rows_are_standardised_as_scikit_learn_does_it() -> None:
    x = np.random.default_rng(0).normal(3.0, [1e-3, 1.0, 1e6], size=(40, 3))
    np.testing.assert_allclose(data.arrays(x).fixed_features, StandardScaler().fit_transform(x), atol=1e-5)


def test_constant_columns_are_zero_and_missing_values_the_mean() -> None:
    x = np.array([[0.1, 1.0, np.nan], [0.1, 3.0, np.nan], [0.1, np.nan, np.nan]])
    assert data.arrays(x).fixed_features.tolist() == [[0, -1, 0], [0, 1, 0], [0, 0, 0]]


def test_small_images_are_their_pixels_from_0_to_1() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(5, 8, 8), dtype=np.uint8)
    np.testing.assert_allclose(data.arrays(images).fixed_features, images.reshape(5, 64) / 255.0, atol=1e-7)


@pytest.mark.parametrize("shape", [(40, 33), (17, 5), (32, 32, 3), (16, 16, 3)])
def test_large_images_are_means_of_square_blocks(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(3, *shape), dtype=np.uint8)
    step = 1
    while max(shape[:2]) > 16 * step:
        step += 1
    expected = [
        [
            images[n, top : top + step, left : left + step].mean(axis=(0, 1)) / 255.0
            for top in range(0, shape[0], step)
            for left in range(0, shape[1], step)
        ]
        for n in range(3)
    ]
    found = data.arrays(images).fixed_features
    assert found.shape[1] <= 16 * 16 * 3
    np.testing.assert_allclose(found, np.array(expected).reshape(3, -1), atol=1e-6)


def test_texts_about_the_same_are_near_each_other() -> None:
    birds = ["the finch sings at dawn", "a finch sings", "the wren sings at dawn", "a wren and a finch sing at dawn"]
    trees = ["oak bark and oak leaves", "leaves of the old oak", "the bark of an ash", "an old ash has leaves"]
    features = data.arrays([*birds, *trees]).fixed_features
    assert features.shape[0] == 8
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    similar = features @ features.T
    np.fill_diagonal(similar, -1)
    assert [int(row.argmax()) < 4 for row in similar] == [True] * 4 + [False] * 4
    again = data.arrays([*birds, *trees]).fixed_features
    assert np.array_equal(features, again)


def test_texts_of_one_word_or_none_are_no_trouble() -> None:
    assert data.arrays(["finch", "finch finch", ""]).fixed_features.tolist() == [[1], [1], [0]]
    with pytest.raises(DataError, match="no text has a word"):
        _ = data.arrays(["", "?!"]).fixed_features


def test_sounds_have_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(80), 8000)
    pool = data.audio_folder(tmp_path)
    assert not pool.has_features
    assert pool.fixed_features is None


def test_features_are_made_once_and_cannot_be_written_through() -> None:
    pool = data.arrays(np.eye(3))
    assert pool.fixed_features is pool.fixed_features
    with pytest.raises(ValueError, match="read-only"):
        pool.fixed_features[0, 0] = 1.0
