"""How far two sets of class predictions for the same items agree."""

from __future__ import annotations

import numpy as np

from claros.arrays import Indices
from claros.errors import InputError

__all__ = ["cohen_kappa", "contingency"]

#: Codes from here on are renumbered before they are counted, so that memory follows the items and not the codes.
SPARSE = 1 << 20


def cohen_kappa(first: Indices, second: Indices) -> float | None:
    """Cohen's kappa of two predictions, in [-1, 1]; (T,), (T,) class codes -> 1 if equal, about 0 for chance.

    ``kappa = (observed - expected) / (1 - expected)`` of the shares of agreement. It is not defined, and None, where
    both name one and the same class for everything: agreement is certain then, and says nothing. Counted in whole
    numbers, so equal predictions give exactly 1. Any integer dtype. O(T + C) time and memory: the expected agreement
    needs the two marginal counts only, never a (C, C) table. (Cohen 1960)

    >>> cohen_kappa(np.array([1, 0, 0, 1]), np.array([1, 0, 1, 1]))
    0.5
    >>> cohen_kappa(np.array([2, 2]), np.array([2, 2])) is None
    True
    """
    first, second = _pair(first, second)
    if max(int(first.max()), int(second.max())) >= SPARSE:
        joined = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
        first, second = joined[: first.size], joined[first.size :]
    n = int(first.size)
    counts_first, counts_second = np.bincount(first), np.bincount(second)
    shared = min(counts_first.size, counts_second.size)
    expected = int(counts_first[:shared] @ counts_second[:shared])  # n² times the share expected by chance
    if expected == n * n:
        return None
    agreed = int(np.count_nonzero(first == second))
    return (n * agreed - expected) / (n * n - expected)


def contingency(first: Indices, second: Indices, n_classes: int) -> Indices:
    """How often each pair of classes was named; (T,), (T,) codes -> (C, C) counts, rows for ``first``.

    One `numpy.bincount` over joint codes: O(T + C²).
    """
    first, second = _pair(first, second)
    top = max(int(first.max()), int(second.max()))
    if top >= n_classes:
        raise InputError(f"Class codes must be below the {n_classes} classes; got {top}.")
    joint = first.astype(np.int64) * n_classes + second
    return np.bincount(joint, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def _pair(first: Indices, second: Indices) -> tuple[Indices, Indices]:
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise InputError(f"Two predictions for the same items are needed; got shapes {first.shape} and {second.shape}.")
    if first.dtype.kind not in "iu" or second.dtype.kind not in "iu":
        raise InputError(f"Predictions must be class codes; got dtypes {first.dtype} and {second.dtype}.")
    if int(first.min()) < 0 or int(second.min()) < 0:
        raise InputError("Predictions must be class codes of at least 0; got a negative one.")
    return first, second
