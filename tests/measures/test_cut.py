from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import SpectralClustering

from claros.arrays import Floats
from claros.measures.cut import normalised_cut, similarity


def cut_value(weights: Floats, part: NDArray[np.bool_]) -> float:
    """The definition: what is between the parts, over what each has in all."""
    between = weights[np.ix_(part, ~part)].sum()
    return float(between / weights[part].sum() + between / weights[~part].sum())


def clouds(rng: np.random.Generator, n: int, apart: float) -> tuple[Floats, NDArray[np.bool_]]:
    side = rng.random(n) < 0.5
    side[:2] = [False, True]
    return rng.normal(size=(n, 3)) + apart * side[:, None], side


def test_the_best_of_all_cuts_is_found_where_there_is_a_gap() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        points, side = clouds(rng, 11, 6.0)
        weights = similarity(points)
        assert weights is not None
        parts = [np.array([False, *rest]) for rest in itertools.product([False, True], repeat=10) if any(rest)]
        best = min(parts, key=lambda part: cut_value(weights, part))
        found, value = normalised_cut(weights)
        assert value == pytest.approx(cut_value(weights, best))
        assert found.tolist() == best.tolist()
        assert found.tolist() == (side ^ side[0]).tolist()


def test_the_cut_is_the_best_split_of_the_second_eigenvector() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        points, _ = clouds(rng, 30, 1.5)
        weights = similarity(points)
        assert weights is not None
        root = np.sqrt(weights.sum(axis=1))
        values, vectors = np.linalg.eigh(np.eye(30) - weights / np.outer(root, root))
        assert values[0] == pytest.approx(0, abs=1e-12)
        second = vectors[:, 1] / root
        splits = [second > level for level in np.sort(second)[:-1]]
        expected = min(cut_value(weights, split) for split in splits)
        found, value = normalised_cut(weights)
        assert value == pytest.approx(expected)
        assert cut_value(weights, found) == pytest.approx(value)


def test_it_divides_two_clouds_as_scikit_learns_spectral_clustering_does() -> None:
    points, _ = clouds(np.random.default_rng(2), 80, 3.0)
    weights = similarity(points)
    assert weights is not None
    theirs = SpectralClustering(2, affinity="precomputed", random_state=0).fit_predict(weights)
    found, _ = normalised_cut(weights)
    assert np.mean(found != (theirs != theirs[0])) <= 0.05


def test_separate_pieces_are_cut_apart_for_nothing() -> None:
    # both pieces have the eigenvalue 0, and any mixture of their indicators is an eigenvector
    weights = np.kron(np.eye(2), np.ones((4, 4)))
    found, value = normalised_cut(weights)
    assert value == 0.0
    assert found.tolist() == [False] * 4 + [True] * 4


def test_similarity_is_of_the_squared_distance_over_its_median() -> None:
    # distances of 0, 1 and 3 on a line: 1, 9 and 4, so the median of the squares is 4
    weights = similarity(np.array([[0.0], [1.0], [3.0]]))
    expected = np.exp(-np.array([[0.0, 1.0, 9.0], [1.0, 0.0, 4.0], [9.0, 4.0, 0.0]]) / 4)
    assert weights is not None
    np.testing.assert_allclose(weights, expected)


def test_similarity_does_not_depend_on_unit_or_place() -> None:
    points = np.random.default_rng(3).normal(size=(20, 4))
    expected = similarity(points)
    assert expected is not None
    for changed in (similarity(1e-6 * points), similarity(1e200 * points), similarity(points + 1e5)):
        assert changed is not None
        np.testing.assert_allclose(changed, expected, rtol=1e-6)


def test_points_of_which_most_are_one_still_have_a_width() -> None:
    # 4 of 5 are equal, so the median of the distances is 0; their mean square is 4/10 of 1
    weights = similarity(np.array([[0.0]] * 4 + [[1.0]]))
    assert weights is not None
    assert weights[0, 4] == pytest.approx(np.exp(-1 / 0.4))


def test_points_that_are_all_one_have_no_similarity() -> None:
    assert similarity(np.full((5, 3), 2.5)) is None
