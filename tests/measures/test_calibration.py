from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from sklearn.calibration import calibration_curve

from claros.errors import InputError
from claros.measures.calibration import expected_calibration_error, fit_temperature, reliability


def brute_force(labels: np.ndarray, probs: np.ndarray, bins: int) -> float:
    """The definition, item by item and bin by bin."""
    confidence, correct = probs.max(axis=1), probs.argmax(axis=1) == labels
    error = 0.0
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        inside = [item for item in range(len(labels)) if low < confidence[item] <= high]
        if inside:
            gap = np.mean(correct[inside]) - np.mean(confidence[inside])
            error += len(inside) / len(labels) * abs(gap)
    return error


def test_worked_by_hand() -> None:
    # confidence 0.9 twice, right once; confidence 0.6 once, right: (2 |0.5 - 0.9| + 1 |1 - 0.6|) / 3 = 0.4
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert expected_calibration_error(np.array([0, 1, 1]), probs) == pytest.approx(0.4)


def test_certain_and_right_is_calibrated_and_certain_and_wrong_is_not() -> None:
    probs = np.eye(3)[[0, 1, 2, 0]]
    assert expected_calibration_error(np.array([0, 1, 2, 0]), probs) == 0.0
    assert expected_calibration_error(np.array([1, 2, 0, 1]), probs) == 1.0


def test_it_equals_the_definition_on_random_predictions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        classes, bins = int(rng.integers(2, 6)), int(rng.integers(1, 20))
        probs, labels = rng.dirichlet(np.ones(classes), 80), rng.integers(0, classes, 80)
        assert expected_calibration_error(labels, probs, bins=bins) == pytest.approx(brute_force(labels, probs, bins))


def test_the_table_equals_scikit_learns_calibration_curve() -> None:
    rng = np.random.default_rng(1)
    probs, labels = rng.dirichlet(np.ones(3), 500), rng.integers(0, 3, 500)
    table = reliability(labels, probs, bins=10)
    accuracy, confidence = calibration_curve(probs.argmax(axis=1) == labels, probs.max(axis=1), n_bins=10)
    filled = table.count > 0
    assert np.allclose(table.accuracy[filled], accuracy)
    assert np.allclose(table.confidence[filled], confidence)


def test_the_table_has_a_row_per_bin_and_nothing_in_empty_ones() -> None:
    table = reliability(np.array([0, 1]), np.array([[0.95, 0.05], [0.3, 0.7]]), bins=10)
    assert np.allclose(table.edges, np.arange(11) / 10)
    assert table.count.tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    assert np.isnan(table.accuracy[table.count == 0]).all()
    assert np.isnan(table.confidence[table.count == 0]).all()


def test_a_bin_is_closed_above() -> None:
    table = reliability(np.array([0]), np.array([[0.5, 0.5]]), bins=2)
    assert table.count.tolist() == [1, 0]


def test_a_confidence_a_little_over_one_is_in_the_last_bin() -> None:
    table = reliability(np.array([0]), np.array([[1.0 + 1e-7, 0.0]], dtype=np.float64), bins=4)
    assert table.count.tolist() == [0, 0, 0, 1]


def test_a_calibrated_model_has_a_small_error() -> None:
    # labels drawn from the very probabilities; 15 bins of 50,000 items: about sqrt(15 * 0.25 / 50000) = 0.009 at most
    rng = np.random.default_rng(2)
    probs = rng.dirichlet(np.ones(4), 50_000)
    labels = (rng.random((50_000, 1)) > probs.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    error = expected_calibration_error(labels, probs)
    assert error < 0.009, f"{error:.4f}, seed 2"


def test_torch_and_lists_are_taken() -> None:
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert expected_calibration_error([0, 1, 1], probs.tolist()) == pytest.approx(0.4)
    assert expected_calibration_error(torch.tensor([0, 1, 1]), torch.tensor(probs)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("labels", "probs", "message"),
    [
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "class code 2, but the probabilities have 2 classes"),
        ([0, -1], [[0.5, 0.5], [0.5, 0.5]], "negative class code"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "along axis L"),
        ([0], [[math.nan, 0.5]], "non-finite"),
        ([0], [[2.0, 0.5]], "do not sum to 1"),
        ([], np.zeros((0, 2)), "at least one labeled item"),
    ],
)
def test_what_does_not_belong_together_is_refused(labels: list[int], probs: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        expected_calibration_error(np.array(labels, dtype=np.int64), np.array(probs))


def test_bins_must_be_at_least_one() -> None:
    with pytest.raises(InputError, match="bins"):
        reliability(np.array([0]), np.array([[1.0]]), bins=0)


def test_one_temperature_makes_equal_confidences_the_share_that_is_right() -> None:
    # All predictions are 90 % sure, and k of n right: the likeliest confidence is k / n, and the confidences within the
    # interval are those of the binomial likelihood: 2 (log L(k / n) - log L(p)) <= 3.84, the 95 % quantile.
    n, right = 40, 30
    labels = np.array([0] * right + [1] * (n - right))
    found = fit_temperature(labels, np.tile([0.9, 0.1], (n, 1)))

    def confidence(temperature: float) -> float:
        return 1 / (1 + 9 ** (-1 / temperature))

    def behind(p: float) -> float:
        best = right / n
        return 2 * (right * math.log(best / p) + (n - right) * math.log((1 - best) / (1 - p)))

    assert confidence(found.value) == pytest.approx(right / n, abs=1e-5)
    assert behind(confidence(found.low)) == pytest.approx(chi2.ppf(0.95, 1), abs=1e-4)
    assert behind(confidence(found.high)) == pytest.approx(chi2.ppf(0.95, 1), abs=1e-4)
    assert found.low < found.value < found.high


def test_labels_that_are_all_right_leave_the_warm_side_open() -> None:
    # 30 of 30 right: colder is always likelier, so the value lies at the cold end, and a confidence p is refused once
    # 2 * 30 * -log p > 3.84, below p = 0.938
    found = fit_temperature(np.zeros(30, dtype=int), np.tile([0.9, 0.1], (30, 1)))
    assert found.value == found.low == pytest.approx(0.05)
    assert 1 / (1 + 9 ** (-1 / found.high)) == pytest.approx(math.exp(-chi2.ppf(0.95, 1) / 60), abs=1e-4)


def test_probabilities_of_zero_are_no_error_even_where_they_are_wrong() -> None:
    found = fit_temperature(np.array([0, 1, 1]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    assert found.low < found.value <= found.high <= 20
    assert found.value > 5
