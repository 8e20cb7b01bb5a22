"""Support vector machines whose probabilities are made of distances, so that one label a class is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from claros.arrays import Array, Floats

__all__ = ["DistanceSVC"]


class DistanceSVC(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Support vector machines, of more than two classes one for each against the rest, with probabilities.

    These are the sigmoid of the distance to the boundary, or the softmax of those of all classes: not calibrated, but
    they predict what the distances do, and of two classes ``margin`` asks for the item that is closest to the boundary.
    Parameters and defaults are those of scikit-learn's ``SVC``, whose own distances of several classes are votes.
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        kernel: str = "rbf",
        degree: int = 3,
        gamma: str | float = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        tol: float = 1e-3,
        cache_size: float = 200,
        class_weight: Mapping[int, float] | str | None = None,
        max_iter: int = -1,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.shrinking = shrinking
        self.tol = tol
        self.cache_size = cache_size
        self.class_weight = class_weight
        self.max_iter = max_iter

    def fit(self, X: Any, y: Array, sample_weight: Array | None = None) -> DistanceSVC:
        """Train a machine for two classes, or one for each of more."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = compute_sample_weight(self.class_weight, y)
        weights = weights if sample_weight is None else weights * np.asarray(sample_weight)
        settings = {name: value for name, value in self.get_params().items() if name != "class_weight"}
        settings["random_state"] = 0  # without one it would draw from the global stream, for nothing
        sides = [codes == code for code in range(len(self.classes_))]
        self.machines_ = [
            SVC(**settings).fit(X, side, sample_weight=weights) for side in (sides[1:] if len(sides) == 2 else sides)
        ]
        return self

    @property
    def n_support_(self) -> int:
        """How many items are a support vector of any machine."""
        return len(set().union(*(machine.support_.tolist() for machine in self.machines_)))

    def decision_function(self, X: Any) -> Floats:
        """Signed distances, (B,) to the second of two classes, else (B, K) to each class from the rest."""
        distances = np.column_stack([machine.decision_function(X) for machine in self.machines_])
        return distances[:, 0] if len(self.machines_) == 1 else distances

    def predict_proba(self, X: Any) -> Floats:
        """The sigmoid or softmax of the distances; (B, F) -> (B, K)."""
        distances = self.decision_function(X)
        if distances.ndim == 1:
            return np.column_stack([expit(-distances), expit(distances)])
        return np.asarray(softmax(distances, axis=1))

    def predict(self, X: Any) -> Array:
        """The most probable class of each item."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
