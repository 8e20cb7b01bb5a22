"""The last layer's posterior against autograd, NumPy's inverses, and a search of the marginal likelihood."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from claros.models.torch.laplace import Full, Kronecker, best_precision, last_layer

K, D, N = 3, 4, 12


def problem(n: int = N, seed: int = 0) -> tuple[Any, Any, Any]:
    """Weights (K, F), inputs (n, F) with a column of ones, weights of items (n,)."""
    draw = np.random.default_rng(seed)
    inputs = np.hstack([draw.normal(size=(n, D)), np.ones((n, 1))])
    return draw.normal(size=(K, D + 1)), inputs, draw.uniform(0.3, 2.0, n)


def curvature_by_autograd(mean: Any, inputs: Any, weights: Any) -> Any:
    """Second derivatives of the weighted negative log likelihood in the weights: whatever the labels are, the same."""
    x, w = torch.tensor(inputs), torch.tensor(weights)
    labels = torch.arange(len(x)) % K

    def loss(theta: torch.Tensor) -> torch.Tensor:
        return (F.cross_entropy(x @ theta.reshape(K, -1).T, labels, reduction="none") * w).sum()

    return torch.autograd.functional.hessian(loss, torch.tensor(mean).ravel()).numpy()


@pytest.mark.parametrize("precision", [0.01, 1.0, 50.0])
def test_the_covariance_is_the_inverse_of_the_losses_second_derivative_and_the_prior(precision: float) -> None:
    mean, inputs, weights = problem()
    matrix = curvature_by_autograd(mean, inputs, weights) + precision * np.eye(K * (D + 1))
    posterior = last_layer(mean, inputs, weights, structure="full")
    np.testing.assert_allclose(posterior.covariance(precision), np.linalg.inv(matrix), rtol=1e-8, atol=1e-12)


def test_kronecker_factors_are_the_sum_of_curvatures_and_the_mean_of_outer_products() -> None:
    mean, inputs, weights = problem()
    probs = torch.tensor(inputs @ mean.T).softmax(dim=1).numpy()
    outer = sum(w * (np.diag(p) - np.outer(p, p)) for w, p in zip(weights, probs, strict=True))
    inner = sum(w * np.outer(x, x) for w, x in zip(weights, inputs, strict=True)) / weights.sum()
    truth = np.linalg.inv(np.kron(outer, inner) + 0.5 * np.eye(K * (D + 1)))
    posterior = last_layer(mean, inputs, weights, structure="kronecker")
    np.testing.assert_allclose(posterior.covariance(0.5), truth, rtol=1e-8, atol=1e-12)


def test_for_one_item_the_factors_are_exact() -> None:
    mean, inputs, weights = problem(1)
    full, factors = (last_layer(mean, inputs, weights, structure=one) for one in ("full", "kronecker"))
    np.testing.assert_allclose(full.covariance(0.3), factors.covariance(0.3), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "kronecker"])
def test_samples_have_the_mean_and_the_covariance(structure: str) -> None:
    mean, inputs, weights = problem()
    posterior = last_layer(mean, inputs, weights, structure=structure)
    n = 40_000
    drawn = posterior.sample(n, 0.8, np.random.default_rng(1)).reshape(n, -1)
    truth = posterior.covariance(0.8)
    spread = np.sqrt(np.diag(truth))
    # Standard errors are spread / sqrt(n) and at most sqrt(2 / n) of the product of spreads; five of them bound all.
    assert (np.abs(drawn.mean(axis=0) - mean.ravel()) < 5 * spread / math.sqrt(n)).all()
    assert (np.abs(np.cov(drawn.T) - truth) < 5 * math.sqrt(2 / n) * np.outer(spread, spread)).all()


@pytest.mark.parametrize("structure", ["full", "kronecker"])
def test_the_precision_found_makes_the_labels_likeliest(structure: str) -> None:
    """log p(labels | λ) = const + P/2 log λ - λ/2 |θ|² - 1/2 log det(H + λ), its determinant by NumPy, over a grid."""
    mean, inputs, weights = problem(30, seed=4)
    posterior = last_layer(mean, inputs, weights, structure=structure)
    matrix = np.linalg.inv(posterior.covariance(1.0)) - np.eye(mean.size)

    def evidence(log_precision: float) -> float:
        precision = math.exp(log_precision)
        determinant = np.linalg.slogdet(matrix + precision * np.eye(mean.size))[1]
        return 0.5 * (mean.size * log_precision - precision * float(np.square(mean).sum()) - float(determinant))

    found = best_precision(mean, posterior.curvatures())
    grid = np.linspace(-6, 6, 2401)
    best = grid[np.argmax([evidence(one) for one in grid])]
    assert math.log(found) == pytest.approx(best, abs=0.006)


def test_the_precision_has_limits() -> None:
    assert best_precision(np.zeros((2, 3)), np.ones(6)) == 1e8, "weights of 0 ask for no freedom at all"
    assert best_precision(np.full((2, 3), 1e6), np.full(6, 1e-9)) == 1e-8


def test_all_of_it_is_kept_while_there_are_few_weights() -> None:
    draw = np.random.default_rng(0)
    small, large = draw.normal(size=(4, 256)), draw.normal(size=(4, 257))
    for mean, kind in ((small, Full), (large, Kronecker)):
        inputs = draw.normal(size=(5, mean.shape[1]))
        assert isinstance(last_layer(mean, inputs, np.ones(5)), kind)
