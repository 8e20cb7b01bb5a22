"""Least squares with unsquared norms, |A t - b| + D |t| over t >= -1, to a duality gap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.optimize import brentq

from claros.arrays import Floats
from claros.shift.nonnegative import quadratic

__all__ = ["Regularised", "nearby", "regularised"]


class Regularised(NamedTuple):
    """``theta`` (C,), its relative duality ``gap``, and the ``ridge`` whose solution it is (infinite where it is 0)."""

    theta: Floats
    gap: float
    ridge: float


class _Path:
    """Ridge solutions t(k) of |A t - b|^2 + k |t|^2 over t >= -1, for any k > 0."""

    def __init__(self, matrix: Floats, aim: Floats) -> None:
        self.matrix, self.aim = matrix, aim
        self.left, self.values, self.right = scipy.linalg.svd(matrix)
        self.along = self.left.T @ aim
        self.start: Floats = np.ones(len(aim))

    def at(self, ridge: float) -> Floats:
        """The solution: in closed form where no bound is met, else by active sets from the last support."""
        theta = self.right.T @ (self.values / (self.values**2 + ridge) * self.along)
        if theta.min() >= -1:
            return np.asarray(theta)
        gram = self.matrix.T @ self.matrix + ridge * np.eye(len(self.aim))
        linear = self.matrix.T @ (self.aim + self.matrix.sum(axis=1)) + ridge
        weights = quadratic(gram, linear, self.start)
        self.start = weights
        return weights - 1

    def exact(self, strength: float) -> Floats | None:
        """The solution of A t = b, if it is within bounds and worth its norm: D |inv(A)' t| <= |t|."""
        if self.values[-1] <= 1e-10 * self.values[0]:
            return None
        theta = scipy.linalg.solve(self.matrix, self.aim)
        steep = strength * np.linalg.norm(scipy.linalg.solve(self.matrix.T, theta))
        return np.asarray(theta) if theta.min() >= -1 and steep <= np.linalg.norm(theta) else None

    def slope(self, ridge: float) -> float:
        """k |t| / |A t - b|: minus the slope of the frontier of the two norms, growing in k."""
        theta = self.at(ridge)
        return float(ridge * np.linalg.norm(theta) / max(float(np.linalg.norm(self.matrix @ theta - self.aim)), 1e-300))


def regularised(matrix: Floats, aim: Floats, strength: float) -> Regularised:
    """The t >= -1 that minimises |A t - b| + D |t|; (C, C), (C,) -> (C,).

    Both norms are traded along the frontier that ridge solutions trace. Its slope is minus k |t| / |A t - b| and grows
    with k, so the k whose slope is D is found by bisection; before its lower end the exact solution is kept, past its
    upper end, |A'b| / |b|, t is 0. The gap is to the dual: max of -b'u - sum(v) over |u| <= 1, v >= 0 with
    |A'u - v| <= D, at the u and v that the optimality conditions name, scaled into bounds.

    Cost: O(C³) once and O(C²) for each of some 30 looks, O(C³) where bounds are met.
    """
    size = float(np.linalg.norm(aim))
    if size <= 1e-15 or np.linalg.norm(matrix.T @ aim) <= strength * size:
        return Regularised(np.zeros(len(aim)), _gap(matrix, aim, strength, np.zeros(len(aim))), np.inf)
    path = _Path(matrix, aim)
    theta, ridge = path.exact(strength), 0.0
    if theta is None:
        low, high = (np.log(factor * path.values[0] ** 2) for factor in (1e-16, 1e8))
        if path.slope(np.exp(low)) < strength:
            low = brentq(lambda log: path.slope(np.exp(log)) - strength, low, high, xtol=1e-12)
        ridge = float(np.exp(low))
        theta = path.at(ridge)
    return Regularised(theta, _gap(matrix, aim, strength, theta), ridge)


def nearby(matrix: Floats, aim: Floats, strength: float, ridge: float) -> Floats:
    """`regularised` of data much like those it found this ridge for: one look instead of thirty."""
    if np.linalg.norm(matrix.T @ aim) <= strength * np.linalg.norm(aim):
        return np.zeros(len(aim))
    if not np.isfinite(ridge):
        return regularised(matrix, aim, strength).theta
    path = _Path(matrix, aim)
    return path.at(max(ridge, 1e-16 * float(path.values[0]) ** 2))


def _gap(matrix: Floats, aim: Floats, strength: float, theta: Floats) -> float:
    """How much the objective may be above its minimum, over the objective; 0 is optimal."""
    rest = matrix @ theta - aim
    length, size = float(np.linalg.norm(rest)), float(np.linalg.norm(theta))
    value = length + strength * size
    if value <= 1e-12:
        return 0.0
    if length > 1e-9 * np.linalg.norm(aim):
        unit = rest / length
    else:  # an exact solution: the multiplier that makes the two gradients cancel
        pull = np.where(theta > -1 + 1e-12, -strength * theta / max(size, 1e-300), 0.0)
        unit = scipy.linalg.lstsq(matrix.T, pull)[0]
        unit = unit / max(1.0, float(np.linalg.norm(unit)))
    slope = matrix.T @ unit
    direction = theta / size if size > 0 else np.zeros_like(theta)
    bound = np.where(theta <= -1 + 1e-9, np.maximum(slope + strength * direction, 0.0), 0.0)
    left = float(np.linalg.norm(slope - bound))
    scale = min(1.0, strength / left) if left > 0 else 1.0
    dual = scale * float(-aim @ unit - bound.sum())
    return max(0.0, value - dual) / value
