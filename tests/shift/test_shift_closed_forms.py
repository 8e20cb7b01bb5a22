"""Estimators of label shift where the answer is known on paper."""

from __future__ import annotations

import numpy as np
import pytest
from shifted import problem, violation

import claros
from claros.shift.bbse import default_regularization
from claros.shift.likelihood import maximise
from claros.shift.nonnegative import least_squares, on_simplex, onto_simplex, quadratic
from claros.shift.regularised import regularised


def rows(joint: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """One-hot predictions that have these counts of (predicted, class), and of predicted in the target."""
    predicted, labels = (np.repeat(axis, joint.ravel()) for axis in np.indices(joint.shape).reshape(2, -1))
    eye = np.eye(len(joint))
    return {
        "source_probs": eye[predicted],
        "source_labels": labels,
        "target_probs": eye[np.repeat(np.arange(len(joint)), target)],
    }


def test_two_classes_by_hand() -> None:
    # .4 w0 + .1 w1 = .34 and .1 w0 + .4 w1 = .66: w = (7/15, 23/15)
    given = rows(np.array([[40, 10], [10, 40]]), np.array([34, 66]))
    for method, parameters in (("bbse", {"soft": False}), ("bbse", {"solver": "solve"}), ("acc", {}), ("pacc", {}),
                               ("ratio", {}), ("rlls", {"regularization": 0.0})):  # fmt: skip
        found = claros.shift.estimate(method, **given, **parameters)
        np.testing.assert_allclose(found.weights, [7 / 15, 23 / 15], rtol=1e-12)
        np.testing.assert_allclose(found.target_prior, [7 / 30, 23 / 30], rtol=1e-12)


@pytest.mark.parametrize("method", ["bbse", "rlls", "em", "acc", "pacc", "ratio", "auto", "bbse(soft=false)"])
def test_a_target_like_the_hold_out_needs_no_correction(method: str) -> None:
    case = problem(1, 1.0, n=400)
    found = claros.shift.estimate(method, source_probs=case.source, source_labels=case.labels, target_probs=case.source)
    np.testing.assert_allclose(found.weights, 1, atol=1e-11)


def test_any_regularization_leaves_the_unshifted_alone() -> None:
    case = problem(2, 1.0, n=300)
    given = {"source_probs": case.source, "source_labels": case.labels, "target_probs": case.source}
    for strength in (0.0, 1e-6, 0.1, 10.0):
        found = claros.shift.estimate("rlls", regularization=strength, replicates=0, **given)
        np.testing.assert_allclose(found.weights, 1, atol=1e-12)


@pytest.mark.parametrize("soft", [True, False])
def test_the_plain_solution_keeps_the_mass_of_the_source(soft: bool) -> None:
    case = problem(3, 1.0)
    found = claros.shift.estimate("bbse", soft=soft, solver="solve", replicates=0, **case.given)
    assert found.source_prior @ found.weights == pytest.approx(1, abs=1e-10)
    assert found.diagnostics["mass"] == pytest.approx(1, abs=1e-10)


def test_a_perfect_classifier_has_exact_weights_below_a_threshold_and_ones_above() -> None:
    # C = I/K: the exact solution is kept for D < 1/K, and all is 1 for D > 1/K
    theta = np.array([0.5, -0.5, 0.3, -0.3])
    matrix = np.eye(4) / 4
    np.testing.assert_allclose(regularised(matrix, matrix @ theta, 0.2499).theta, theta, atol=1e-12)
    np.testing.assert_array_equal(regularised(matrix, matrix @ theta, 0.2501).theta, 0)


def test_unsquared_norms_recover_exactly_then_bend_then_give_up() -> None:
    # the three-class example of the label-shift specification; its values are from an independent convex solver
    confusion = np.array([[0.8, 0.15, 0.1], [0.1, 0.7, 0.2], [0.1, 0.15, 0.7]]) * np.array([0.5, 0.3, 0.2])
    theta = np.array([0.6, 1.0, 2.0]) - 1
    aim = confusion @ theta
    last_exact = np.linalg.norm(theta) / np.linalg.norm(np.linalg.solve(confusion.T, theta))
    first_ones = np.linalg.norm(confusion.T @ aim) / np.linalg.norm(aim)
    assert last_exact == pytest.approx(0.1333611, abs=1e-7)
    assert first_ones == pytest.approx(0.2765511, abs=1e-7)
    np.testing.assert_allclose(regularised(confusion, aim, last_exact * 0.9999).theta, theta, atol=1e-12)
    np.testing.assert_array_equal(regularised(confusion, aim, first_ones * 1.0001).theta, 0)
    between = regularised(confusion, aim, 0.20495611272266445)
    np.testing.assert_allclose(1 + between.theta, [0.81829068, 1.0410907, 1.11945394], atol=1e-6)
    assert between.gap < 1e-12


def test_without_regularization_it_is_non_negative_least_squares() -> None:
    case = problem(4, 0.1)  # the plain solution has negative weights here
    plain = claros.shift.estimate("bbse", solver="solve", replicates=0, **case.given)
    assert "negative" in plain.diagnostics["flags"]
    bbse = claros.shift.estimate("bbse", replicates=0, **case.given)
    rlls = claros.shift.estimate("rlls", regularization=1e-9, replicates=0, **case.given)
    np.testing.assert_allclose(rlls.weights, bbse.weights, atol=1e-5)
    assert bbse.weights.min() >= 0
    assert rlls.diagnostics["certificate"] < 1e-6


def test_the_bound_on_a_confusion_matrix() -> None:
    # 3 (2 ln(2·10/.05) / (3·1000) + sqrt(2 ln(400) / 1000)) / 100, ln 400 = 5.99146
    assert default_regularization(1000, 10) == pytest.approx(0.01 * 3 * (0.003994310 + 0.109466), rel=1e-5)


def test_shrinkage_moves_weights_towards_one() -> None:
    case = problem(5, 1.0)
    whole = claros.shift.estimate("rlls", replicates=0, **case.given).weights
    half = claros.shift.estimate("rlls", shrinkage=0.5, replicates=0, **case.given).weights
    np.testing.assert_allclose(half, (1 + whole) / 2, atol=1e-12)


def test_em_on_one_binary_feature() -> None:
    # P(x=1|y) = (.2, .9): 690 of 1000 ones is .2 q0 + .9 q1, so q1 = (.69 - .2) / .7 = .7
    ones, zeros = np.array([0.2, 0.9]) / 1.1, np.array([0.8, 0.1]) / 0.9
    target = np.vstack([np.tile(zeros, (310, 1)), np.tile(ones, (690, 1))])
    found = claros.shift.estimate(
        "em", source_probs=[[0.5, 0.5]] * 2, source_labels=[0, 1], target_probs=target, source_prior="labels"
    )
    np.testing.assert_allclose(found.target_prior, [0.3, 0.7], atol=1e-10)
    assert found.diagnostics["kkt_violation"] < 1e-10


@pytest.mark.parametrize("kind", [0.1, 1.0, "tweak"])
@pytest.mark.parametrize("source_prior", ["soft", "labels"])
def test_em_ends_at_the_maximum_of_the_likelihood(kind: float | str, source_prior: str) -> None:
    case = problem(6, kind, n=600)
    found = claros.shift.estimate("em", source_prior=source_prior, replicates=0, **case.given)
    prior = case.source.mean(axis=0) if source_prior == "soft" else np.bincount(case.labels) / len(case.labels)
    np.testing.assert_allclose(found.source_prior, prior, atol=1e-12)
    assert found.target_prior.sum() == pytest.approx(1, abs=1e-12)
    assert violation(case.target, prior, found.target_prior) < 1e-9


def test_em_is_the_limit_of_its_iterations() -> None:
    case = problem(7, 1.0, n=500)
    prior = case.source.mean(axis=0)
    q = prior.copy()
    for _ in range(3000):
        share = case.target * (q / prior)
        q = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
    found = claros.shift.estimate("em", replicates=0, **case.given)
    np.testing.assert_allclose(found.target_prior, q, atol=1e-8)


def test_pseudo_counts_and_known_labels_are_counted_in_the_step_of_em() -> None:
    case = problem(8, 1.0, n=500)
    prior, n = case.source.mean(axis=0), len(case.target)
    known = np.repeat(np.arange(10), np.arange(10))  # k items of class k, 45 in all
    found = claros.shift.estimate("em", prior_strength=0.05, target_labels=known, replicates=0, **case.given)
    share = case.target * found.weights
    step = (share / share.sum(axis=1, keepdims=True)).sum(axis=0) + np.arange(10) + 0.05 * n * prior
    np.testing.assert_allclose(step / step.sum(), found.target_prior, atol=1e-9)


def test_labels_of_the_target_alone_can_make_the_estimate() -> None:
    # predictions that say nothing: the likelihood is that of the labels, 30 of 40 in class 1
    flat = np.full((50, 2), 0.5)
    found = claros.shift.estimate(
        "em", source_probs=flat, source_labels=[0, 1] * 25, target_probs=flat, target_labels=[0] * 10 + [1] * 30
    )
    np.testing.assert_allclose(found.target_prior, [0.25, 0.75], atol=1e-10)


def test_mapls_is_a_fixed_point_between_em_and_uniform() -> None:
    case = problem(9, 1.0, n=500)
    for mix in (0.3, 0.9, 1.0):
        found = claros.shift.estimate("mapls", mix=mix, replicates=0, **case.given)
        share = case.target * found.weights
        mean = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(found.target_prior, mix * mean + (1 - mix) / 10, atol=1e-9)
    em = claros.shift.estimate("em", replicates=0, **case.given)
    np.testing.assert_allclose(found.target_prior, em.target_prior, atol=1e-9)


@pytest.mark.parametrize("method", ["bbse", "rlls", "em", "acc", "pacc", "ratio", "mapls"])
def test_classes_may_be_permuted_and_data_repeated(method: str) -> None:
    case = problem(10, 1.0, n=300)
    fixed = {"regularization": 0.01} if method == "rlls" else {}
    plain = claros.shift.estimate(method, replicates=0, **fixed, **case.given).weights
    order = np.random.default_rng(0).permutation(10)
    moved = claros.shift.estimate(
        method,
        replicates=0,
        **fixed,
        source_probs=case.source[:, order],
        source_labels=np.argsort(order)[case.labels],
        target_probs=case.target[:, order],
    ).weights
    np.testing.assert_allclose(moved, plain[order], atol=1e-8)
    twice = claros.shift.estimate(
        method,
        replicates=0,
        **fixed,
        source_probs=np.vstack([case.source] * 2),
        source_labels=np.tile(case.labels, 2),
        target_probs=np.vstack([case.target] * 2),
    ).weights
    np.testing.assert_allclose(twice, plain, atol=1e-8)


def test_every_step_of_the_likelihood_goes_up() -> None:
    case = problem(11, 0.1, n=400)
    prior = case.source.mean(axis=0)
    values = []
    for limit in range(12):
        w = maximise(case.target, prior, np.zeros(10), limit=limit).weights
        values.append(np.log(case.target @ w).mean() - prior @ w)
    assert np.all(np.diff(values) >= -1e-14)
    assert values[-1] > values[0] + 0.1


@pytest.mark.parametrize("seed", range(6))
def test_quadratic_programmes_agree_with_lawson_and_hanson(seed: int) -> None:
    from scipy.optimize import nnls

    rng = np.random.default_rng(seed)
    matrix, aim = rng.normal(size=(60, 40)) + seed % 2, rng.normal(size=60)
    start = rng.random(40) * (rng.random(40) < 0.5)
    want = nnls(matrix, aim)[0]
    np.testing.assert_allclose(quadratic(matrix.T @ matrix, matrix.T @ aim, start), want, atol=1e-8)
    np.testing.assert_allclose(least_squares(matrix, aim), want, atol=1e-10)


def test_the_nearest_distribution() -> None:
    # shifting (.9, .4, -.2) by -.15 and cutting at 0 gives (.75, .25, 0), whose sum is 1
    np.testing.assert_allclose(onto_simplex(np.array([0.9, 0.4, -0.2])), [0.75, 0.25, 0])


def test_least_squares_on_the_simplex_beats_a_fine_grid() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        matrix, aim = rng.random((3, 3)), rng.normal(size=3)
        q = on_simplex(matrix, aim)
        assert q.sum() == pytest.approx(1)
        assert q.min() >= 0
        grid = np.array([(a, b, 200 - a - b) for a in range(201) for b in range(201 - a)]) / 200
        assert np.linalg.norm(matrix @ q - aim) <= np.linalg.norm(grid @ matrix.T - aim, axis=1).min() + 1e-12


def test_adjusting_by_one_changes_nothing_and_twice_is_by_the_product() -> None:
    rng = np.random.default_rng(4)
    probs, first, second = rng.dirichlet(np.ones(5), 50), rng.random(5) + 0.1, rng.random(5) + 0.1
    np.testing.assert_allclose(claros.shift.adjust(probs, np.ones(5)), probs, atol=1e-15)
    twice = claros.shift.adjust(claros.shift.adjust(probs, first), second)
    np.testing.assert_allclose(twice, claros.shift.adjust(probs, first * second), atol=1e-14)


def test_adjusting_turns_source_posteriors_into_target_posteriors() -> None:
    # binary feature, P(x=1|y) = (.2, .9), from p = (.5, .5) to q = (.3, .7): P(y=1|x=1) = .63 / (.06 + .63)
    found = claros.shift.adjust(np.array([[0.2 / 1.1, 0.9 / 1.1]]), [0.3 / 0.5, 0.7 / 0.5])
    np.testing.assert_allclose(found, [[0.06 / 0.69, 0.63 / 0.69]])


def test_distributions_in_between() -> None:
    p, q = [0.9, 0.1], [0.1, 0.9]
    assert claros.shift.medial("source", p, q).tolist() == p
    assert claros.shift.medial("target", p, q).tolist() == q
    assert claros.shift.medial("uniform", p, q).tolist() == [0.5, 0.5]
    # sqrt(.81 · .01) : sqrt(.19 · .81) with p = (.81, .19), q = (.01, .81 + .18)
    np.testing.assert_allclose(claros.shift.medial("square_root", [0.81, 0.19], [0.01, 0.99]),
                               np.array([0.09, 0.19**0.5 * 0.99**0.5]) / (0.09 + 0.1881**0.5))  # fmt: skip
    np.testing.assert_allclose(claros.shift.medial(0.5, p, q), claros.shift.medial("square_root", p, q))
    assert claros.shift.medial([1, 3], p, q).tolist() == [0.25, 0.75]
