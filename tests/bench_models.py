"""Models for tests of experiments, found by their path."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from claros.models.sklearn import SklearnModel

#: How many labels each training had, of all models of `counting`.
TRAININGS: list[int] = []


class Counting(SklearnModel):
    """Logistic regression that counts its trainings."""

    def fit(self, items: Any, labels: Any, **others: Any) -> None:
        """Train, and write it down."""
        TRAININGS.append(len(labels))
        super().fit(items, labels, **others)


def counting() -> Counting:
    """Made anew for every training."""
    spec = {"name": "bench_models:counting", "parameters": {}}
    return Counting(lambda kind: make_pipeline(LogisticRegression()), spec)


class Failing(SklearnModel):
    """A model that cannot be trained."""

    def fit(self, items: Any, labels: Any, **others: Any) -> None:
        """Fail."""
        raise RuntimeError("out of coffee")


def failing() -> Failing:
    """Made anew for every training."""
    return Failing(lambda kind: make_pipeline(LogisticRegression()), {"name": "bench_models:failing", "parameters": {}})
