"""Least squares and quadratic programmes over what is not negative, by active sets."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.linalg

from claros.arrays import Floats

__all__ = ["least_squares", "on_simplex", "onto_simplex", "quadratic"]


Flags: TypeAlias = npt.NDArray[np.bool_]


def quadratic(gram: Floats, linear: Floats, start: Floats) -> Floats:
    """The x >= 0 that minimises x'Gx/2 - c'x, for G positive semidefinite; (C, C), (C,) -> (C,).

    Lawson & Hanson's active sets, begun at the support of ``start``: variables enter together as long as that
    works, and one by one after a step of length 0, which cannot cycle. O(C^3) for each change of the support.
    """
    x = np.maximum(start, 0.0)
    free: Flags = np.asarray(x > 0)
    slack = 1e-13 * max(1.0, float(np.abs(linear).max()))
    together = True
    for _ in range(10 * len(x) + 20):
        x, free, moved = _inner(gram, linear, x, free)
        together = together and moved
        gain = np.where(free, -np.inf, linear - gram @ x)
        if gain.max() <= slack:
            break
        free = free | (gain > slack) if together else free | (np.arange(len(x)) == gain.argmax())
    return x


def _inner(gram: Floats, linear: Floats, x: Floats, free: Flags) -> tuple[Floats, Flags, bool]:
    """The best x on the support that no variable leaves 0 downwards for; its support; whether anything entered."""
    start = x
    for _ in range(2 * len(x)):
        z = np.zeros_like(x)
        if free.any():
            z[free] = _solve(gram[np.ix_(free, free)], linear[free])
        falling = np.flatnonzero(free & (z < 0))
        if not falling.size:
            return z, z > 0, bool(np.any((z > 0) & (start == 0)) or not np.any(start))
        steps = x[falling] / (x[falling] - z[falling])
        step = float(steps.min())
        x = np.where(free, x + step * (z - x), 0.0)
        gone = falling[steps <= step * (1 + 1e-12)]
        free = free.copy()
        free[gone] = False
        x[gone] = 0.0
    return x, x > 0, False


def _solve(gram: Floats, linear: Floats) -> Floats:
    try:
        return np.asarray(scipy.linalg.cho_solve(scipy.linalg.cho_factor(gram), linear))
    except np.linalg.LinAlgError:
        return np.asarray(scipy.linalg.lstsq(gram, linear)[0])


def least_squares(matrix: Floats, aim: Floats, start: Floats | None = None) -> Floats:
    """The x >= 0 nearest to solving Ax = b, in squares; (R, C), (R,) -> (C,).

    The support is found by the normal equations and the values then by A itself, whose condition number is not
    squared; where that takes a value below 0, Lawson & Hanson's own algorithm is run instead.
    """
    from scipy.optimize import nnls

    first = np.ones(matrix.shape[1]) if start is None else start
    free = quadratic(matrix.T @ matrix, matrix.T @ aim, first) > 0
    x = np.zeros(matrix.shape[1])
    if free.any():
        x[free] = scipy.linalg.lstsq(matrix[:, free], aim)[0]
    slope = matrix.T @ (aim - matrix @ x)
    if x.min() < 0 or slope[~free].max(initial=0.0) > 1e-10:
        x = np.asarray(nnls(matrix, aim)[0])
    return x


def on_simplex(matrix: Floats, aim: Floats) -> Floats:
    """The q >= 0 with sum 1 nearest to solving Aq = b, in squares; exact.

    With G = A - b1', the sum to 1 makes |Aq - b| = |Gq|; then min |Gx|^2 + (1'x - 1)^2 over x >= 0 has the same
    direction, since for x = sq it is g / (1 + g) at the best s, growing in g = |Gq|^2 alone.
    """
    stacked = np.vstack([matrix - aim[:, None], np.ones(matrix.shape[1])])
    x = least_squares(stacked, np.append(np.zeros(len(aim)), 1.0))
    return np.asarray(x / x.sum())


def onto_simplex(q: Floats) -> Floats:
    """The point of the simplex nearest to q (Held, Wolfe & Crowder 1974); O(C log C).

    >>> onto_simplex(np.array([0.9, 0.4, -0.2])).tolist()
    [0.75, 0.25, 0.0]
    """
    falling = np.sort(q)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(q) + 1)
    return np.asarray(np.maximum(q - excess[np.flatnonzero(falling > excess)[-1]], 0.0))
