"""QUIRE, probabilistic active learning and expected output change against brute force and another package."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skactiveml.pool._probabilistic_al import cost_reduction

import claros
from claros.errors import InputError
from claros.strategies.small_pools import expected_gain


def kernel(left: np.ndarray, right: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((left[:, None] - right[None]) ** 2).sum(axis=2) / width**2)


def test_quire_is_the_worst_case_over_signs_of_the_best_case_over_the_rest() -> None:
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(7, 2)), rng.normal(size=(4, 2))
    labels, probs = np.array([0, 1, 2, 1]), rng.dirichlet(np.ones(3), 7)
    picked = claros.select(
        "quire", 2, features=pool, labeled_features=known, labels=labels, probs=probs, width=1.5, regularization=0.7
    )
    rows = np.concatenate([pool, known])
    inverse = np.linalg.inv(kernel(rows, rows, 1.5) + 0.7 * np.eye(11))
    signs = np.where(np.concatenate([probs.argmax(axis=1), labels])[:, None] == np.arange(3), 1.0, -1.0)
    marked, chosen = list(range(7, 11)), []
    for score in picked.scores:
        losses = {}
        for s in set(range(7)) - set(chosen):
            losses[s] = 0.0
            rest = [i for i in range(7) if i not in (*chosen, s)]
            for code in range(3):
                worst = -np.inf
                for sign in (-1.0, 1.0):
                    fixed = [*marked, s]
                    y = np.append(signs[marked, code], sign)
                    best = -np.linalg.solve(inverse[np.ix_(rest, rest)], inverse[np.ix_(rest, fixed)] @ y)
                    full = np.zeros(11)
                    full[fixed], full[rest] = y, best
                    worst = max(worst, float(full @ inverse @ full))
                told = signs[marked, code]
                losses[s] += worst - float(told @ inverse[np.ix_(marked, marked)] @ told)
        best_one = min(losses, key=losses.get)
        np.testing.assert_allclose(-score, losses[best_one])
        chosen.append(best_one)
        marked.append(best_one)
    assert picked.indices.tolist() == chosen


def test_the_expected_gain_by_hand() -> None:
    # No label near, two classes, one label ahead: accuracy 1/2 before. The label is either class with chance 1/2, then
    # the posterior is Dirichlet(2, 1), of mean 2/3: the gain is 1/6. With 3 labels of class 0, one label of class 1
    # (chance 1/5) does not change the decision: Dirichlet(4, 1) has 4/5, and after one label 4/5 on average: no gain.
    np.testing.assert_allclose(expected_gain(np.array([[0.0, 0.0], [3.0, 0.0]]), 1), [1 / 6, 0.0], atol=1e-12)


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_the_expected_gain_is_that_of_scikit_activeml(ahead: int) -> None:
    frequencies = np.random.default_rng(ahead).gamma(0.7, 2.0, (40, 3))
    theirs = cost_reduction(frequencies, m_max=ahead, prior=1.0)
    np.testing.assert_allclose(expected_gain(frequencies, ahead), np.maximum(theirs, 0.0), atol=1e-9)


def test_probabilistic_learning_asks_where_it_is_dense_and_nothing_is_known() -> None:
    rng = np.random.default_rng(1)
    pool = np.concatenate([rng.normal(0, 0.3, (30, 2)), rng.normal(5, 0.3, (30, 2)), [[20.0, 20.0]]])
    given = {"features": pool, "labeled_features": rng.normal(0, 0.3, (10, 2)), "labels": np.zeros(10, dtype=int)}
    picked = claros.select("mcpal", 1, **given, probs=np.full((61, 2), 0.5), width=1.0)
    assert 30 <= picked.indices[0] < 60


def test_the_expected_change_of_a_gaussian_process_is_that_of_fitting_it_again() -> None:
    rng = np.random.default_rng(2)
    pool, known = rng.normal(size=(9, 2)), rng.normal(size=(5, 2))
    labels, probs = np.array([0, 1, 1, 2, 0]), rng.dirichlet(np.ones(3), 9)
    signs = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)

    def outputs(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        return kernel(pool, rows, 1.3) @ np.linalg.solve(kernel(rows, rows, 1.3) + 0.1 * np.eye(len(rows)), values)

    expected = np.zeros(9)
    before = outputs(known, signs)
    for i, code in itertools.product(range(9), range(3)):
        for sign, chance in ((1.0, probs[i, code]), (-1.0, 1.0 - probs[i, code])):
            after = outputs(np.vstack([known, pool[i]]), np.append(signs[:, code], sign)[:, None])
            expected[i] += chance * np.abs(after[:, 0] - before[:, code]).mean() / 3
    given = {"features": pool, "labeled_features": known, "labels": labels, "probs": probs}
    selection = claros.select("emoc", 9, **given, width=1.3)
    np.testing.assert_allclose(selection.all_scores, expected, rtol=1e-9)


def test_a_large_pool_is_refused_with_a_way_out() -> None:
    pool = np.zeros((2001, 1))
    given = {"features": pool, "labeled_features": pool[:2], "labels": [0, 1], "probs": np.full((2001, 2), 0.5)}
    for name in ("quire", "mcpal", "emoc"):
        with pytest.raises(InputError, match=rf"at most 2000; got 2001.*subsample\({name}"):
            claros.select(name, 1, **given)
