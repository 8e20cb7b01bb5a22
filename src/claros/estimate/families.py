"""Families of learning curves, and their fit by least squares.

Every family is an error c + a f(x) with a rest c and a drop a, both at least 0, over labels x counted in those of now;
f falls with x. For given shape parameters the best c and a are known in closed form (variable projection, Golub &
Pereyra 1973). So a grid of shapes is tried on many curves at once, and the best of each is refined by looking at its
neighbours at half the distance, again and again: there are no starting values, and nothing that fails to converge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from claros.arrays import Floats

__all__ = ["FAMILIES", "Best", "Family", "fit_family"]

#: How often the distance to neighbours is halved; neighbours on the grid are some 20 to 50 % apart, and then 1 %.
HALVINGS = 5


@dataclass(frozen=True)
class Family:
    """f for shapes (..., d) in logarithms at x (K,), as (..., K); d axes of a grid of shapes.

    ``endless`` is an axis and the end of it, 0 or -1, at which no end of the fall is in sight.
    """

    f: Callable[[Floats, Floats], Floats]
    axes: tuple[Floats, ...]
    endless: tuple[int, int]

    @property
    def parameters(self) -> int:
        """How many are free, c and a included."""
        return 2 + len(self.axes)

    @property
    def grid(self) -> Floats:
        """(G, d) all shapes that are tried first."""
        return np.stack([axis.ravel() for axis in np.meshgrid(*self.axes, indexing="ij")], axis=-1)

    def is_endless(self, shape: Floats) -> bool:
        """Whether a shape (d,) lies at that end."""
        axis, end = self.endless
        return bool(shape[axis] == self.axes[axis][end])


class Best(NamedTuple):
    """For each of B curves: the best shape (B, d), a, c, and the weighted mean of squared residuals, (B,) each."""

    shape: Floats
    drop: Floats
    rest: Floats
    squares: Floats


def _power(shape: Floats, x: Floats) -> Floats:
    return np.asarray(np.exp(-np.exp(shape) * np.log(x)))


def _exponential(shape: Floats, x: Floats) -> Floats:
    return np.asarray(np.exp(-np.exp(shape) * x))


def _shifted_power(shape: Floats, x: Floats) -> Floats:
    return np.asarray(np.exp(-np.exp(shape[..., :1]) * np.log(x + np.exp(shape[..., 1:]))))


def _mmf(shape: Floats, x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(np.exp(shape[..., :1]) * (np.log(x) - shape[..., 1:]))))


def _axis(low: float, high: float, number: int) -> Floats:
    return np.asarray(np.linspace(np.log(low), np.log(high), number))


#: By their names in LCDB (Mohr et al. 2022): x^-b, exp(-b x), (x + d)^-b and 1 / (1 + (x / s)^d).
FAMILIES: Mapping[str, Family] = {
    "pow3": Family(_power, (_axis(0.05, 5, 24),), (0, 0)),
    "exp3": Family(_exponential, (_axis(0.1, 60, 24),), (0, 0)),
    "pow4": Family(_shifted_power, (_axis(0.05, 8, 16), _axis(0.03, 3, 6)), (1, -1)),
    "mmf4": Family(_mmf, (_axis(0.3, 6, 10), _axis(0.02, 3, 12)), (1, -1)),
}


def fit_family(family: Family, x: Floats, errors: Floats, weights: Floats) -> Best:
    """The best curve of a family for each of B; x (K,), errors (B, K), weights (K,) that sum to 1. O(B · G · K)."""
    grid = family.grid
    values = family.f(grid, x)
    level, weighted = (errors @ weights)[:, None], errors * weights
    best = _best(_Moments(values @ weights, values**2 @ weights, weighted @ values.T), level)
    shape = grid[best.place]
    low, high = (np.array([axis[end] for axis in family.axes]) for end in (0, -1))
    step = np.array([axis[1] - axis[0] for axis in family.axes])
    around = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * len(step), indexing="ij"), axis=-1).reshape(-1, len(step))
    row = np.arange(len(errors))
    for _ in range(HALVINGS):
        step = step / 2
        near = np.clip(shape[:, None, :] + around * step, low, high)
        values = family.f(near, x)
        moments = _Moments(values @ weights, values**2 @ weights, np.einsum("bgk,bk->bg", values, weighted))
        best = _best(moments, level)
        shape = near[row, best.place]
    squares = np.einsum("bk,bk->b", errors, weighted) - best.explained
    return Best(shape, best.drop, best.rest, np.maximum(squares, 0.0))


class _Moments(NamedTuple):
    """Weighted means of f, of f² and of f times the errors, for every shape; (G,) or (B, G), and (B, G) the last."""

    mean: Floats
    square: Floats
    product: Floats


class _Found(NamedTuple):
    """Of each of B curves: the best shape's place, what of the mean square it explains, a and c; (B,) each."""

    place: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    explained: Floats
    drop: Floats
    rest: Floats


def _best(moments: _Moments, level: Floats) -> _Found:
    """The shape that explains most, with c and a at least 0; ``level`` (B, 1) is each curve's mean error."""
    mean, square, product = moments
    spread = square - mean**2
    drop = np.maximum(product - level * mean, 0.0) / np.maximum(spread, 1e-300)
    rest = level - drop * mean
    alone = product / square  # where less than nothing would be left, c is 0 and a is fitted alone
    explained = np.where(rest < 0, alone * product, level**2 + drop**2 * spread)
    place = explained.argmax(axis=1)
    row = np.arange(len(place))
    rest_, drop_ = rest[row, place], np.where(rest[row, place] < 0, alone[row, place], drop[row, place])
    return _Found(place, explained[row, place], drop_, np.maximum(rest_, 0.0))
