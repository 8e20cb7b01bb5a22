"""Making probabilities mean what they say before label shift is estimated from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import softmax

from claros.arrays import Array, Floats, Indices, row_blocks
from claros.checks import whole
from claros.errors import InputError, ModelError, NoEstimateError, UnknownNameError, suggest
from claros.shift.evidence import Evidence, gather, probabilities

__all__ = ["KINDS", "Calibrator", "calibrated", "fit_calibrator", "folds_of", "log_loss"]

#: Kind -> (a slope for each class, not one for all; a bias for each class).
KINDS: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {"ts": (False, False), "bcts": (False, True), "nbvs": (True, False), "vs": (True, True)}
)
#: Probabilities count as at least this; slopes and biases stay in bounds where the hold-out is separable.
SMALLEST, STEEPEST, LARGEST = 1e-38, 20.0, 30.0


@dataclass(frozen=True)
class Calibrator:
    """softmax(slopes · z + biases), z the centred logarithms of a prediction: (C,) each, biases with mean 0."""

    kind: str
    slopes: Floats
    biases: Floats

    def __call__(self, probs: Array) -> Floats:
        """Calibrated probabilities (N, C) of predictions (N, C), in their floating type."""
        table = probabilities(probs, "probs")
        if table.shape[1] != len(self.slopes):
            raise InputError(f"probs has {table.shape[1]} classes; the calibrator was fitted on {len(self.slopes)}.")
        out = np.empty_like(table)
        for rows in row_blocks(len(table), 16 * table.shape[1]):
            out[rows] = softmax(_logits(table[rows]) * self.slopes + self.biases, axis=1)
        return out

    @property
    def temperature(self) -> float:
        """1 over the slope, or over the mean slope; above 1 where the model was too sure of itself."""
        return float(1 / max(self.slopes.mean(), 1e-12))

    def to_json(self) -> dict[str, Any]:
        """The fields, as JSON; `from_json` reads it."""
        return {"kind": self.kind, "slopes": self.slopes.tolist(), "biases": self.biases.tolist()}

    @staticmethod
    def from_json(said: Mapping[str, Any]) -> Calibrator:
        """The calibrator that `to_json` wrote."""
        return Calibrator(str(said["kind"]), np.asarray(said["slopes"], float), np.asarray(said["biases"], float))


def fit_calibrator(kind: str, probs: Array, labels: Array) -> Calibrator:
    """The calibrator that makes held-out labels likeliest; (n, C), (n,).

    ``"ts"`` divides log-probabilities by one temperature (Guo et al. 2017), ``"bcts"`` adds a bias for each class,
    ``"nbvs"`` multiplies each class's by a slope of its own, ``"vs"`` does both (Alexandari et al. 2020,
    arXiv:1901.06852). The items must not have trained the model. A convex problem, solved by L-BFGS-B; slopes are kept
    in [0, 20] and biases in [-30, 30], which a separable hold-out reaches. A class without a row keeps slope 1 and
    bias 0 of its own. O(n · C) for each of some 50 looks.

    >>> sure, labels = np.array([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])     # 90 % sure, right in 75 %
    >>> fit_calibrator("ts", sure, labels)(sure)[0].round(4).tolist()
    [0.75, 0.25]
    """
    evidence = gather(probs, labels, probs)
    return _fit(kind, evidence.source, evidence.labels)


def _fit(kind: str, probs: Floats, labels: Indices) -> Calibrator:
    from scipy.optimize import minimize

    if kind not in KINDS:
        raise UnknownNameError(suggest(kind, KINDS, "calibration"))
    many_slopes, has_bias = KINDS[kind]
    n, n_classes = probs.shape
    z = _logits(probs)
    counts = np.bincount(labels, minlength=n_classes)
    n_slopes = n_classes if many_slopes else 1
    aims = np.bincount(labels, weights=z[np.arange(n), labels], minlength=n_classes)

    def split(x: Floats) -> tuple[Floats, Floats]:
        return np.broadcast_to(x[:n_slopes], n_classes), x[n_slopes:] if has_bias else np.zeros(n_classes)

    def loss(x: Floats) -> tuple[float, Floats]:
        slopes, biases = split(x)
        total, by_slope, by_bias = 0.0, np.zeros(n_classes), np.zeros(n_classes)
        for rows in row_blocks(n, 32 * n_classes):
            scores = z[rows] * slopes + biases
            top = scores.max(axis=1, keepdims=True)
            chances = np.exp(scores - top)
            sums = chances.sum(axis=1, keepdims=True)
            total += float((np.log(sums) + top).sum())
            chances /= sums
            by_bias += chances.sum(axis=0)
            by_slope += np.einsum("ij,ij->j", chances, z[rows])
        total -= float(slopes @ aims + biases @ counts)
        by_slope, by_bias = by_slope - aims, by_bias - counts
        slope = by_slope if many_slopes else np.array([by_slope.sum()])
        return total / n, np.concatenate([slope, by_bias if has_bias else []]) / n

    fixed = counts == 0
    bounds = [(1.0, 1.0) if many_slopes and fixed[place] else (0.0, STEEPEST) for place in range(n_slopes)]
    if has_bias:
        bounds += [(0.0, 0.0) if one else (-LARGEST, LARGEST) for one in fixed]
    begin = np.concatenate([np.ones(n_slopes), np.zeros(n_classes if has_bias else 0)])
    options = {"maxiter": 2000, "maxfun": 20_000, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if not np.all(np.isfinite(found.x)):
        raise ModelError(f"{kind} calibration found no finite solution; pass calibration=None.")
    slopes, biases = split(found.x)
    return Calibrator(kind, np.array(slopes), biases - biases.mean() if has_bias else biases)


def calibrated(evidence: Evidence, kind: str, *, folds: int = 5) -> tuple[Evidence, dict[str, Any]]:
    """The evidence with calibrated predictions, and what to know about it.

    All hold-out rows fit the calibrator of the target, and of the hold-out's mean, whose few parameters make p what
    they must. For confusion matrices, in which a row would count twice, each fifth is calibrated by the others.
    """
    labels = evidence.labels
    whole(folds, 2, "folds")
    if len(labels) < 2 * folds:
        raise NoEstimateError(
            f"calibration needs at least {2 * folds} hold-out rows; got {len(labels)}. Pass calibration=None."
        )
    fitted = _fit(kind, evidence.source, labels)
    place = folds_of(labels, folds)
    apart = np.empty(evidence.source.shape)
    for fold in range(folds):
        inside = place == fold
        apart[inside] = _fit(kind, evidence.source[~inside], labels[~inside])(evidence.source[inside])
    before, after = log_loss(evidence.source, labels), log_loss(apart, labels)
    said = {"kind": kind, "temperature": fitted.temperature, "log_loss_before": before, "log_loss_after": after}
    return evidence.with_probs(fitted(evidence.source), fitted(evidence.target), apart), said


def folds_of(labels: Indices, folds: int, rng: np.random.Generator | None = None) -> Indices:
    """(n,) a fold for each row, each class spread evenly: in the order of the rows, or at random."""
    order = np.arange(len(labels)) if rng is None else rng.permutation(len(labels))
    place = np.empty(len(labels), dtype=np.int64)
    place[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % folds
    return place


def log_loss(probs: Floats, labels: Indices) -> float:
    """Mean -log of the probability of the true class, in nats; (n, C), (n,)."""
    return float(-np.log(np.maximum(probs[np.arange(len(labels)), labels], SMALLEST)).mean())


def _logits(probs: Floats) -> Floats:
    scores = np.log(np.maximum(probs.astype(np.float64), SMALLEST))
    return np.asarray(scores - scores.mean(axis=1, keepdims=True))
