"""Calibration before label shift is estimated."""

from __future__ import annotations

import numpy as np
import pytest
from shifted import posterior, problem

import claros
from claros.shift.calibration import calibrated, folds_of, log_loss
from claros.shift.evidence import gather

KINDS = ["ts", "bcts", "nbvs", "vs"]


def distorted(seed: int, n: int = 4000, slopes: float | np.ndarray = 2.0, biases: float | np.ndarray = 0.0):
    """Labels, exact posteriors, and the same with their logarithms stretched and shifted, which a model might say."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(4, 3))
    y = rng.integers(4, size=n)
    exact = posterior(means[y] + rng.normal(size=(n, 3)), means, np.full(4, 0.25))
    z = np.log(exact)
    z = (z - z.mean(axis=1, keepdims=True) - biases) * slopes
    said = np.exp(z - z.max(axis=1, keepdims=True))
    return y, exact, said / said.sum(axis=1, keepdims=True)


def test_a_temperature_is_found_again() -> None:
    y, exact, said = distorted(0)
    fitted = claros.shift.fit_calibrator("ts", said, y)
    # the slope has a standard error of about .5 / sqrt(4000) · 1.6
    assert fitted.temperature == pytest.approx(2, abs=0.12)
    assert np.abs(fitted(said) - exact).max() < 0.03


@pytest.mark.parametrize("kind", ["bcts", "vs"])
def test_a_bias_is_found_again(kind: str) -> None:
    biases = np.array([1.0, -1.0, 0.5, -0.5])
    y, exact, said = distorted(1, slopes=1.5, biases=biases)
    assert np.abs(claros.shift.fit_calibrator(kind, said, y)(said) - exact).mean() < 0.01
    assert np.abs(claros.shift.fit_calibrator("ts", said, y)(said) - exact).mean() > 0.05


@pytest.mark.parametrize("kind", ["bcts", "vs"])
def test_with_biases_the_mean_prediction_is_the_class_frequency(kind: str) -> None:
    y, _, said = distorted(2, n=500)
    mean = claros.shift.fit_calibrator(kind, said, y)(said).mean(axis=0)
    np.testing.assert_allclose(mean, np.bincount(y) / len(y), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_fit_is_a_minimum(kind: str) -> None:
    y, _, said = distorted(3, n=400, biases=np.array([0.5, 0, 0, -0.5]))
    fitted = claros.shift.fit_calibrator(kind, said, y)
    best = log_loss(fitted(said), y)
    rng = np.random.default_rng(0)
    for _ in range(30):
        step = rng.normal(size=4) * 0.02
        slopes = fitted.slopes + (step if kind in ("nbvs", "vs") else step[0])
        biases = fitted.biases + (rng.normal(size=4) * 0.02 if kind in ("bcts", "vs") else 0)
        assert log_loss(claros.shift.Calibrator(kind, slopes, biases)(said), y) >= best - 1e-9


def test_zeros_and_a_separable_hold_out_stay_finite() -> None:
    y = np.array([0, 1, 2] * 10)
    sure = np.eye(3)[y]
    for kind in KINDS:
        found = claros.shift.fit_calibrator(kind, sure, y)(sure)
        assert np.isfinite(found).all()
        assert (found.argmax(axis=1) == y).all()


def test_a_class_without_a_hold_out_row_keeps_its_own_parameters() -> None:
    y, _, said = distorted(4, n=600)
    kept = y != 3
    fitted = claros.shift.fit_calibrator("vs", said[kept], y[kept])
    assert fitted.slopes[3] == 1
    assert np.isfinite(fitted(said)).all()
    assert fitted(said)[:, 3].max() > 0


def test_a_calibrator_survives_json() -> None:
    y, _, said = distorted(5, n=200)
    fitted = claros.shift.fit_calibrator("bcts", said, y)
    again = claros.shift.Calibrator.from_json(fitted.to_json())
    np.testing.assert_array_equal(again(said), fitted(said))


def test_rows_that_would_count_twice_are_calibrated_by_other_folds() -> None:
    # labels that have nothing to do with the predictions: in sample a calibrator seems to help, out of fold it cannot
    rng = np.random.default_rng(6)
    y, said = rng.integers(5, size=60), rng.dirichlet(np.ones(5), 60)
    ready, facts = calibrated(gather(said, y, said), "vs")
    assert log_loss(ready.source, y) < log_loss(ready.cross_fitted, y)
    assert facts["log_loss_after"] == pytest.approx(log_loss(ready.cross_fitted, y))
    assert facts["log_loss_before"] == pytest.approx(log_loss(said, y))


def test_folds_hold_every_class_evenly() -> None:
    y = np.repeat([0, 1, 2], [50, 25, 10])
    for rng in (None, np.random.default_rng(0)):
        place = folds_of(y, 5, rng)
        for code, per_fold in ((0, 10), (1, 5), (2, 2)):
            assert np.bincount(place[y == code], minlength=5).tolist() == [per_fold] * 5


def test_bias_correction_mends_em_where_a_model_is_biased_and_a_temperature_does_not() -> None:
    # six problems with a strong shift; the model shifts log-odds by up to 1 and doubles them
    errors: dict[str | None, list[float]] = {None: [], "ts": [], "bcts": []}
    for seed in range(6):
        case = problem(100 + seed, 0.1, n_train=1, spread=1.0, model=False)
        z = np.random.default_rng(seed).normal(size=10)
        source, target = (table**1.7 * np.exp(z) for table in (case.source, case.target))
        source, target = (table / table.sum(axis=1, keepdims=True) for table in (source, target))
        for kind, kept in errors.items():
            found = claros.shift.estimate(
                "em", source_probs=source, source_labels=case.labels, target_probs=target, calibration=kind,
                replicates=0,
            )  # fmt: skip
            kept.append(float(((found.weights - case.weights) ** 2).mean()))
    medians = {kind: np.median(kept) for kind, kept in errors.items()}
    assert medians["bcts"] < 0.5 * min(medians["ts"], medians[None])
