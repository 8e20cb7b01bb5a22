"""Other packages and solvers as oracles, on random problems."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from shifted import Problem, problem, violation

import claros
from claros.shift.bbse import default_regularization

CASES = [(20, 1.0), (21, 0.1), (22, "tweak"), (23, 10.0)]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Problem:
    seed, kind = request.param
    return problem(seed, kind, n=600, n_train=1000)


@pytest.fixture(scope="module")
def abstention() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports scipy.misc
        import abstention.calibration
        import abstention.label_shift
    return abstention


def estimate(method: str, case: Problem, **parameters: Any) -> claros.shift.ShiftEstimate:
    return claros.shift.estimate(method, replicates=0, **case.given, **parameters)


def abstentions_weights(adapter: Any, case: Problem) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onehot = np.eye(case.source.shape[1])[case.labels]
        return np.asarray(
            adapter(
                valid_labels=onehot, tofit_initial_posterior_probs=case.target, valid_posterior_probs=case.source
            ).multipliers
        )


@pytest.mark.parametrize("soft", [True, False])
def test_bbse_is_that_of_abstention_where_that_clips(abstention: ModuleType, case: Problem, soft: bool) -> None:
    theirs = abstentions_weights(abstention.label_shift.BBSEImbalanceAdapter(soft=soft), case)
    ours = estimate("bbse", case, soft=soft, solver="solve", clip=True)
    np.testing.assert_allclose(ours.weights, theirs, atol=1e-10)
    plain = estimate("bbse", case, soft=soft, solver="solve").weights
    assert ("clipped" in ours.diagnostics["flags"]) == bool(plain.min() < 0)


@pytest.mark.parametrize("source_prior", ["soft", "labels"])
def test_em_is_where_abstention_would_get_to(abstention: ModuleType, case: Problem, source_prior: str) -> None:
    adapter = abstention.label_shift.EMImbalanceAdapter(
        estimate_priors_from_valid_labels=source_prior == "labels", tolerance=1e-12, max_iterations=20_000
    )
    ours = estimate("em", case, source_prior=source_prior)
    np.testing.assert_allclose(ours.weights, abstentions_weights(adapter, case), atol=2e-5)


def test_em_is_where_quapy_would_get_to(case: Problem) -> None:
    from quapy.method.aggregative import EMQ

    prior = np.bincount(case.labels, minlength=10) / len(case.labels)
    limit, EMQ.MAX_ITER = EMQ.MAX_ITER, 20_000
    try:
        theirs, _ = EMQ.EM(prior, case.target, epsilon=1e-13)
    finally:
        EMQ.MAX_ITER = limit
    np.testing.assert_allclose(estimate("em", case, source_prior="labels").target_prior, theirs, atol=1e-6)


def test_em_is_the_maximum_that_a_convex_solver_finds(case: Problem) -> None:
    import cvxpy as cp

    prior = case.source.mean(axis=0)
    q = cp.Variable(10, nonneg=True)
    goal = cp.Maximize(cp.sum(cp.log((case.target / prior) @ q)) / len(case.target))
    cp.Problem(goal, [cp.sum(q) == 1]).solve(solver="CLARABEL")
    ours = estimate("em", case).target_prior
    np.testing.assert_allclose(ours, q.value, atol=5e-5)
    assert np.log((case.target / prior) @ ours).mean() >= goal.value - 1e-10
    assert violation(case.target, prior, ours) < 1e-9


@pytest.mark.parametrize("strength", [1e-3, 0.02, 0.1, None])
@pytest.mark.parametrize("soft", [True, False])
def test_rlls_is_the_minimum_that_a_convex_solver_finds(case: Problem, soft: bool, strength: float | None) -> None:
    import cvxpy as cp

    h = case.source if soft else np.eye(10)[case.source.argmax(axis=1)]
    t = case.target if soft else np.eye(10)[case.target.argmax(axis=1)]
    matrix, aim = h.T @ np.eye(10)[case.labels] / len(h), t.mean(axis=0) - h.mean(axis=0)
    size = default_regularization(len(h), 10) if strength is None else strength
    theta = cp.Variable(10)
    goal = cp.Minimize(cp.norm(matrix @ theta - aim) + size * cp.norm(theta))
    cp.Problem(goal, [theta >= -1]).solve(solver="CLARABEL")
    ours = estimate("rlls", case, soft=soft, regularization=strength)
    np.testing.assert_allclose(ours.weights, 1 + theta.value, atol=1e-3)
    found = ours.weights - 1
    value = np.linalg.norm(matrix @ found - aim) + size * np.linalg.norm(found)
    assert value <= goal.value + 1e-9
    assert ours.diagnostics["certificate"] < 1e-6


def test_non_negative_weights_are_what_a_convex_solver_finds(case: Problem) -> None:
    import cvxpy as cp

    matrix = case.source.T @ np.eye(10)[case.labels] / len(case.source)
    w = cp.Variable(10, nonneg=True)
    cp.Problem(cp.Minimize(cp.sum_squares(matrix @ w - case.target.mean(axis=0)))).solve(solver="CLARABEL")
    np.testing.assert_allclose(estimate("bbse", case).weights, w.value, atol=2e-3)


@pytest.mark.parametrize("kind", ["acc", "pacc"])
def test_quantification_is_that_of_quapy(case: Problem, kind: str) -> None:
    from quapy.method.aggregative import ACC

    h = case.source if kind == "pacc" else np.eye(10)[case.source.argmax(axis=1)]
    t = case.target if kind == "pacc" else np.eye(10)[case.target.argmax(axis=1)]
    given = np.array([h[case.labels == code].mean(axis=0) for code in range(10)]).T
    theirs = ACC.solve_adjustment(given, t.mean(axis=0), method="inversion", solver="minimize")
    ours = estimate(kind, case).target_prior
    np.testing.assert_allclose(ours, theirs, atol=5e-3)
    # SLSQP stops early: ours is no worse
    assert np.linalg.norm(given @ ours - t.mean(axis=0)) <= np.linalg.norm(given @ theirs - t.mean(axis=0)) + 1e-9


def test_mapls_without_a_mix_is_that_of_its_authors() -> None:
    from quapy.method._bayesian import mapls

    case = problem(24, 1.0, n=600, n_train=1000)
    weights = np.linspace(0.5, 1.5, 10)  # a source prior that is not uniform: their rule divides by its distance
    kept = np.random.default_rng(0).random(len(case.labels)) < (weights / 1.5)[case.labels]
    source, labels = case.source[kept], case.labels[kept]
    prior = source.mean(axis=0)
    theirs, mix = mapls(source, case.target, prior, max_iter=5000, return_lambda=True)
    ours = claros.shift.estimate(
        "mapls", source_probs=source, source_labels=labels, target_probs=case.target, replicates=0
    )
    assert ours.diagnostics["mix"] == pytest.approx(mix, abs=1e-6)
    np.testing.assert_allclose(ours.target_prior, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", ["ts", "bcts", "nbvs", "vs"])
def test_calibration_is_that_of_abstention_or_likelier(abstention: ModuleType, kind: str) -> None:
    case = problem(25, 1.0, n=800, n_train=150)
    made = abstention.calibration
    makers = {
        "ts": made.TempScaling,
        "bcts": lambda: made.TempScaling(bias_positions="all"),
        "nbvs": made.NoBiasVectorScaling,
        "vs": made.VectorScaling,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maker = makers[kind]()
        fitted = maker(valid_preacts=case.source, valid_labels=np.eye(10)[case.labels], posterior_supplied=True)
        want = fitted(case.source)
    ours = claros.shift.fit_calibrator(kind, case.source, case.labels)(case.source)
    rows = np.arange(len(ours))
    loss = [-np.log(table[rows, case.labels]).mean() for table in (ours, want)]
    assert loss[0] <= loss[1] + 1e-9
    np.testing.assert_allclose(ours, want, atol=5e-3)
