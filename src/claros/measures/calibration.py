"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.errors import InputError
from claros.inputs import Inputs

__all__ = [
    "Labeled",
    "Reliability",
    "Temperature",
    "expected_calibration_error",
    "fit_temperature",
    "labeled",
    "reliability",
]

#: Temperatures are looked for between its inverse and this.
HOTTEST = 20.0


class Labeled(NamedTuple):
    """True classes (L,) and what was predicted, (L, C) in float64, checked."""

    labels: Indices
    probs: Floats

    @property
    def predicted(self) -> Indices:
        """(L,) the most probable class of each item, the first of equals."""
        return np.asarray(self.probs.argmax(axis=1), dtype=np.int64)


def labeled(labels: Array, probs: Array) -> Labeled:
    """Check that (L,) codes and (L, C) probabilities belong together and there is at least one item; O(L · C)."""
    inputs = Inputs({"labels": labels, "labeled_probs": probs}, ("labels", "labeled_probs"), who="a metric")
    codes, table = inputs["labels"], to_numpy(inputs["labeled_probs"]).astype(np.float64)
    if codes.size == 0:
        raise InputError("A metric needs at least one labeled item; got none.")
    if int(codes.max()) >= table.shape[1]:
        raise InputError(
            f"labels has class code {int(codes.max())}, but the probabilities have {table.shape[1]} classes."
        )
    return Labeled(codes, table)


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, bin by bin; what a reliability diagram shows.

    ``edges`` (K + 1,) from 0 to 1; ``confidence`` and ``accuracy`` (K,) means over the items of a bin, NaN where it is
    empty; ``count`` (K,) items.
    """

    edges: Floats
    confidence: Floats
    accuracy: Floats
    count: Indices

    @property
    def error(self) -> float:
        """Expected calibration error: the mean over items of their bin's |accuracy - confidence|, in [0, 1]."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(self.count[filled] @ gaps / self.count.sum())


def reliability(labels: Array, probs: Array, *, bins: int = 15) -> Reliability:
    """Confidence and accuracy in ``bins`` bins of equal width; (L,), (L, C) -> tables of (bins,).

    An item's confidence is its largest probability. Bins are open below and closed above, (a, b], as in Guo et al.
    2017, arXiv:1706.04599, with their 15 by default. O(L · C).
    """
    if bins < 1:
        raise InputError(f"bins must be at least 1; got {bins!r}.")
    known = labeled(labels, probs)
    confidence = known.probs.max(axis=1)
    correct = known.predicted == known.labels
    edges = np.linspace(0.0, 1.0, bins + 1)
    # a sum of 1 is only asked for up to rounding, so a confidence may be a little over 1
    place = np.minimum(np.searchsorted(edges, confidence, side="left") - 1, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return Reliability(
        edges,
        np.bincount(place, weights=confidence, minlength=bins) / filled,
        np.bincount(place, weights=correct, minlength=bins) / filled,
        count,
    )


def expected_calibration_error(labels: Array, probs: Array, *, bins: int = 15) -> float:
    """Expected calibration error in [0, 1], 0 is best; (L,), (L, C), see `reliability` for the bins.

    >>> expected_calibration_error(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    0.25
    """
    return reliability(labels, probs, bins=bins).error


class Temperature(NamedTuple):
    """A temperature and the limits of its interval, all in [0.05, 20]; above 1 where a model was too sure of itself."""

    value: float
    low: float
    high: float


def fit_temperature(labels: Array, probs: Array, *, level: float = 0.95) -> Temperature:
    """The T for which p^(1/T), normalised, makes the labels likeliest, with its interval; (L,), (L, C).

    Guo et al. 2017, arXiv:1706.04599. The interval holds the temperatures whose likelihood is not too far below the
    best (Wilks 1938: twice the difference of the logarithms within the chi-squared quantile of ``level``), so that it
    stays open to the cold side where every label was predicted right. Probabilities below 1e-38 count as that. The
    labels must not be those that the model was trained on. O(L · C) for each of some 60 looks.

    >>> sure, labels = np.array([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])     # 90 % sure, right in 75 %
    >>> round(float(1 / (1 + 9 ** (-1 / fit_temperature(labels, sure).value))), 3)
    0.75
    """
    from scipy.optimize import brentq, minimize_scalar
    from scipy.special import chdtri

    known = labeled(labels, probs)
    scores = np.log(np.maximum(known.probs, 1e-38))
    highest = scores.max(axis=1, keepdims=True)
    behind = scores - highest
    missed = float((highest[:, 0] - scores[np.arange(len(scores)), known.labels]).sum())

    def loss(cold: float) -> float:
        return float(np.log(np.exp(np.exp(cold) * behind).sum(axis=1)).sum() + np.exp(cold) * missed)

    edge = float(np.log(HOTTEST))
    best = float(minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-7}).x)
    best = min((best, -edge, edge), key=loss)
    allowed = loss(best) + chdtri(1, 1 - level) / 2

    def limit(end: float) -> float:
        return end if loss(end) <= allowed else float(brentq(lambda cold: loss(cold) - allowed, best, end))

    low, high = limit(edge), limit(-edge)
    return Temperature(*(float(np.exp(-cold)) for cold in (best, low, high)))
