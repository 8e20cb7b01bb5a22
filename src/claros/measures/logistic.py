"""A small logistic regression, for what strategies learn by themselves."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from claros.arrays import Floats, Indices

__all__ = ["fit_logistic"]


def fit_logistic(
    rows: Floats, labels: Indices, n_classes: int, *, weights: Floats | None = None, ridge: float = 1.0
) -> tuple[Floats, Floats]:
    """Weights (C, D) and bias (C,) of multinomial logistic regression, on float64 rows (n, D) and codes (n,).

    Minimises Σ w_i · cross-entropy_i + ridge/2 · |weights|², bias unpenalised, by L-BFGS to a gradient of 1e-8 a unit
    of weight; it is scikit-learn's objective with C = 1/ridge. O(n·D·C) time an iteration, O(n·C + D·C) memory.
    """
    mass = np.ones(len(rows)) if weights is None else weights
    total, width = float(np.sum(mass)), rows.shape[1]
    taken = np.arange(len(rows))

    def loss(flat: Floats) -> tuple[float, Floats]:
        table = flat.reshape(n_classes, width + 1)
        logits = rows @ table[:, :width].T + table[:, width]
        logs = log_softmax(logits, axis=1)
        errors = softmax(logits, axis=1)
        errors[taken, labels] -= 1.0
        errors *= mass[:, None]
        gradient = np.column_stack([errors.T @ rows + ridge * table[:, :width], errors.sum(axis=0)])
        value = -float(mass @ logs[taken, labels]) + 0.5 * ridge * float(np.sum(table[:, :width] ** 2))
        return value / total, gradient.ravel() / total

    found = minimize(
        loss,
        np.zeros(n_classes * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 500, "gtol": 1e-9, "ftol": 1e-15},
    )
    table = found.x.reshape(n_classes, width + 1)
    return table[:, :width], table[:, width]
