"""The last layer's Laplace posterior: a Gaussian about the trained weights, as wide as the labeled items leave it.

Of a softmax over linear logits the second derivative of the loss in the weights is the generalised Gauss-Newton matrix
itself, sum of w·(diag(p) - p pᵀ) ⊗ (x xᵀ) over the items (MacKay 1992, Neural Computation 4(5); Daxberger et al. 2021,
arXiv:2106.14806); the prior adds its precision to the diagonal. Everything is float64 on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from claros.arrays import Floats

__all__ = ["Full", "Kronecker", "Posterior", "best_precision", "last_layer"]

#: Up to so many weights the whole matrix is kept, unless told otherwise.
WHOLE = 1024
#: The prior precision is looked for between its inverse and this.
FIRMEST = 1e8


class Posterior(Protocol):
    """A Gaussian over the head's weights (K, F), rows of which follow one another in the covariance."""

    def covariance(self, precision: float) -> Floats:
        """Under a prior of that precision, whole; (K·F, K·F)."""

    def sample(self, n: int, precision: float, rng: np.random.Generator) -> Floats:
        """Draws of the weights; (n, K, F)."""

    def curvatures(self) -> Floats:
        """Eigenvalues of the likelihood's precision, in any order; (K·F,)."""


@dataclass(frozen=True)
class Full:
    """The whole matrix, as its eigenvalues (K·F,) and eigenvectors in columns. O(n·K²·F² + K³·F³) time to make."""

    mean: Floats
    values: Floats
    vectors: Floats

    @classmethod
    def of(cls, mean: Floats, inputs: Floats, curvature: Floats) -> Full:
        """From weights (K, F), inputs (n, F) and each item's weighted diag(p) - p pᵀ, (n, K, K)."""
        k, f = mean.shape
        matrix = np.empty((k, f, k, f))
        for one in range(k):
            for other in range(one + 1):
                block = (inputs * curvature[:, one, other, None]).T @ inputs
                matrix[one, :, other], matrix[other, :, one] = block, block
        values, vectors = np.linalg.eigh(matrix.reshape(k * f, k * f))
        return cls(mean, np.maximum(values, 0.0), vectors)

    def covariance(self, precision: float) -> Floats:
        """Under a prior of that precision, whole; (K·F, K·F)."""
        scaled: Floats = (self.vectors / (self.values + precision)) @ self.vectors.T
        return scaled

    def sample(self, n: int, precision: float, rng: np.random.Generator) -> Floats:
        """Draws of the weights; (n, K, F)."""
        steps = rng.standard_normal((n, len(self.values))) / np.sqrt(self.values + precision)
        drawn: Floats = self.mean + (steps @ self.vectors.T).reshape(n, *self.mean.shape)
        return drawn

    def curvatures(self) -> Floats:
        """Eigenvalues of the likelihood's precision; (K·F,)."""
        return self.values


@dataclass(frozen=True)
class Kronecker:
    """Sum of the curvatures times the mean of x xᵀ (Ritter et al. 2018), each by its eigenvalues and eigenvectors.

    Exact for one item, and where curvature and inputs vary independently. O(n·(K² + F²) + K³ + F³) time to make.
    """

    mean: Floats
    outer: Floats
    outer_vectors: Floats
    inner: Floats
    inner_vectors: Floats

    @classmethod
    def of(cls, mean: Floats, inputs: Floats, curvature: Floats, weights: Floats) -> Kronecker:
        """From weights (K, F), inputs (n, F), weighted curvatures (n, K, K) and the items' weights (n,)."""
        outer, outer_vectors = np.linalg.eigh(curvature.sum(axis=0))
        inner, inner_vectors = np.linalg.eigh((inputs * weights[:, None]).T @ inputs / weights.sum())
        return cls(mean, np.maximum(outer, 0.0), outer_vectors, np.maximum(inner, 0.0), inner_vectors)

    def covariance(self, precision: float) -> Floats:
        """Under a prior of that precision, whole; (K·F, K·F)."""
        vectors = np.kron(self.outer_vectors, self.inner_vectors)
        scaled: Floats = (vectors / (self.curvatures() + precision)) @ vectors.T
        return scaled

    def sample(self, n: int, precision: float, rng: np.random.Generator) -> Floats:
        """Draws of the weights; (n, K, F)."""
        steps = rng.standard_normal((n, *self.mean.shape)) / np.sqrt(np.outer(self.outer, self.inner) + precision)
        drawn: Floats = self.mean + self.outer_vectors @ steps @ self.inner_vectors.T
        return drawn

    def curvatures(self) -> Floats:
        """Eigenvalues of the likelihood's precision; (K·F,)."""
        return np.outer(self.outer, self.inner).ravel()


def last_layer(mean: Floats, inputs: Floats, weights: Floats, *, structure: str = "auto") -> Posterior:
    """The posterior of a softmax head about its trained weights; (K, F), (n, F), (n,) -> over (K, F).

    ``inputs`` are the frozen features of the items trained on, with a last column of ones if the head has a bias;
    ``weights`` say how often each item counts. ``structure`` is ``full``, ``kronecker`` or ``auto``: whole up to 1,024
    weights.

    Departures: the weights were not trained under the prior that is assumed afterwards.
    """
    logits = inputs @ mean.T
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    if structure == "auto":
        structure = "full" if mean.size <= WHOLE else "kronecker"
    curvature = -probs[:, :, None] * probs[:, None, :] * weights[:, None, None]
    curvature[:, range(len(mean)), range(len(mean))] += probs * weights[:, None]
    return Full.of(mean, inputs, curvature) if structure == "full" else Kronecker.of(mean, inputs, curvature, weights)


def best_precision(mean: Floats, curvatures: Floats) -> float:
    """The prior precision that makes the labels likeliest, all weights integrated out; within [1e-8, 1e8].

    Where the precision is λ and the eigenvalues h, the marginal likelihood is highest where sum of h / (h + λ), the
    number of weights that the labels determine, is λ·|weights|²: the left side over λ falls, so there is one such λ
    (MacKay 1992).
    """
    from scipy.optimize import brentq

    length = float(np.square(mean).sum())

    def slope(log_precision: float) -> float:
        precision = np.exp(log_precision)
        return float((curvatures / (curvatures + precision)).sum() - precision * length)

    edge = float(np.log(FIRMEST))
    if slope(-edge) <= 0:
        return 1 / FIRMEST
    return FIRMEST if slope(edge) >= 0 else float(np.exp(brentq(slope, -edge, edge, xtol=1e-10)))
