"""How good predictions are: pure functions of true classes (n,) and probabilities (n, C).

The predicted class is the most probable one, the first of equals. A class that is **absent from the labels** has no
precision, recall or F1 (NaN in arrays, null in JSON) and is left out of macro-F1; items wrongly predicted as it still
count against their true classes. A class that is present and never predicted has precision 0, recall 0 and F1 0.
All take O(n · C) time and check their arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.measures.agreement import contingency
from claros.measures.calibration import Labeled, expected_calibration_error, labeled, reliability

__all__ = ["PerClass", "accuracy", "confusion", "ece", "evaluate", "macro_f1", "nll", "per_class"]

#: Smaller probabilities count as this in the log-likelihood, so that no item costs more than 36 nats.
LEAST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class PerClass:
    """One value per class, (C,): precision, recall and F1 in [0, 1] or NaN, and how many items are of the class."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Indices


def accuracy(labels: Array, probs: Array) -> float:
    """Share of items whose most probable class is the true one, in [0, 1].

    >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """
    known = labeled(labels, probs)
    return float(np.mean(known.predicted == known.labels))


def confusion(labels: Array, probs: Array) -> Indices:
    """(C, C) counts: row = true class, column = predicted class."""
    return _confusion(labeled(labels, probs))


def per_class(labels: Array, probs: Array) -> PerClass:
    """Precision, recall, F1 and support of every class; see the module for absent ones."""
    return _per_class(_confusion(labeled(labels, probs)))


def macro_f1(labels: Array, probs: Array) -> float:
    """Mean F1 over the classes that are present in the labels, in [0, 1]."""
    return float(np.nanmean(per_class(labels, probs).f1))


def nll(labels: Array, probs: Array) -> float:
    """Mean negative log-likelihood of the true classes, in nats; probabilities below 2.2e-16 count as that."""
    known = labeled(labels, probs)
    return _nll(known)


def ece(labels: Array, probs: Array, *, bins: int = 15) -> float:
    """Expected calibration error in [0, 1]; see `claros.measures.calibration`."""
    return expected_calibration_error(labels, probs, bins=bins)


def evaluate(labels: Array, probs: Array, *, bins: int = 15) -> dict[str, Any]:
    """All of them at once, as JSON; per-class values and the rows of the confusion matrix are lists over classes.

    ``reliability`` has a row for each bin that is not empty: its number, items, mean confidence, accuracy.
    """
    known = labeled(labels, probs)
    table = _confusion(known)
    classes = _per_class(table)
    found = reliability(known.labels, known.probs, bins=bins)
    return {
        "n": int(known.labels.size),
        "accuracy": float(np.trace(table) / table.sum()),
        "macro_f1": float(np.nanmean(classes.f1)),
        "nll": _nll(known),
        "ece": found.error,
        "precision": _json(classes.precision),
        "recall": _json(classes.recall),
        "f1": _json(classes.f1),
        "support": classes.support.tolist(),
        "confusion": table.tolist(),
        "reliability": [
            [int(place), int(found.count[place]), float(found.confidence[place]), float(found.accuracy[place])]
            for place in np.flatnonzero(found.count)
        ],
    }


def _confusion(known: Labeled) -> Indices:
    return contingency(known.labels, known.predicted, known.probs.shape[1])


def _per_class(table: Indices) -> PerClass:
    right, support, predicted = np.diagonal(table), table.sum(axis=1), table.sum(axis=0)
    present = np.where(support > 0, 1.0, np.nan)
    return PerClass(
        present * right / np.maximum(predicted, 1),
        present * right / np.maximum(support, 1),
        present * 2 * right / np.maximum(support + predicted, 1),
        support,
    )


def _nll(known: Labeled) -> float:
    given = known.probs[np.arange(known.labels.size), known.labels]
    return float(-np.mean(np.log(np.maximum(given, LEAST))))


def _json(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]
