"""What earlier experiments on active learning under label shift got wrong, and must not come back."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from shifted import posterior, problem

import claros
from claros.errors import InputError
from claros.shift.laws import Laws
from claros.shift.simulation import simulate

LABELS = np.repeat(np.arange(5), 1000)


class Forgetful:
    """A model that has learned by heart what it was trained on, and guesses the prior of anything else."""

    def fit(self, items: Any, labels: np.ndarray, *, n_classes: int | None = None, rng: Any) -> None:
        self.known = dict(zip(items.ids, labels.tolist(), strict=True))
        self.prior = np.bincount(labels, minlength=n_classes or 0) / len(labels)

    def outputs(self, items: Any, names: Any) -> dict[str, np.ndarray]:
        eye = np.eye(len(self.prior))
        return {"probs": np.array([eye[self.known[key]] if key in self.known else self.prior for key in items.ids])}


def pool(n: int) -> Any:
    return claros.data.arrays(np.arange(2.0 * n).reshape(n, 2))


def test_a_confusion_matrix_is_never_of_items_that_trained_the_model() -> None:
    labels = np.tile([0, 1, 2], 10)
    probs = claros.shift.cross_fitted(Forgetful(), pool(30), labels, 5, np.random.default_rng(0))
    # every item is predicted by the shares of the other four folds: two of each class left out, eight left in
    np.testing.assert_allclose(probs, 1 / 3)


def test_cross_fitting_keeps_a_column_for_every_class_and_the_order_of_rows() -> None:
    labels = np.array([0] * 9 + [2])
    probs = claros.shift.cross_fitted(Forgetful(), pool(10), labels, 3, np.random.default_rng(0), n_classes=4)
    assert probs.shape == (10, 4)
    assert probs[9, 2] == 0  # the only one of its class was not there when it was predicted
    np.testing.assert_array_equal(probs[:, [1, 3]], 0)
    with pytest.raises(InputError, match="there are 10 items and 9 labels"):
        claros.shift.cross_fitted(Forgetful(), pool(10), labels[1:], 3)


def test_predictions_on_training_items_find_a_shift_that_is_none_and_cross_fitted_ones_do_not() -> None:
    rng = np.random.default_rng(3)
    means = rng.normal(size=(3, 40)) * 0.15
    y = rng.integers(3, size=400)
    x = means[y] + rng.normal(size=(400, 40))
    train, target = np.arange(120), np.arange(120, 400)
    model = claros.models.get("logistic", C=100.0)
    given = claros.data.arrays(x)
    honest = claros.shift.cross_fitted(model, given.subset(train), y[train], 5, np.random.default_rng(0), n_classes=3)
    model.fit(given.subset(train), y[train], n_classes=3, rng=np.random.default_rng(0))
    seen, unseen = (np.asarray(model.outputs(given.subset(rows), ("probs",))["probs"]) for rows in (train, target))

    def spread(source: np.ndarray) -> float:
        joint = np.array([source[y[train] == code].mean(axis=0) for code in range(3)])
        return float(np.linalg.svd(joint - joint.mean(axis=0), compute_uv=False)[0])

    # a model that knows its own items separates them by far more than it does new ones
    new = np.array([unseen[y[target] == code].mean(axis=0) for code in range(3)])
    truth = float(np.linalg.svd(new - new.mean(axis=0), compute_uv=False)[0])
    assert spread(seen) > 1.5 * truth
    assert abs(spread(honest) - truth) < 0.5 * abs(spread(seen) - truth)


def test_the_share_of_a_tweaked_class_is_its_own_parameter() -> None:
    # it used to be overwritten by the Dirichlet concentration, which above 1 gave negative class sizes
    parts = simulate("tweak", LABELS, warm=100, pool=100, label=0, rho=0.6, alpha=5.0, seed=0)
    assert parts.priors["warm"][0] == pytest.approx(0.6)
    assert parts.priors["warm"].min() > 0


def test_a_named_shift_does_not_change_what_another_draws_by() -> None:
    # "general" shifts used to overwrite alpha for everything after them
    rng = np.random.default_rng(0)
    laws = Laws(np.full(5, 0.2), rng, alpha=0.5)
    claros.shift.SHIFTS["dirichlet_general"](laws)
    assert laws.alpha == 0.5
    with pytest.raises(AttributeError):
        laws.alpha = 3.0  # type: ignore[misc]


def test_the_same_image_is_never_labeled_and_still_to_be_asked() -> None:
    for replace in (False, True):
        parts = simulate("dirichlet_mix", LABELS, warm=300, pool=600, test=300, alpha=0.2, replace=replace, seed=4)
        assert not set(parts.warm.tolist()) & set(parts.pool.tolist())
        assert not set(parts.pool.tolist()) & set(parts.test.tolist())


def test_the_target_sample_is_not_what_accuracy_is_measured_on() -> None:
    parts = simulate("dirichlet_target", LABELS, warm=100, pool=200, target=150, test=150, seed=5)
    assert not set(parts.target.tolist()) & set(parts.test.tolist())


def test_a_missing_class_gives_no_division_by_zero() -> None:
    parts = simulate("tweak", LABELS, warm=50, pool=50, label=0, rho=0.0, at_least=0, seed=6)
    # class 0 is in the target and not in the warm start: its true weight is infinite, and said so without a warning
    assert np.isposinf(parts.weights()[0])
    assert np.isfinite(parts.weights()[1:]).all()


def test_uniform_is_one_over_the_number_of_classes() -> None:
    source = np.array([0.4, 0.3, 0.2, 0.1])
    found = claros.shift.medial("uniform", source, source)
    assert found.tolist() == [0.25] * 4
    parts = simulate("dirichlet", LABELS, warm=100, pool=100, seed=7)
    np.testing.assert_allclose(parts.weights() * parts.priors["warm"], 0.2)


def test_mean_predictions_and_not_class_shares_are_what_the_target_is_compared_with() -> None:
    # a biased model: its mean prediction is not the class shares; unshifted data must still give weights of 1
    case = problem(60, 1.0, n=600, n_train=1, model=False)
    biased = case.source * np.linspace(0.3, 3, 10)
    biased /= biased.sum(axis=1, keepdims=True)
    found = claros.shift.estimate("rlls", source_probs=biased, source_labels=case.labels, target_probs=biased)
    np.testing.assert_allclose(found.weights, 1, atol=1e-12)


def test_the_black_box_is_what_was_passed_and_nothing_is_remembered() -> None:
    # weights used to be multiplied into the next round's predictions; calls here know nothing of each other
    case = problem(61, 1.0, n=300, n_train=1, model=False)
    first = claros.shift.estimate("rlls", replicates=20, seed=1, **case.given)
    claros.shift.estimate("em", calibration="vs", **case.given)
    again = claros.shift.estimate("rlls", replicates=20, seed=1, **case.given)
    np.testing.assert_array_equal(first.weights, again.weights)
    np.testing.assert_array_equal(first.interval.weights_high, again.interval.weights_high)


def test_adjusted_predictions_need_no_second_correction() -> None:
    rng = np.random.default_rng(8)
    means = rng.normal(size=(4, 3)) * 1.5
    p, q = np.full(4, 0.25), np.array([0.6, 0.2, 0.1, 0.1])
    y = rng.choice(4, 4000, p=q)
    x = means[y] + rng.normal(size=(4000, 3))
    y_source = rng.choice(4, 4000, p=p)
    source = posterior(means[y_source] + rng.normal(size=(4000, 3)), means, p)
    found = claros.shift.estimate(
        "em", source_probs=source, source_labels=y_source, target_probs=posterior(x, means, p)
    )
    adjusted = claros.shift.adjust(posterior(x, means, p), found.weights)
    np.testing.assert_allclose(adjusted, posterior(x, means, q), atol=0.06)
    # the adjusted predictions' own mean is the target prior: EM has nothing left to do
    np.testing.assert_allclose(adjusted.mean(axis=0), found.target_prior, atol=1e-9)


def test_em_is_given_calibrated_predictions_on_both_sides() -> None:
    # one implementation calibrated the hold-out and ran on the raw target
    case = problem(62, 0.3, n=800, n_train=1, spread=1.0, model=False)
    source, target = (table**2 / (table**2).sum(axis=1, keepdims=True) for table in (case.source, case.target))
    fitted = claros.shift.fit_calibrator("bcts", source, case.labels)
    by_hand = claros.shift.estimate(
        "em", source_probs=fitted(source), source_labels=case.labels, target_probs=fitted(target), replicates=0
    )
    found = claros.shift.estimate(
        "em", calibration="bcts", source_probs=source, source_labels=case.labels, target_probs=target, replicates=0
    )
    np.testing.assert_allclose(found.weights, by_hand.weights, atol=1e-9)


def test_nothing_in_a_simulation_knows_true_labels_of_the_pool_but_the_simulation() -> None:
    # estimates are given no labels of the target: only the hold-out's, and those that were bought
    names = set(inspect.signature(claros.shift.estimate).parameters)
    assert {name for name in names if "label" in name} == {"source_labels", "target_labels"}
