"""How far a posterior moved, and what that can do to the expected error: divergences of Gaussians, and their bounds."""

from __future__ import annotations

import math

import numpy as np

from claros.arrays import Floats

__all__ = ["error_gap", "gaussian_kl", "total_variation_bound", "update_divergences"]

#: Below this, the branch point of Lambert's function is so near that the divergence's digits are lost.
NEAR_BRANCH = 1e-5
#: u as a series in √(2K), where K = (1 + u) log(1 + u) - u; from the square on.
SERIES = (1 / 6, -1 / 72, 1 / 270, -23 / 17280, 19 / 34020, -11237 / 43545600)


def gaussian_kl(mean: Floats, covariance: Floats, other_mean: Floats, other_covariance: Floats) -> float:
    """KL(N(mean, covariance) || N(other_mean, other_covariance)) in nats, >= 0; (F,) or (F, C) means, (F, F).

    With (F, C) means, of C independent vectors with the same covariance: the sum over them. By Cholesky factors, so
    no inverse and no determinant is formed; an `numpy.linalg.LinAlgError` where a covariance is not positive definite.
    O(F³ + F²·C) time, O(F²) memory.

    >>> kl = gaussian_kl(np.array([1.0]), np.array([[1.0]]), np.array([0.0]), np.array([[1.0]]))
    >>> round(kl, 12)
    0.5
    """
    from scipy.linalg import cholesky, solve_triangular

    root, other = (cholesky(matrix, lower=True) for matrix in (covariance, other_covariance))
    width = len(root)
    shift = np.reshape(np.asarray(mean) - np.asarray(other_mean), (width, -1))
    spread = solve_triangular(other, root, lower=True)
    moved = solve_triangular(other, shift, lower=True)
    logs = 2.0 * float(np.log(np.diag(other)).sum() - np.log(np.diag(root)).sum())
    one = float(np.sum(spread * spread)) - width + logs
    return max(0.0, 0.5 * (shift.shape[1] * one + float(np.sum(moved * moved))))


def update_divergences(
    features: Floats, targets: Floats, new: int, *, prior_variance: float = 1.0, noise_variance: float = 0.25
) -> tuple[float, float]:
    """How far the last ``new`` rows move a Bayesian linear regression: KL(after || before), KL(before || after), nats.

    (L, F), (L, C) -> two numbers >= 0. The C columns of targets have independent weights with prior
    N(0, prior_variance) and normal noise, so one covariance. With G = Φ Σ Φᵀ / noise of the new rows Φ under the
    covariance Σ before, G = U diag(g) Uᵀ, and Uᵀ's rows r of the residuals that the mean before leaves:

        KL(after || before) = C/2 Σ (log(1 + g) - g/(1 + g)) + Σ r² g/(1 + g)² / (2 noise)
        KL(before || after) = C/2 Σ (g - log(1 + g)) + Σ r² g/(1 + g) / (2 noise)

    so nothing of size F x F is inverted, and small steps lose no digits to a difference of large numbers. The rows
    before are factored (Cholesky) as the smaller of their F x F and their L x L matrix:
    O(L·F·min(L, F) + B³) time, O(min(L, F)²) memory, for B new rows.
    """
    from scipy.linalg import eigh

    features, targets = (np.asarray(table, dtype=np.float64) for table in (features, targets))
    before, batch = features[:-new], features[-new:]
    gram, predicted = _before(before, targets[:-new], batch, prior_variance, noise_variance)
    g, turn = eigh(gram)
    g = np.maximum(g, 0.0)
    squares = np.sum((turn.T @ (targets[-new:] - predicted)) ** 2, axis=1)
    classes, kept = targets.shape[1], g / (1.0 + g)
    forward = classes * _log_less_kept(g) + squares * kept / (1.0 + g) / noise_variance
    backward = classes * _less_log(g) + squares * kept / noise_variance
    return 0.5 * float(forward.sum()), 0.5 * float(backward.sum())


def _before(
    features: Floats, targets: Floats, batch: Floats, prior_variance: float, noise_variance: float
) -> tuple[Floats, Floats]:
    """G of the batch, and what the mean predicts for it, by the posterior of the rows before."""
    from scipy.linalg import cholesky, solve_triangular

    n, width = features.shape
    ridge = noise_variance / prior_variance
    if width <= n:
        root = cholesky(features.T @ features + ridge * np.eye(width), lower=True)
        turned = solve_triangular(root, batch.T, lower=True)  # (F, B)
        predicted = turned.T @ solve_triangular(root, features.T @ targets, lower=True)
        return turned.T @ turned, predicted
    root = cholesky(features @ features.T + ridge * np.eye(n), lower=True)
    turned = solve_triangular(root, features @ batch.T, lower=True)  # (L, B)
    predicted = turned.T @ solve_triangular(root, targets, lower=True)
    return (batch @ batch.T - turned.T @ turned) / ridge, predicted


def _less_log(g: Floats) -> Floats:
    """g - log(1 + g), with all digits where g is small."""
    small = g < 1e-3
    series = g * g * (0.5 - g * (1 / 3 - g * (0.25 - g * (0.2 - g / 6))))
    exact: Floats = np.where(small, series, g - np.log1p(g))
    return exact


def _log_less_kept(g: Floats) -> Floats:
    """log(1 + g) - g/(1 + g): the same of the part that is kept."""
    return g * g / (1.0 + g) - _less_log(g)


def error_gap(divergence: float) -> float:
    """r(K) = exp(1 + W((K - 1)/e)) - 1, W being Lambert's function: K is the divergence in nats, >= 0, and so is r.

    It is what inverts h(u) = (1 + u) log(1 + u) - u, and bounds how far apart the expected errors of two posteriors
    are whose divergence is K. Near 0, where (K - 1)/e is next to the branch point and the plain formula is NaN, it is
    a series in √(2K). (Ishibashi & Hino 2021) O(1).

    >>> error_gap(0.0), round(error_gap(1.0), 6)
    (0.0, 1.718282)
    """
    if divergence < NEAR_BRANCH:
        step = math.sqrt(2.0 * divergence)
        return step * (1.0 + step * sum(factor * step**power for power, factor in enumerate(SERIES)))
    from scipy.special import lambertw

    return math.expm1(1.0 + float(lambertw((divergence - 1.0) / math.e).real))


def total_variation_bound(divergence: float) -> float:
    """Most total variation between two distributions of that divergence in nats; in [0, 1].

    The lesser of √(K/2) (Pinsker) and √(1 - exp(-K)) (Bretagnolle & Huber 1979). So much, at most, do the expectations
    of a loss in [0, 1] differ. O(1).

    >>> round(total_variation_bound(0.01), 4)
    0.0707
    """
    return min(math.sqrt(divergence / 2.0), math.sqrt(-math.expm1(-divergence)))
