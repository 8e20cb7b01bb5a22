from __future__ import annotations

import math
from decimal import Decimal, getcontext
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import lambertw
from scipy.stats import multivariate_normal, norm

from claros.arrays import Floats
from claros.measures.posterior import error_gap, gaussian_kl, total_variation_bound, update_divergences


def dense_kl(mean: Floats, covariance: Floats, other_mean: Floats, other_covariance: Floats) -> float:
    """The textbook formula, with an inverse and determinants."""
    inverse = np.linalg.inv(other_covariance)
    shift = (other_mean - mean).reshape(len(covariance), -1)
    logs = np.log(np.linalg.det(other_covariance) / np.linalg.det(covariance))
    one = np.trace(inverse @ covariance) - len(covariance) + logs
    return 0.5 * float(shift.shape[1] * one + np.trace(shift.T @ inverse @ shift))


def dense_posterior(features: Floats, targets: Floats, prior: float, noise: float) -> tuple[Floats, Floats]:
    covariance = np.linalg.inv(np.eye(features.shape[1]) / prior + features.T @ features / noise)
    return covariance @ features.T @ targets / noise, covariance


def spread(rng: np.random.Generator, width: int) -> Floats:
    root = rng.normal(size=(width, width + 2))
    return root @ root.T


def test_the_divergence_of_gaussians_is_that_of_the_dense_formula() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        width, columns = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        means = rng.normal(size=(2, width, columns))
        one, other = spread(rng, width), spread(rng, width)
        expected = dense_kl(means[0], one, means[1], other)
        assert gaussian_kl(means[0], one, means[1], other) == pytest.approx(expected, rel=1e-9)


def test_the_divergence_is_the_mean_logarithm_of_the_ratio() -> None:
    rng = np.random.default_rng(1)
    one, other = multivariate_normal([0, 1], [[1, 0.5], [0.5, 2]]), multivariate_normal([1, 0], [[2, 0], [0, 1]])
    draws = one.rvs(200_000, random_state=rng)
    ratios = one.logpdf(draws) - other.logpdf(draws)
    kl = gaussian_kl(one.mean, one.cov_object.covariance, other.mean, other.cov_object.covariance)
    tolerance = 4 * ratios.std() / math.sqrt(len(ratios))
    assert abs(kl - ratios.mean()) < tolerance, f"seed 1, 200000 draws, 4 standard errors: {tolerance}"


def test_worked_by_hand_in_one_dimension() -> None:
    # KL(N(m, s²) || N(0, 1)) = (s² + m² - 1)/2 - log s
    assert gaussian_kl(np.array([3.0]), np.array([[4.0]]), np.array([0.0]), np.array([[1.0]])) == pytest.approx(
        (4 + 9 - 1) / 2 - math.log(2)
    )
    same = np.array([[2.0, 0.3], [0.3, 1.0]])
    assert gaussian_kl(np.zeros(2), same, np.zeros(2), same) == pytest.approx(0.0, abs=1e-12)


def test_a_covariance_that_is_none_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        gaussian_kl(np.zeros(2), np.diag([1.0, -1.0]), np.zeros(2), np.eye(2))


@pytest.mark.parametrize(
    ("rows", "new", "width"), [(30, 4, 5), (6, 2, 20), (30, 12, 3), (2, 1, 4), (9, 8, 6), (7, 1, 1)]
)
def test_what_a_batch_moves_is_the_divergence_of_the_dense_posteriors(rows: int, new: int, width: int) -> None:
    # more rows than columns and fewer, a batch larger than the columns and larger than what was there before
    rng = np.random.default_rng(rows)
    features, targets = rng.normal(size=(rows, width)), np.eye(3)[rng.integers(0, 3, rows)]
    for prior, noise in ((1.0, 0.25), (10.0, 0.01), (0.3, 2.0)):
        before = dense_posterior(features[:-new], targets[:-new], prior, noise)
        after = dense_posterior(features, targets, prior, noise)
        forward, backward = update_divergences(features, targets, new, prior_variance=prior, noise_variance=noise)
        assert forward == pytest.approx(dense_kl(*after, *before), rel=1e-7)
        assert backward == pytest.approx(dense_kl(*before, *after), rel=1e-7)


