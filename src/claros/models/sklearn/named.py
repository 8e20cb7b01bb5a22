"""The scikit-learn models with names of their own: ``logistic``, ``forest``, ``mlp``, ``svm``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from claros.models.sklearn.adapter import SklearnModel, tfidf
from claros.models.sklearn.machines import DistanceSVC
from claros.strategy import check_parameters

__all__ = ["forest", "logistic", "mlp", "svm"]


def logistic(**parameters: Any) -> SklearnModel:
    """Multinomial logistic regression over standardised rows, images in [0, 1], or the TF-IDF of texts.

    Parameters are those of ``sklearn.linear_model.LogisticRegression``. Unless given, ``C`` is 1, over texts 10 (TF-IDF
    rows have length 1, so that they need larger weights), and ``max_iter`` 300.
    """
    return _named("logistic", LogisticRegression, {"max_iter": 300}, parameters, scale=True, over_texts={"C": 10.0})


def forest(**parameters: Any) -> SklearnModel:
    """A random forest of 100 trees over rows, flattened images, or the TF-IDF of texts.

    Parameters are those of ``sklearn.ensemble.RandomForestClassifier``.
    """
    return _named("forest", RandomForestClassifier, {"n_estimators": 100}, parameters)


def mlp(**parameters: Any) -> SklearnModel:
    """A network with one hidden layer of 100 units over standardised rows, images in [0, 1], or the TF-IDF of texts.

    Parameters are those of ``sklearn.neural_network.MLPClassifier``. Its embeddings are the last hidden layer.
    """
    defaults = {"hidden_layer_sizes": [100], "max_iter": 300}
    return _named("mlp", MLPClassifier, defaults, parameters, scale=True)


def svm(**parameters: Any) -> SklearnModel:
    """A support vector machine over standardised rows, images in [0, 1], or the TF-IDF of texts.

    Of more than two classes one machine for each against the rest. Parameters are those of ``sklearn.svm.SVC``, less
    what changes the meaning of its distances; over texts ``kernel`` is "linear" unless given. Its probabilities are the
    sigmoid or softmax of the distances: they predict the same, but are not calibrated. It says ``decision_values`` and
    ``n_support_vectors``, which some stopping rules look at.
    """
    return _named("svm", DistanceSVC, {}, parameters, scale=True, over_texts={"kernel": "linear"})


def _named(
    name: str,
    classifier: Any,
    defaults: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    scale: bool = False,
    over_texts: Mapping[str, Any] | None = None,
) -> SklearnModel:
    known = dict.fromkeys(key for key in classifier().get_params() if key != "random_state")
    checked = check_parameters(name, known, parameters)
    chosen = {**defaults, **{key: checked[key] for key in parameters}}
    spec = {"name": name, "parameters": dict(chosen)}
    if isinstance(chosen.get("class_weight"), dict):  # JSON has turned the codes into texts
        chosen["class_weight"] = {int(code): weight for code, weight in chosen["class_weight"].items()}

    def steps(kind: str) -> Pipeline:
        last = classifier(**{**(over_texts or {}), **chosen}) if kind == "texts" else classifier(**chosen)
        first = {"texts": [tfidf()], "rows": [StandardScaler()] if scale else []}.get(kind, [])
        return make_pipeline(*first, last)

    return SklearnModel(steps, spec)
