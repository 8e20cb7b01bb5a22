"""Small features of images: principal components, and what random patches answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from claros.data import arrays
from claros.errors import InputError
from claros.experiment.replicate import patches
from claros.experiment.replicate.patches import components, small_features


def test_components_are_those_of_scikit_learn_up_to_sign() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 6)) @ np.diag([5, 4, 3, 2, 1, 0.5]) + 7
    centre, axes = components(rows, 3)
    theirs = PCA(3).fit(rows)
    np.testing.assert_allclose(centre, theirs.mean_, atol=1e-9)
    np.testing.assert_allclose(np.abs((axes * theirs.components_.T).sum(axis=0)), 1, atol=1e-9)


def test_features_of_rows_and_of_grey_images_are_scores_scaled_as_a_whole() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, size=(90, 5, 5), dtype=np.uint8)
    x, x_test = small_features(arrays(images[:60]), arrays(images[60:]), 4)
    flat = images.reshape(90, -1) / 255.0
    theirs = PCA(4).fit(flat[:60])
    ours, scores = np.vstack([x, x_test]), theirs.transform(flat)
    scores /= np.sqrt(np.mean(scores[:60] ** 2))
    np.testing.assert_allclose(np.abs(ours), np.abs(scores), atol=1e-4)
    assert ours.dtype == np.float32
    rows, _ = small_features(arrays(flat[:60]), arrays(flat[60:]), 4)
    np.testing.assert_allclose(np.abs(rows), np.abs(x), atol=1e-4)


def test_answers_of_patches_are_those_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every patch of every image, one at a time, against the few filters that the same stream draws."""
    monkeypatch.setattr(patches, "FILTERS", 3)
    images = np.random.default_rng(2).random((4, 8, 7, 3)).astype(np.float32)
    found = patches._answers(images, 0)
    rng = patches.stream(0, "patches")
    which, tops, lefts = rng.integers(4, size=4000), rng.integers(3, size=4000), rng.integers(2, size=4000)

    def normal(patch: np.ndarray) -> np.ndarray:
        flat = patch.ravel().astype(float)
        return (flat - flat.mean()) / np.sqrt(flat.var() + 1e-3)

    drawn = np.array([normal(images[i, a : a + 6, b : b + 6]) for i, a, b in zip(which, tops, lefts, strict=True)])
    centre, (values, vectors) = drawn.mean(axis=0), np.linalg.eigh(np.cov(drawn.T))
    whiten = vectors @ np.diag(1 / np.sqrt(values + 0.1)) @ vectors.T
    filters = [(one := (row - centre) @ whiten) / np.linalg.norm(one) for row in drawn[:3]]
    expected = np.zeros((4, 2, 2, 2, 3))  # image, half down, half across, positive or negative part, filter
    counts = np.zeros((2, 2))
    for top in range(3):  # rows 0 and 1 are the upper half of the three, column 0 the left of the two
        for left in range(2):
            place = int(top > 1), left
            counts[place] += 1
            for i in range(4):
                patch = (normal(images[i, top : top + 6, left : left + 6]) - centre) @ whiten
                answers = np.array([patch @ one for one in filters])
                expected[i][place] += [np.maximum(answers, 0), np.maximum(-answers, 0)]
    expected /= counts[None, :, :, None, None]
    np.testing.assert_allclose(found, expected.reshape(4, -1), atol=1e-4)


def test_what_has_no_pixels_and_no_numbers_is_refused() -> None:
    texts = arrays(["one", "two", "three"])
    with pytest.raises(InputError, match="texts"):
        small_features(texts, texts, 2)
