"""Scores over all classes, as DalMax has them: from the counts of true by predicted class."""

from __future__ import annotations

import numpy as np

from claros.arrays import Indices

__all__ = ["averages"]


def averages(confusion: Indices) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 in [0, 1] averaged over classes, from counts (C, C).

    ``precision``, ``recall`` and ``f1_score`` weigh a class by its number of true items; those ending in ``_macro``
    count all classes alike that occur, as true or as predicted ones. What would be 0/0 is 0. As scikit-learn with
    ``zero_division=0``.

    >>> averages(np.array([[1, 1], [0, 2]]))["recall"]
    0.75
    """
    right, true, taken = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = right / np.maximum(taken, 1), right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(true + taken, 1)
    weights, there = true / max(1, int(true.sum())), (true + taken) > 0
    found = {"accuracy": float(right.sum() / max(1, int(true.sum())))}
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        found["f1_score" if name == "f1" else name] = float(values @ weights)
        found[f"{name}_macro"] = float(values[there].mean()) if there.any() else 0.0
    return found
