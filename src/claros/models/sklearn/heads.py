"""What a fitted last step can say beyond probabilities: its linear head, what that head sees, its members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from claros.arrays import Floats
from claros.models.columns import Head
from claros.models.sklearn.machines import DistanceSVC

__all__ = [
    "LINEAR",
    "MOST_MEMBERS",
    "WITH_HEAD",
    "WITH_MEMBERS",
    "Constant",
    "decisions_of",
    "has_decisions",
    "has_support",
    "head_input",
    "head_of",
    "members_of",
    "support_of",
]

#: Classifiers whose prediction is the softmax (of two classes: the sigmoid) of a linear map of their input ...
LINEAR = (LogisticRegression, LinearDiscriminantAnalysis)
#: ... or of their last hidden layer.
WITH_HEAD = (*LINEAR, MLPClassifier)
#: Forests whose prediction is the mean of their trees'.
WITH_MEMBERS = (RandomForestClassifier, ExtraTreesClassifier)
#: Machines that count their support vectors.
_WITH_SUPPORT = (SVC, NuSVC, DistanceSVC)
#: Trees are averaged in groups so that there are at most this many members; (N, S, C) stays affordable.
MOST_MEMBERS = 50
#: What stands in for the last step when all labels are of one class.
Constant = DummyClassifier

_ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
}


def head_input(last: Any, features: Any) -> Any:
    """What the linear head sees: the features, or a network's last hidden layer; (B, D) -> (B, D')."""
    if not isinstance(last, MLPClassifier):
        return features
    activation = _ACTIVATIONS[last.activation]
    for weights, bias in zip(last.coefs_[:-1], last.intercepts_[:-1], strict=True):
        features = activation(features @ weights + bias)
    return features


def head_of(last: Any, columns: int) -> Head:
    """The head over the classes seen; that of two classes, a single row for the second one, is split evenly in two."""
    if isinstance(last, Constant):
        return Head(np.zeros((1, columns)), np.zeros(1))
    if isinstance(last, MLPClassifier):
        weights, bias = last.coefs_[-1].T, last.intercepts_[-1]
    else:
        weights, bias = last.coef_, np.broadcast_to(last.intercept_, (len(last.coef_),))
    if len(weights) == 1:  # sigmoid(f) = softmax(-f/2, f/2)
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return Head(np.asarray(weights, dtype=np.float64), np.asarray(bias, dtype=np.float64))


def decisions_of(last: Any, features: Any) -> Floats:
    """Signed distances over the classes seen, (B,) of two or (B, K); a constant has no boundary, so all are 0."""
    if isinstance(last, Constant):
        return np.zeros((features.shape[0], 1))
    return np.asarray(_uncalibrated(last).decision_function(features), dtype=np.float64)


def support_of(last: Any) -> int:
    """How many support vectors there are; a constant has none."""
    return 0 if isinstance(last, Constant) else int(np.sum(_machine(last).n_support_))


def has_support(last: Any) -> bool:
    """Whether a last step, fitted or not, counts support vectors."""
    return isinstance(_machine(last), _WITH_SUPPORT)


def has_decisions(last: Any) -> bool:
    """Whether it has signed distances, a column a class."""
    shape = getattr(_machine(last), "decision_function_shape", "ovr")
    return hasattr(_uncalibrated(last), "decision_function") and shape == "ovr"


def _machine(last: Any) -> Any:
    """The classifier itself, without calibration and without what comes before it."""
    within = _uncalibrated(last)
    return within[-1] if isinstance(within, Pipeline) else within


def _uncalibrated(last: Any) -> Any:
    """The one classifier that is calibrated as a whole, fitted if that is; any other last step as it is."""
    if not isinstance(last, CalibratedClassifierCV) or last.ensemble is not False:
        return last
    fitted = getattr(last, "calibrated_classifiers_", None)
    return last.estimator if fitted is None else fitted[0].estimator


def members_of(last: Any, features: Any, n_members: int) -> Floats:
    """Each group of trees' mean prediction over the classes seen, float32; (B, D) -> (B, S, K)."""
    if isinstance(last, Constant):
        return np.ones((features.shape[0], n_members, 1), dtype=np.float32)
    features = features.astype(np.float32)
    groups = np.array_split(np.arange(len(last.estimators_)), n_members)
    members = np.empty((features.shape[0], n_members, len(last.classes_)), dtype=np.float32)
    for member, trees in enumerate(groups):
        members[:, member] = np.mean([last.estimators_[tree].predict_proba(features) for tree in trees], axis=0)
    return members
