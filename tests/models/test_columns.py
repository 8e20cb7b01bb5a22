"""Columns of classes that training never saw, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from claros.models.columns import (
    UNSEEN_LOGIT,
    Head,
    softmax,
    spread_decisions,
    spread_head,
    spread_logits,
    spread_probs,
)

SEEN = np.array([1, 3])


def test_probabilities_go_to_the_columns_of_their_classes() -> None:
    np.testing.assert_array_equal(spread_probs(np.array([[0.25, 0.75]]), SEEN, 4), [[0.0, 0.25, 0.0, 0.75]])
    members = spread_probs(np.array([[[0.25, 0.75], [1.0, 0.0]]]), SEEN, 4)
    np.testing.assert_array_equal(members, [[[0.0, 0.25, 0.0, 0.75], [0.0, 1.0, 0.0, 0.0]]])


def test_logits_are_centred_before_the_unseen_get_theirs() -> None:
    np.testing.assert_array_equal(
        spread_logits(np.array([[-998.0, -1002.0]]), SEEN, 4), [[UNSEEN_LOGIT, 2.0, UNSEEN_LOGIT, -2.0]]
    )


@pytest.mark.parametrize("shift", [0.0, -1000.0, 1000.0])
def test_unseen_classes_have_no_probability_wherever_the_logits_lie(shift: float) -> None:
    logits = np.array([[shift + 1.0, shift]])
    probs = softmax(spread_logits(logits, SEEN, 4))
    np.testing.assert_allclose(probs[:, SEEN], softmax(logits))
    assert probs[:, [0, 2]].max() < 1e-20


def test_the_head_gives_those_very_logits() -> None:
    rng = np.random.default_rng(0)
    embeddings, head = rng.normal(size=(5, 3)), Head(rng.normal(size=(2, 3)), np.array([-700.0, -701.0]))
    spread = spread_head(head, SEEN, 4)
    expected = spread_logits(embeddings @ head.weights.T + head.bias, SEEN, 4)
    np.testing.assert_allclose(embeddings @ spread.weights.T + spread.bias, expected, atol=1e-9)


def test_nothing_changes_when_all_classes_were_seen() -> None:
    logits, head = np.array([[3.0, 5.0]]), Head(np.ones((2, 3)), np.array([1.0, 2.0]))
    both = np.array([0, 1])
    assert spread_logits(logits, both, 2) is logits
    assert spread_head(head, both, 2) is head


def test_decision_values_of_two_classes_are_mirrored_and_unseen_classes_are_far_outside() -> None:
    # f = 0.5 says class 1 of the two seen, 0 and 2; class 1 of all three was never seen
    values = spread_decisions(np.array([0.5, -2.0]), np.array([0, 2]), 3)
    np.testing.assert_array_equal(values, [[-0.5, UNSEEN_LOGIT, 0.5], [2.0, UNSEEN_LOGIT, -2.0]])
