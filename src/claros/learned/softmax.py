"""Logistic regression that is trained in a millisecond: Newton's method for a few labels, started where it last was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claros.arrays import Floats, Indices

__all__ = ["Softmax"]

#: Steps of Newton's method at most, and the gradient at which it ends.
STEPS, ENOUGH = 25, 1e-5
#: Penalty of the intercepts, which only keeps their sum in place.
TINY = 1e-6


@dataclass(frozen=True)
class Softmax:
    """Multinomial logistic regression with the penalty of scikit-learn's C=1; of two classes, that of one vector.

    ``weights`` (K, D + 1) has a row for each class that had a label, the last column its intercept; ``columns`` (K,)
    are those classes' codes, of ``classes`` in all.
    """

    weights: Floats
    columns: Indices
    classes: int

    @classmethod
    def trained(cls, features: Floats, labels: Indices, classes: int, before: Softmax | None = None) -> Softmax:
        """The minimum of the penalised loss; O(n·(K·D)² + (K·D)³) a step."""
        columns, codes = np.unique(labels, return_inverse=True)
        x = np.concatenate([features, np.ones((len(features), 1))], axis=1)
        target = np.eye(len(columns))[codes]
        width = 2.0 if len(columns) == 2 else 1.0  # as for one vector, of which the two are plus and minus a half
        penalty = np.append(np.full(features.shape[1], width), TINY)
        same = before is not None and np.array_equal(before.columns, columns)
        weights = before.weights if before is not None and same else np.zeros((len(columns), x.shape[1]))
        loss = _loss(weights, x, target, penalty)
        for _ in range(STEPS):
            probs = _softmax(x @ weights.T)
            gradient = (probs - target).T @ x + penalty * weights
            if np.abs(gradient).max() < ENOUGH:
                break
            step = np.linalg.solve(_hessian(probs, x, penalty), gradient.ravel()).reshape(weights.shape)
            size = 1.0
            while (lower := _loss(weights - size * step, x, target, penalty)) > loss and size > 1e-6:
                size /= 2.0
            weights, loss = weights - size * step, lower
        return cls(weights, columns, classes)

    def probs(self, features: Floats) -> Floats:
        """(N, C) probabilities, 0 for classes without a label."""
        found = np.zeros((len(features), self.classes))
        found[:, self.columns] = _softmax(features @ self.weights[:, :-1].T + self.weights[:, -1])
        return found


def _softmax(scores: Floats) -> Floats:
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def _loss(weights: Floats, x: Floats, target: Floats, penalty: Floats) -> float:
    scores = x @ weights.T
    highest = scores.max(axis=1)
    total = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    return float(total.sum() - np.sum(scores * target) + np.sum(penalty * weights**2) / 2.0)


def _hessian(probs: Floats, x: Floats, penalty: Floats) -> Floats:
    """(K·(D+1), K·(D+1)): the block of classes b and c is xᵀ diag(p_b·(δ_bc - p_c)) x."""
    k, d = probs.shape[1], x.shape[1]
    shares = probs[:, :, None] * (np.eye(k) - probs[:, None, :])
    blocks = np.einsum("nbc,ni,nj->bicj", shares, x, x, optimize=True)
    table = blocks.reshape(k * d, k * d)
    table[np.diag_indices(k * d)] += np.tile(penalty, k)
    return np.asarray(table)
