"""Posteriors under another prior, and distributions between that of the source and that of the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from claros.arrays import Array, Floats, from_numpy, is_array, namespace, row_blocks, to_numpy
from claros.checks import number
from claros.errors import InputError, UnknownNameError, suggest
from claros.shift.evidence import probabilities

__all__ = ["MEDIALS", "adjust", "distribution", "medial", "ratios"]


def adjust(probs: Array, weights: Array) -> Array:
    """Posteriors under the target prior, p'(y|x) proportional to w_y p(y|x); (N, C), (C,) -> (N, C).

    Weights of 1 change nothing, and adjusting by two weights in turn is adjusting by their product. A row whose
    weighted values are all 0 stays as it was. float32 stays float32, and torch stays torch. O(N · C).

    >>> adjust(np.array([[0.5, 0.5]]), np.array([0.5, 1.5])).tolist()
    [[0.25, 0.75]]
    """
    table = probabilities(probs, "probs")
    factors = _weights(weights, table.shape[1]).astype(table.dtype)
    out = np.empty_like(table)
    for rows in row_blocks(len(table), 16 * table.shape[1]):
        block = table[rows] * factors
        sums = block.sum(axis=1, keepdims=True)
        lost = sums[:, 0] <= 0
        out[rows] = np.divide(block, sums, out=table[rows].copy(), where=~lost[:, None])
    if is_array(probs) and not isinstance(probs, np.ndarray):
        return namespace(probs).astype(from_numpy(out, probs), probs.dtype)
    return out


def _weights(weights: Array, n_classes: int) -> Floats:
    given = np.asarray(to_numpy(weights), dtype=np.float64)
    if given.shape != (n_classes,):
        raise InputError(f"weights must have one value for each of {n_classes} classes; got shape {given.shape}.")
    wrong = np.flatnonzero(~np.isfinite(given) | (given < 0))
    if wrong.size:
        raise InputError(
            f"weights must be finite and at least 0; that of class {wrong[0]} is {given[wrong[0]]:g} (for bbse, "
            "solver='nnls' gives none below 0)."
        )
    if not given.any():
        raise InputError("weights must not all be 0.")
    return given


#: Name -> function of the source and the target prior.
MEDIALS: Mapping[str, Callable[[Floats, Floats], Floats]] = MappingProxyType(
    {
        "source": lambda source, target: source,
        "uniform": lambda source, target: np.ones_like(source),
        "square_root": lambda source, target: np.sqrt(source * target),
        "target": lambda source, target: target,
    }
)


def medial(rule: str | float | Array, source: Array, target: Array) -> Floats:
    """The distribution (C,) to subsample towards, between the source's and the target's; it sums to 1.

    ``rule`` is ``"source"``, ``"uniform"``, ``"square_root"`` (proportional to sqrt(source · target)), ``"target"``; a
    number a in [0, 1] for source^(1-a) · target^a; or C numbers, which are scaled. Where source and target have no
    class in common, a geometric mean is undefined and an error.

    >>> medial("square_root", [0.8, 0.2], [0.2, 0.8]).tolist()
    [0.5, 0.5]
    """
    p, q = (distribution(value, what) for value, what in ((source, "source"), (target, "target")))
    if p.shape != q.shape:
        raise InputError(f"source has {p.size} classes and target has {q.size}.")
    if isinstance(rule, str):
        if rule not in MEDIALS:
            raise UnknownNameError(suggest(rule, MEDIALS, "medial distribution"))
        between = MEDIALS[rule](p, q)
    elif np.ndim(rule) == 0:
        share = number(rule, 0, 1, "a medial distribution's power")
        between = p ** (1 - share) * q**share
    else:
        between = distribution(rule, "a medial distribution")
        if between.shape != p.shape:
            raise InputError(f"a medial distribution must have {p.size} values; got {between.size}.")
    total = float(between.sum())
    if total <= 0:
        raise InputError("source and target have no class in common, so that nothing lies between them; use 'uniform'.")
    return np.asarray(between / total)


def ratios(target: Floats, source: Floats) -> Floats:
    """Shares (C,) of the target over those of the source; 1 for a class that the source does not have."""
    return np.asarray(np.divide(target, source, out=np.ones(len(source)), where=source > 0))


def distribution(value: Array, what: str) -> Floats:
    """Shares (C,) of at least 0, scaled to a sum of 1."""
    given = np.asarray(to_numpy(value), dtype=np.float64)
    if given.ndim != 1 or not given.size or not np.all(np.isfinite(given)) or given.min() < 0 or given.sum() <= 0:
        raise InputError(f"{what} must be a list of shares of at least 0, not all 0; got {value!r}.")
    return np.asarray(given / given.sum())
