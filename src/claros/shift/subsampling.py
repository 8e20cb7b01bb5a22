"""What subsampling by predicted classes leaves of a shift: the drift of MALLS, from labels drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from claros.arrays import Array, Floats, to_numpy
from claros.errors import InputError, NoEstimateError
from claros.estimate.arguments import check_level

__all__ = ["Drift", "subsampling_drift"]


@dataclass(frozen=True)
class Drift:
    """The drift, with Student's interval from ``n`` labels, and their class shares (C,)."""

    value: float
    low: float
    high: float
    level: float
    n: int
    shares: Floats


def subsampling_drift(
    labels: Array | Sequence[int],
    target_prior: Array | Sequence[float],
    medial_prior: Array | Sequence[float],
    *,
    level: float = 0.95,
) -> Drift:
    """How far a subsample misses the medial distribution it aims at: 1 - mean of target / medial share; at most 1.

    ``labels`` (n,) are codes of items drawn **at random** from what subsampling by predicted classes let through, and
    ``target_prior`` and ``medial_prior`` (C,) class shares. If the subsample has the medial shares, the mean weight is
    1 and the drift 0; predicted classes that are wrong move it either way. Labels that a strategy chose say nothing of
    it. A class with medial share 0 among the labels is an `InputError`.

    Reference: Zhao, Liu, Anandkumar & Yue 2021, arXiv:2007.08479, Lemma 1 of the supplement.

    Cost: O(n + C).

    >>> drift = subsampling_drift([0, 0, 0, 1], target_prior=[0.8, 0.2], medial_prior=[0.5, 0.5])
    >>> round(drift.value, 3)  # 1 - (3 * 1.6 + 0.4) / 4
    -0.3
    """
    level = check_level(level, "subsampling_drift")
    target, medial = (_shares(given, who) for given, who in ((target_prior, "target"), (medial_prior, "medial")))
    codes = np.asarray(to_numpy(labels), dtype=np.int64)
    if len(target) != len(medial):
        raise InputError(f"target_prior has {len(target)} classes and medial_prior has {len(medial)}.")
    if len(codes) < 2:
        raise NoEstimateError(f"A drift needs at least two labels drawn at random; got {len(codes)}.")
    if codes.min() < 0 or codes.max() >= len(target):
        raise InputError(f"labels must be codes from 0 to {len(target) - 1}; got {codes.min()} to {codes.max()}.")
    if not (medial[codes] > 0).all():
        code = int(codes[medial[codes] == 0][0])
        raise InputError(f"Class {code} is among the labels, but its medial share is 0.")
    weights = target[codes] / medial[codes]
    value, n = 1.0 - float(weights.mean()), len(codes)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * float(weights.std(ddof=1)) / np.sqrt(n)
    return Drift(value, value - half, value + half, level, n, np.bincount(codes, minlength=len(target)) / n)


def _shares(given: Array | Sequence[float], who: str) -> Floats:
    shares: Floats = np.asarray(given, dtype=np.float64)
    if shares.ndim != 1 or not (shares >= 0).all() or abs(float(shares.sum()) - 1) > 1e-3:
        raise InputError(f"{who}_prior must be shares of at least 0 that sum to 1; got {given!r}.")
    return np.asarray(shares / shares.sum())
