"""Quotas by predicted class: exact, without a look at labels, and nothing but the base where there is no rule."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros.compose.medial import quotas
from claros.errors import InputError


def pool(n: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([3.0, 1.0, 0.5], n)


def test_quotas_are_full_exact_and_proportional() -> None:
    rng = np.random.default_rng(0)
    # .5, .4, .1 of 10, but the first class has 2: the 3 it lacks go 4 : 1 to the others
    assert quotas(10, np.array([0.5, 0.4, 0.1]), np.array([2, 100, 100]), rng).tolist() == [2, 6, 2]
    assert quotas(9, np.full(3, 1 / 3), np.array([1, 5, 9]), rng).tolist() == [1, 4, 4]
    assert quotas(50, np.full(3, 1 / 3), np.array([1, 5, 9]), rng).tolist() == [1, 5, 9]
    for seed in range(20):
        some = np.random.default_rng(seed)
        sizes = some.integers(0, 30, 5)
        got = quotas(25, some.dirichlet(np.ones(5)), sizes, some)
        assert got.sum() == min(25, sizes.sum())
        assert (got <= sizes).all()


def test_the_source_rule_without_weights_is_the_strategy_itself() -> None:
    probs = pool()
    plain = claros.select("margin", 12, probs=probs)
    same = claros.select("malls(margin, rule=source)", 12, probs=probs)
    assert plain.indices.tolist() == same.indices.tolist()


def test_uniform_quotas_give_each_predicted_class_as_many_and_its_most_doubtful_ones() -> None:
    probs = pool(400)
    picked = claros.select("malls(margin)", 30, probs=probs)
    predicted = probs.argmax(axis=1)
    assert np.bincount(predicted[picked.indices], minlength=3).tolist() == [10, 10, 10]
    doubt = 1 - (np.sort(probs, axis=1)[:, -1] - np.sort(probs, axis=1)[:, -2])
    for code in range(3):
        rows = np.flatnonzero(predicted == code)
        best = rows[np.argsort(-doubt[rows])[:10]]
        assert set(best) == set(picked.indices[predicted[picked.indices] == code])


def test_the_target_rule_follows_the_weights_of_what_is_labeled() -> None:
    # Labels are half and half; weights .2 and 1.8: the target is 10 % and 90 %.
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.05, 0.95, 400)
    given = {"probs": np.column_stack([chance, 1 - chance]), "labels": [0, 1] * 10, "class_weights": [0.2, 1.8]}
    picked = claros.select("malls(margin, rule=target, adjust=false)", 20, **given)
    predicted = given["probs"].argmax(axis=1)[picked.indices]
    assert np.bincount(predicted).tolist() == [2, 18]
    root = claros.select("malls(margin, rule=square_root, adjust=false)", 20, **given)
    mean = given["probs"].mean(axis=0)
    share = np.sqrt(mean * [0.1, 0.9])
    count = np.bincount(given["probs"].argmax(axis=1)[root.indices])[0]
    assert abs(count - 20 * share[0] / share.sum()) <= 1


def test_adjusted_predictions_decide_the_class_and_the_score() -> None:
    # By weights 1 and 4, (.7, .3) becomes (.37, .63), and (.8, .2) is the most doubtful, (.5, .5).
    probs = np.array([[0.7, 0.3], [0.8, 0.2], [0.99, 0.01]])
    given = {"probs": probs, "class_weights": [1.0, 4.0], "labels": [0, 1]}
    assert claros.select("malls(margin, rule=source)", 1, **given).indices.tolist() == [1]
    assert claros.select("malls(margin, rule=source, adjust=false)", 1, **given).indices.tolist() == [0]


def test_a_strategy_that_picks_by_itself_gets_one_class_at_a_time() -> None:
    probs = pool(120)
    rng = np.random.default_rng(1)
    picked = claros.select("malls(badge)", 9, probs=probs, embeddings=rng.normal(size=(120, 4)))
    assert np.bincount(probs.argmax(axis=1)[picked.indices], minlength=3).tolist() == [3, 3, 3]


def test_a_rule_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="power"):
        claros.strategies.get("malls(margin, rule=1.5)")
    with pytest.raises(InputError, match="square_root"):
        claros.strategies.get("malls(margin, rule=squareroot)")
