"""Models of published protocols that have no name of their own in Claros; presets name them by their path here."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.svm import SVC

from claros.arrays import Array, Floats

__all__ = ["DistanceSVC", "linear"]


class DistanceSVC(SVC):  # type: ignore[misc]
    """A support vector machine over two classes whose probability is the sigmoid of the distance to its boundary.

    Not calibrated, but in order: the prediction and the ranking by margin are those of the distance itself, as where a
    protocol asks for the point that is closest to the boundary. Its defaults are scikit-learn's, but for ``gamma``:
    "auto", 1 over the number of features.
    """

    def __init__(self, C: float = 1.0, gamma: str | float = "auto") -> None:
        super().__init__(C=C, gamma=gamma)

    def predict_proba(self, X: Array) -> Floats:
        """The sigmoid of the distance for the second class, one less it for the first; (B, F) -> (B, 2)."""
        distance = self.decision_function(X)
        return np.column_stack([expit(-distance), expit(distance)])


def linear(in_features: int, n_classes: int) -> Any:
    """A linear layer over rows as they are."""
    from torch import nn

    return nn.Linear(in_features, n_classes)
