"""What more labels would bring, from the accuracies so far."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import curve_fit, nnls

from claros import estimate
from claros.arrays import Floats
from claros.errors import InputError, NoEstimateError
from claros.estimate.curves import fit_curves
from claros.estimate.families import FAMILIES, fit_family
from claros.estimate.learning_curve import outlook

LABELS = np.arange(20.0, 420.0, 20.0)
learning_curve = estimate.get("learning_curve")

CURVES: dict[str, Callable[[Floats], Floats]] = {
    "pow3": lambda n: 0.1 + n**-0.5,
    "exp3": lambda n: 0.1 + 0.6 * np.exp(-n / 100),
    "pow4": lambda n: 0.05 + 30 / (n + 60),
    "mmf4": lambda n: 0.1 + 0.7 / (1 + (n / 60) ** 1.5),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("at", [420, 800, 4000])
def test_without_noise_it_finds_the_gain_of_the_curve(name: str, at: int) -> None:
    error = CURVES[name]
    gain = float(error(LABELS[-1:])[0] - error(np.array([float(at)]))[0])
    estimated = learning_curve(label_counts=LABELS, accuracies=1 - error(LABELS), at=at)
    # shapes are found to 1 %
    assert estimated.value == pytest.approx(gain, rel=0.03)
    assert estimated.high - estimated.low < 0.1 * gain


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_fits_as_well_as_nonlinear_least_squares(name: str) -> None:
    rng = np.random.default_rng(0)
    errors = CURVES[name](LABELS) + 0.01 * rng.normal(size=LABELS.size) * np.sqrt(100 / LABELS)
    x, weights = LABELS / LABELS[-1], LABELS / LABELS.sum()
    shapes: dict[str, Callable[..., Floats]] = {
        "pow3": lambda x, c, a, b: c + a * x**-b,
        "exp3": lambda x, c, a, b: c + a * np.exp(-b * x),
        "pow4": lambda x, c, a, b, d: c + a * (x + d) ** -b,
        "mmf4": lambda x, c, a, b, d: c + a / (1 + (x / d) ** b),
    }
    low, high = ([float(np.exp(axis[end])) for axis in FAMILIES[name].axes] for end in (0, -1))
    start = [0.1, 0.2, 1.0, 0.2][: 2 + len(low)]
    noise = 1 / np.sqrt(weights)
    best, _ = curve_fit(shapes[name], x, errors, start, noise, bounds=([0, 0, *low], [1, 50, *high]), maxfev=20_000)
    oracle = float(weights @ (errors - shapes[name](x, *best)) ** 2)
    ours = fit_family(FAMILIES[name], x, errors[None, :], weights)
    curve = ours.rest[0] + ours.drop[0] * FAMILIES[name].f(ours.shape[0], x)
    assert ours.squares[0] == pytest.approx(weights @ (errors - curve) ** 2, rel=1e-6)
    assert ours.squares[0] <= 1.01 * oracle


@pytest.mark.parametrize("name", FAMILIES)
def test_many_curves_at_once_are_fitted_as_by_brute_force_with_both_parts_not_negative(name: str) -> None:
    rng, family = np.random.default_rng(0), FAMILIES[name]
    x, weights = LABELS / LABELS[-1], LABELS / LABELS.sum()
    curves = np.stack([error(LABELS) for error in CURVES.values()] + [LABELS**-0.3, LABELS / 1000, 0 * LABELS + 0.2])
    curves = curves + 0.02 * rng.normal(size=curves.shape)
    found = fit_family(family, x, curves, weights)
    for row, errors in enumerate(curves):
        costs = []
        for shape in family.grid:
            values = family.f(shape, x)
            design = np.stack([np.ones_like(values), values], axis=1) * np.sqrt(weights)[:, None]
            costs.append(nnls(design, errors * np.sqrt(weights))[1] ** 2)
        curve = found.rest[row] + found.drop[row] * family.f(found.shape[row], x)
        assert found.squares[row] == pytest.approx(weights @ (errors - curve) ** 2, abs=1e-9)
        assert found.squares[row] <= min(costs) + 1e-9
        assert found.rest[row] >= 0 <= found.drop[row]


def test_it_is_wider_with_more_noise_and_further_ahead() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=LABELS.size)

    def width(spread: float, at: int) -> float:
        accuracies = 1 - CURVES["pow3"](LABELS) + spread * noise
        estimated = learning_curve(label_counts=LABELS, accuracies=accuracies, at=at)
        return estimated.high - estimated.low

    assert width(0.02, 800) > 2 * width(0.005, 800)
    assert width(0.01, 420) < width(0.01, 800) < width(0.01, 4000)


def test_a_curve_that_has_flattened_gains_little() -> None:
    accuracies = 0.9 - 0.4 * np.exp(-LABELS / 20) + 0.002 * (-1) ** np.arange(20)
    estimated = learning_curve(label_counts=LABELS, accuracies=accuracies, at=800)
    assert estimated.value < 0.005
    assert str(estimated).endswith("20 rounds)")
    assert " points (80 % interval " in str(estimated)


@pytest.mark.parametrize(
    ("labels", "accuracies", "message"),
    [
        (LABELS[:5], 0.9 - 2 / LABELS[:5], "at least 6 different numbers of labels; got 5"),
        ([20, 20, 40, 40, 60, 60], [0.5, 0.5, 0.6, 0.6, 0.7, 0.7], "at least 6 different numbers of labels; got 3"),
        (LABELS, np.full(20, 0.8), "is 0.8 in all 20 rounds, which shows no trend"),
        (LABELS, 0.9 - 0.0002 * LABELS, "falls by .* points for twice the labels over 20 of 20 rounds"),
        (
            LABELS,
            0.9 - 0.3 * np.abs(LABELS / 400 - 0.5),
            "falls by .* points for twice the labels over 10 of 20 rounds",
        ),
        (LABELS, 0.02 + LABELS / 30_000, "no end is in sight"),
    ],
)
def test_it_refuses_what_is_no_learning_curve(labels: Floats, accuracies: Floats, message: str) -> None:
    with pytest.raises(NoEstimateError, match=message):
        learning_curve(label_counts=labels, accuracies=accuracies, at=10_000)


def test_noise_alone_is_rarely_taken_for_a_fall() -> None:
    """200 flat curves: two tests at 1 % each, on halves that overlap, refuse at most 2 %, up to 4 sd of chance: 12."""
    refused = 0
    for seed in range(200):
        accuracies = 0.8 + 0.01 * np.random.default_rng(seed).normal(size=20) * np.sqrt(100 / LABELS)
        try:
            fit_curves(LABELS, accuracies)
        except NoEstimateError as error:
            refused += "falls" in str(error)
    assert refused <= 12


def test_the_number_of_labels_in_question_is_ahead() -> None:
    accuracies = 0.9 - 2 / LABELS
    with pytest.raises(InputError, match="at must be above the 400 labels of now; got 400"):
        learning_curve(label_counts=LABELS, accuracies=accuracies, at=400)
    with pytest.raises(InputError, match="at, the number of labels in question, must be a whole number"):
        learning_curve(label_counts=LABELS, accuracies=accuracies, at=500.5)


def test_the_outlook_has_the_next_batch_twice_the_labels_and_the_whole_pool() -> None:
    accuracies = 0.9 - 4 / LABELS
    found = outlook(LABELS, accuracies, batch=20, n_pool=2000)
    # the error 0.1 + 4 / n at 400 labels and at 420, 800, 2000
    expected = {"next_batch": 4 / 400 - 4 / 420, "doubled": 4 / 400 - 4 / 800, "whole_pool": 4 / 400 - 4 / 2000}
    assert list(found) == list(expected)
    for name, estimated in found.items():
        assert estimated.value == pytest.approx(expected[name], rel=0.1)


def test_the_outlook_ends_with_the_pool() -> None:
    accuracies = 0.9 - 4 / LABELS
    near = outlook(LABELS, accuracies, batch=20, n_pool=410)
    assert near["next_batch"].value == near["doubled"].value == near["whole_pool"].value
    assert outlook(LABELS, accuracies, batch=20, n_pool=400) == {}
    with pytest.raises(InputError, match="n_pool says 300 items, but label_counts ends at 400"):
        outlook(LABELS, accuracies, batch=20, n_pool=300)


def test_it_can_be_asked_every_round() -> None:
    labels = np.arange(20, 2020, 20)
    accuracies = 0.9 - labels**-0.5 + 0.01 * np.random.default_rng(0).normal(size=labels.size)
    times = []
    for _ in range(5):
        before = time.process_time()
        learning_curve(label_counts=labels, accuracies=accuracies, at=4000)
        times.append(time.process_time() - before)
    assert min(times) < 0.05
