"""Regression, sequences and annotators: examples by hand, other packages, and loops written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t
from skactiveml.pool import GreedySamplingX

import claros
from claros.errors import InputError
from claros.measures.annotators import active_label_quality, agreement_bounds, dawid_skene, majority
from claros.strategies.regression import emcm, greedy_both, greedy_values
from claros.strategies.sequence import mnlp, token_uncertainty


def test_greedy_sampling_in_features_is_that_of_scikit_activeml() -> None:
    rng = np.random.default_rng(0)
    known, pool = rng.normal(size=(4, 3)), rng.normal(size=(30, 3))
    theirs = GreedySamplingX(random_state=0).query(
        np.concatenate([known, pool]), np.append(np.zeros(4), np.full(30, np.nan)), batch_size=6
    )
    ours = claros.select("greedy_features", 6, features=pool, labeled_features=known)
    assert ours.indices.tolist() == (np.asarray(theirs) - 4).tolist()


def test_greedy_sampling_in_values_and_in_both_by_hand() -> None:
    # Labeled value 0 at feature 0. Predictions 1, 5, 4 at features 10, 1, 2. Values alone: 5, then 1 (1 from 0, 4
    # from 5) is as far as 4 is near: 4 is 1 from 5, 1 is 1 from 0: tied.
    predicted, features = np.array([1.0, 5.0, 4.0]), np.array([[10.0], [1.0], [2.0]])
    rng = np.random.default_rng(0)
    picked = greedy_values(1, predicted_values=predicted, labeled_values=np.array([0.0]), rng=rng)
    assert picked.indices.tolist() == [1]
    assert picked.scores.tolist() == [5.0]
    # Products: 10·1 = 10, 1·5 = 5, 2·4 = 8. After the first: min(5, 9·4 = 36) = 5, min(8, 8·3 = 24) = 8.
    both = greedy_both(
        3,
        features=features,
        labeled_features=np.array([[0.0]]),
        predicted_values=predicted,
        labeled_values=np.array([0.0]),
        rng=rng,
    )
    assert both.indices.tolist() == [0, 2, 1]
    # and last min(5, 36, 1·1 = 1) = 1
    np.testing.assert_allclose(both.scores, [10.0, 8.0, 1.0])


def test_the_expected_model_change_of_a_regression_by_hand() -> None:
    # |1 - 2| and |4 - 2| have the mean 1.5; (3, 4) has length 5.
    scores = emcm(
        member_values=np.array([[1.0, 4.0]]), predicted_values=np.array([2.0]), embeddings=np.array([[3.0, 4.0]])
    )
    assert scores.tolist() == [7.5]
    assert claros.select("value_variance", 1, member_values=[[1.0, 1.0], [0.0, 4.0]]).scores.tolist() == [4.0]


def tokens() -> np.ndarray:
    return np.array(
        [
            [[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
            [[0.6, 0.4], [0.6, 0.4], [0.0, 0.0], [0.0, 0.0]],
            [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]],
        ]
    )


def test_the_mean_log_probability_is_per_token() -> None:
    expected = -np.array([np.log(0.5) / 4, np.log(0.6), np.log(0.9)])
    np.testing.assert_allclose(mnlp(token_probs=tokens()), expected, atol=1e-12)


def test_tokens_uncertainty_is_reduced_as_asked() -> None:
    half = -(0.6 * np.log(0.6) + 0.4 * np.log(0.4))
    nine = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    np.testing.assert_allclose(token_uncertainty(token_probs=tokens()), [np.log(2) / 4, half, nine])
    np.testing.assert_allclose(token_uncertainty(token_probs=tokens(), reduce="sum"), [np.log(2), 2 * half, 4 * nine])
    np.testing.assert_allclose(token_uncertainty(token_probs=tokens(), reduce="max"), [np.log(2), half, nine])
    least = token_uncertainty(token_probs=tokens(), measure="margin", reduce="max")
    np.testing.assert_allclose(least, [1.0, 0.8, 0.2])


def test_tokens_after_the_padding_and_half_probabilities_are_refused() -> None:
    late = tokens()
    late[1, 3] = [0.5, 0.5]
    with pytest.raises(InputError, match=r"token_probs has 1 item.*after the padding, the first at index 1"):
        claros.select("mnlp", 1, token_probs=late)
    half = tokens()
    half[2, 0] = [0.4, 0.4]
    with pytest.raises(InputError, match=r"token_probs has 1 item.*do not sum to 1.*index 2"):
        claros.select("mnlp", 1, token_probs=half)


def crowd(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    confusion = np.stack([0.9 * np.eye(3) + 0.1 / 3, 0.6 * np.eye(3) + 0.4 / 3, np.full((3, 3), 1 / 3)])
    confusion[2] = [[0.1, 0.9, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]  # confuses two classes, and always
    said = np.array([[rng.choice(3, p=table[c]) for table in confusion] for c in truth])
    said[rng.random(said.shape) < 0.3] = -1
    return said, truth, confusion


def test_dawid_and_skene_find_the_annotators_ways_and_do_better_than_the_majority() -> None:
    said, truth, confusion = crowd(0)
    found = dawid_skene(said, 3)
    ours, votes = (np.mean(p.argmax(axis=1) == truth) for p in (found.probs, majority(said, 3)))
    assert ours > votes + 0.05
    assert np.abs(found.confusion - confusion).max() < 0.12
    assert np.abs(found.prior - [0.5, 0.3, 0.2]).max() < 0.06


def test_the_consensus_is_a_fixed_point_of_em_written_out() -> None:
    said, _, _ = crowd(1, 60)
    found = dawid_skene(said, 3, smoothing=0.01, tolerance=1e-13)
    confusion = np.full((3, 3, 3), 0.01)
    prior = np.full(3, 0.01)
    for i, row in enumerate(said):
        if (row >= 0).any():
            prior += found.probs[i]
        for a, d in enumerate(row):
            if d >= 0:
                confusion[a, :, d] += found.probs[i]
    confusion /= confusion.sum(axis=2, keepdims=True)
    prior /= prior.sum()
    for i, row in enumerate(said):
        chances = prior.copy()
        for a, d in enumerate(row):
            if d >= 0:
                chances *= confusion[a, :, d]
        np.testing.assert_allclose(found.probs[i], chances / chances.sum(), atol=1e-9)


def test_the_bounds_of_agreement_count_each_annotators_own_labels() -> None:
    # Items: (0, 0, 0), (0, 0, 1), (1, 1, 1), (0, -, -). The third annotator agrees with the majority 2 of 3 times; the
    # last item has one vote and does not count. Mean 2/3, deviation of (1, 0, 1) 0.577, standard error 1/3.
    said = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1], [0, -1, -1]])
    bounds = agreement_bounds(said, 2, alpha=0.1)
    np.testing.assert_allclose(bounds[:2], 1.0)
    np.testing.assert_allclose(bounds[2], 2 / 3 + t.ppf(0.95, 2) / 3)
    assert np.isinf(agreement_bounds(said[:1], 2)).all()


def test_items_that_annotators_contradict_each_other_about_come_before_those_they_agree_on() -> None:
    said = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 1], [0, -1, -1], [-1, -1, -1], [-1, -1, -1]])
    probs = np.array([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6], [0.9, 0.1], [0.98, 0.02], [0.5, 0.5]])
    quality = active_label_quality(said, probs)
    assert quality[2] < min(quality[0], quality[1])  # contradicted, below agreed on
    assert quality[5] < quality[4]  # unlabeled and doubtful, below unlabeled and sure
    assert quality[5] < quality[0]
    assert ((quality >= 0) & (quality <= 1)).all()
    order = claros.select("active_lab", 6, annotations=said, probs=probs).indices.tolist()
    assert order.index(5) < order.index(0)


def test_votes_below_minus_one_are_refused() -> None:
    with pytest.raises(InputError, match="annotations has 1"):
        claros.select("active_lab", 1, annotations=[[0, -2]], probs=[[0.5, 0.5]])
