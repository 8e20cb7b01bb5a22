"""Support vector machines whose probabilities are made of distances, so that few labels are enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.svm import SVC

from claros.arrays import Array, Floats

__all__ = ["DistanceSVC"]


class DistanceSVC(SVC):  # type: ignore[misc]
    """scikit-learn's ``SVC`` with probabilities: the softmax of the distances, of two classes their sigmoid.

    Not calibrated, but in order, and with a single label a class: the prediction and the ranking by margin are those of
    the distances themselves, as where a protocol asks for the point that is closest to the boundary. Parameters and
    defaults are those of ``SVC`` that do not change what a distance is.
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
        random_state: int | None = None,
    ) -> None:
        super().__init__(
            C=C,
            kernel=kernel,
            degree=degree,
            gamma=gamma,
            coef0=coef0,
            shrinking=shrinking,
            tol=tol,
            cache_size=cache_size,
            class_weight=class_weight,
            max_iter=max_iter,
            random_state=random_state,
        )

    def predict_proba(self, X: Array) -> Floats:
        """The softmax of the distances of K classes; the sigmoid of that of the second of two; (B, F) -> (B, K)."""
        distance: Any = self.decision_function(X)
        if distance.ndim == 1:
            return np.column_stack([expit(-distance), expit(distance)])
        return np.asarray(softmax(distance, axis=1))
