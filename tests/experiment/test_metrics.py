from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from claros.errors import InputError
from claros.experiment import metrics

LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBS = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.5, 0.3, 0.2], [0.3, 0.6, 0.1]]
)  # predicted: 0 0 1 1 0 1


def test_worked_by_hand() -> None:
    assert metrics.accuracy(LABELS, PROBS) == 0.5
    assert metrics.confusion(LABELS, PROBS).tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    classes = metrics.per_class(LABELS, PROBS)
    assert classes.precision == pytest.approx([2 / 3, 1 / 3, 0])
    assert classes.recall == pytest.approx([2 / 3, 1 / 2, 0])
    assert classes.f1 == pytest.approx([2 / 3, 2 / 5, 0])
    assert classes.support.tolist() == [3, 2, 1]
    assert metrics.macro_f1(LABELS, PROBS) == pytest.approx((2 / 3 + 2 / 5) / 3)
    assert metrics.nll(LABELS, PROBS) == pytest.approx(-math.log(0.8 * 0.6 * 0.2 * 0.9 * 0.3 * 0.1) / 6)
    assert metrics.ece(LABELS, PROBS, bins=1) == pytest.approx(abs(0.5 - PROBS.max(axis=1).mean()))


def test_they_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        classes = int(rng.integers(2, 7))
        probs = rng.dirichlet(np.ones(classes), 60)
        labels = rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, 60 - classes)]))
        predicted = probs.argmax(axis=1)
        got = metrics.evaluate(labels, probs)
        precision, recall, f1, support = precision_recall_fscore_support(
            labels, predicted, labels=range(classes), zero_division=0
        )
        assert got["accuracy"] == accuracy_score(labels, predicted)
        assert got["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))
        assert got["nll"] == pytest.approx(log_loss(labels, probs, labels=range(classes)))
        assert got["precision"] == pytest.approx(precision.tolist())
        assert got["recall"] == pytest.approx(recall.tolist())
        assert got["f1"] == pytest.approx(f1.tolist())
        assert got["support"] == support.tolist()
        assert got["confusion"] == confusion_matrix(labels, predicted, labels=range(classes)).tolist()


def test_a_class_absent_from_the_labels_is_left_out_of_macro_f1_but_its_false_alarms_count() -> None:
    labels = np.array([0, 0, 1, 1])
    probs = np.eye(4)[[0, 2, 1, 1]]  # one item of class 0 is taken for class 2; class 3 is nowhere
    classes = metrics.per_class(labels, probs)
    for values in (classes.precision, classes.recall, classes.f1):
        assert np.isnan(values).tolist() == [False, False, True, True]
    assert metrics.macro_f1(labels, probs) == pytest.approx((2 / 3 + 1) / 2)
    expected = f1_score(labels, probs.argmax(axis=1), labels=[0, 1], average="macro")
    assert metrics.macro_f1(labels, probs) == pytest.approx(expected)


def test_evaluate_is_json_with_null_for_what_does_not_exist() -> None:
    got = metrics.evaluate(np.array([0, 0]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert got["recall"] == [0.5, None]
    assert got["n"] == 2


def test_evaluate_gives_what_the_single_functions_give() -> None:
    got = metrics.evaluate(LABELS, PROBS, bins=7)
    assert got["accuracy"] == metrics.accuracy(LABELS, PROBS)
    assert got["macro_f1"] == metrics.macro_f1(LABELS, PROBS)
    assert got["nll"] == metrics.nll(LABELS, PROBS)
    assert got["ece"] == metrics.ece(LABELS, PROBS, bins=7)
    assert got["confusion"] == metrics.confusion(LABELS, PROBS).tolist()


def test_a_probability_of_zero_for_the_truth_costs_much_but_not_infinitely() -> None:
    certain_and_wrong = np.array([[0.0, 1.0]])
    assert metrics.nll(np.array([0]), certain_and_wrong) == pytest.approx(-math.log(2.220446049250313e-16))
    assert metrics.nll(np.array([1]), certain_and_wrong) == 0.0


def test_equal_probabilities_predict_the_first_class() -> None:
    assert metrics.accuracy(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])) == 0.5


def test_float32_is_taken_as_it_is() -> None:
    assert metrics.nll(LABELS, PROBS.astype(np.float32)) == pytest.approx(metrics.nll(LABELS, PROBS), abs=1e-6)


def test_inputs_are_only_read() -> None:
    labels, probs = LABELS.copy(), PROBS.copy()
    labels.flags.writeable = probs.flags.writeable = False
    metrics.evaluate(labels, probs)


@pytest.mark.parametrize(
    "function",
    [
        metrics.accuracy,
        metrics.macro_f1,
        metrics.nll,
        metrics.ece,
        metrics.confusion,
        metrics.per_class,
        metrics.evaluate,
    ],
)
def test_unknown_labels_are_refused_by_all(function: object) -> None:
    with pytest.raises(InputError, match="negative class code"):
        function(np.array([0, -1]), np.array([[0.5, 0.5], [0.5, 0.5]]))  # type: ignore[operator]