def test_a_batch_worked_by_hand() -> None:
    # one weight a class, prior and noise 1. After the first label: precision 2, means (½, 0). The second item has
    # g = ½ and residuals (-½, 1), of squared length 5/4.
    forward, backward = update_divergences(
        np.array([[1.0], [1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]), 1, noise_variance=1.0
    )
    assert forward == pytest.approx((2 * (math.log(1.5) - 1 / 3) + 1.25 * 0.5 / 2.25) / 2)
    assert backward == pytest.approx((2 * (0.5 - math.log(1.5)) + 1.25 * 0.5 / 1.5) / 2)


def test_a_batch_that_hardly_moves_anything_keeps_its_digits() -> None:
    # an item of length 1e-6: g = 1e-12, and the divergence is g²/4 for an expected label. The dense formula is all
    # rounding there.
    features, targets = np.array([[1.0, 0.0], [0.0, 1e-6]]), np.array([[0.0], [0.0]])
    forward, backward = update_divergences(features, targets, 1, noise_variance=1.0)
    assert forward == pytest.approx(0.25e-24, rel=1e-9)
    assert backward == pytest.approx(0.25e-24, rel=1e-9)
    for scale in (1e-2, 3e-2, 1e-1):  # on both sides of where the series ends
        features = np.array([[1.0, 0.0], [0.0, scale]])
        g = Decimal(scale) ** 2
        expected = ((1 + g).ln() - g / (1 + g)) / 2, (g - (1 + g).ln()) / 2
        assert update_divergences(features, targets, 1, noise_variance=1.0) == pytest.approx(
            [float(value) for value in expected], rel=1e-9
        )


def test_a_batch_of_nothing_moves_nothing() -> None:
    assert update_divergences(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]]), 1) == (0.0, 0.0)


@pytest.mark.parametrize("divergence", [1e-30, 1e-12, 1e-8, 9.99e-6, 1.001e-5, 1e-3, 0.1, 0.5, 1.0, 5.0, 1e3, 1e8])
def test_the_gap_inverts_its_function(divergence: float) -> None:
    # h(u) = (1 + u) log(1 + u) - u, here in 60 digits
    getcontext().prec = 60
    u = Decimal(error_gap(divergence))
    assert float((1 + u) * (1 + u).ln() - u) == pytest.approx(divergence, rel=1e-8)


def test_the_gap_is_the_published_formula_where_that_is_a_number() -> None:
    for divergence in (0.01, 0.3, 2.0, 50.0):
        published = np.exp(1 + lambertw((divergence - 1) / np.e).real) - 1
        assert error_gap(divergence) == pytest.approx(published, rel=1e-9)
    assert error_gap(0.01) == pytest.approx(0.145, abs=5e-4)


def test_the_gap_of_nothing_is_exactly_0_and_grows() -> None:
    # other programs add 1e-20 there, because Lambert's function at its branch point is NaN
    assert error_gap(0.0) == 0.0
    gaps = [error_gap(divergence) for divergence in np.logspace(-20, 6, 400)]
    assert all(before < after for before, after in pairwise(gaps))


def test_the_total_variation_is_bounded() -> None:
    # two unit Gaussians a distance apart: KL = distance²/2, total variation 2 Φ(distance/2) - 1
    for distance in (0.01, 0.3, 1.0, 3.0, 9.0):
        exact = 2 * norm.cdf(distance / 2) - 1
        assert exact <= total_variation_bound(distance**2 / 2) <= 1
    assert total_variation_bound(0.01) == pytest.approx(math.sqrt(0.005))
    assert total_variation_bound(8.0) == pytest.approx(math.sqrt(1 - math.exp(-8)))
    assert total_variation_bound(0.0) == 0.0
    assert all(total_variation_bound(divergence) < error_gap(divergence) for divergence in (1e-9, 0.01, 1.0, 10.0))
