"""Any scikit-learn classifier or pipeline with ``predict_proba`` as a model."""

from __future__ import annotations

import inspect
import json
import math
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.random_projection import SparseRandomProjection
from sklearn.utils.validation import has_fit_parameter

from claros.arrays import Array, Floats, Indices, row_blocks
from claros.errors import InputError, ModelError
from claros.models.checks import Labeled, check_kind, check_names, labeled_items, refuse_missing
from claros.models.columns import spread_decisions, spread_head, spread_logits, spread_probs
from claros.models.interrupts import not_swallowed
from claros.models.model import Items
from claros.models.paths import path_of
from claros.models.sklearn.heads import (
    LINEAR,
    MOST_MEMBERS,
    WITH_HEAD,
    WITH_MEMBERS,
    Constant,
    decisions_of,
    has_decisions,
    has_support,
    head_input,
    head_of,
    members_of,
    support_of,
)
from claros.models.sklearn.networks import casts, of_seen, quiet_torch
from claros.models.storage import refuse_to_restore, write_model

__all__ = ["SklearnModel", "from_estimator", "tfidf"]

#: Sparse features with more columns than this are brought to this many by a sparse random projection of fixed seed.
MOST_COLUMNS = 512
#: Items are read and transformed in chunks of about so many bytes.
CHUNK_BYTES = 1 << 25
#: What a text is reckoned to take while it is vectorised, in bytes.
TEXT_BYTES = 1 << 13
KINDS = ("rows", "images", "texts")
HEAD_NAMES = frozenset(("head_weights", "head_bias"))


class _Fitted(NamedTuple):
    pipeline: Pipeline
    kind: str
    seen: Indices
    n_classes: int
    projection: SparseRandomProjection | None
    """None where the embeddings are just what the last step's head sees."""
    n_columns: int
    row_bytes: int


class SklearnModel:
    """A scikit-learn pipeline behind the `claros.models.Model` protocol.

    ``steps`` gives the unfitted pipeline for a kind of items. Rows reach it as they are, images flattened and scaled to
    [0, 1], texts as a list of strings. Every fit clones the pipeline and draws the ``random_state`` of every component
    that has one from ``rng``. Sample weights go to the last step. Labels of one class train a constant.

    ``embeddings`` (float32) are what the last step sees, or the last hidden layer of an ``MLPClassifier``; sparse ones
    with more than 512 columns are reduced to 512 by a sparse random projection (Li, Hastie and Church 2006) of fixed
    seed, as a whole vocabulary is too wide to hold densely. Whatever has a ``decision_function`` provides
    ``decision_values``. Logistic regression, linear discriminant analysis and
    ``MLPClassifier`` also provide ``logits``, and their head wherever the embeddings are exactly what it sees. Forests
    provide ``member_probs`` (float32): one member a tree, or means of equal groups of trees, at most 50. Support vector
    machines say ``n_support_vectors``. What a ``CalibratedClassifierCV`` with ``ensemble=False`` calibrates gives its
    decision values and support vectors.

    A `ConvergenceWarning` is not shown but noted in ``history``: with few labels it is frequent, and such a fit ranks
    items well enough. The estimator is never pickled, so the model is fitted again instead of restored.
    """

    warm = False
    restorable = False

    def __init__(self, steps: Callable[[str], Pipeline], spec: Mapping[str, Any]) -> None:
        self._steps = steps
        self._spec = dict(spec)
        self._last: Any = steps("rows")[-1]
        self._fitted: _Fitted | None = None
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None

    @property
    def provides(self) -> frozenset[str]:
        """Probabilities and embeddings always; what else the last step has, as the class says."""
        names = {"probs", "embeddings"}
        if isinstance(self._last, WITH_HEAD):
            names |= {"logits", *HEAD_NAMES}
        if isinstance(self._last, WITH_MEMBERS):
            names.add("member_probs")
        if has_support(self._last):
            names.add("n_support_vectors")
        if has_decisions(self._last):
            names.add("decision_values")
        reduced = self._fitted is not None and self._fitted.projection is not None
        return frozenset(names - HEAD_NAMES if reduced else names)

    def provides_for(self, items: Items) -> frozenset[str]:
        """As `provides`, less the head of a linear model over texts, whose embeddings are a projection."""
        check_kind(self._spec["name"], items, KINDS)
        reduced = items.kind == "texts" and isinstance(self._last, LINEAR)
        return self.provides - HEAD_NAMES if reduced else self.provides

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Train a fresh clone of the pipeline."""
        check_kind(self._spec["name"], items, KINDS)
        labeled = labeled_items(items, labels, n_classes, weights)
        pipeline = clone(self._steps(items.kind))
        states = [name for name in sorted(pipeline.get_params()) if name.rpartition("__")[2] == "random_state"]
        pipeline.set_params(**{name: int(rng.integers(2**31 - 1)) for name in states})
        started = time.perf_counter()
        with _noted_convergence() as complaints, quiet_torch(rng):
            pipeline = self._train(pipeline, items, labeled)
        seconds = round(time.perf_counter() - started, 4)
        last = pipeline[-1]
        iterations = None if getattr(last, "n_iter_", None) is None else int(np.max(last.n_iter_))
        self._fitted = _measure(pipeline, items, labeled)
        self.history = [
            {"n": len(labeled.labels), "iterations": iterations, "seconds": seconds, "warnings": complaints}
        ]

    def _train(self, pipeline: Pipeline, items: Items, labeled: Labeled) -> Pipeline:
        name, last = pipeline.steps[-1]
        if labeled.weights is not None and not has_fit_parameter(last, "sample_weight"):
            raise InputError(
                f"{type(last).__name__} cannot be trained with weights (its fit has no sample_weight); "
                "leave weights out, or choose another model."
            )
        if len(labeled.seen) == 1:
            pipeline = Pipeline([*pipeline.steps[:-1], (name, Constant(strategy="prior"))])
        extra = {} if labeled.weights is None else {f"{name}__sample_weight": labeled.weights}
        try:
            with not_swallowed():
                return pipeline.fit(_contents(items, labeled.positions), labeled.labels, **extra)
        except (ValueError, IndexError, RuntimeError) as error:
            refuse_missing(self._spec["name"], items)
            raise ModelError(f"Training {self._spec['name']} on {len(labeled.labels)} items failed: {error}") from error

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """One pass in chunks; ``probs`` and ``logits`` are float64, as scikit-learn computes them."""
        check_names(self._spec["name"], names, self.provides, fitted=self._fitted is not None)
        fitted = self._fitted
        if fitted is None:
            return {}
        check_kind(self._spec["name"], items, (fitted.kind,))
        try:
            with quiet_torch():
                return self._outputs(fitted, items, names)
        except ValueError:
            refuse_missing(self._spec["name"], items)
            raise

    def _outputs(self, fitted: _Fitted, items: Items, names: Collection[str]) -> dict[str, Array]:
        n, last = len(items), fitted.pipeline[-1]
        head = head_of(last, fitted.n_columns) if isinstance(self._last, WITH_HEAD) else None
        n_members = min(getattr(self._last, "n_estimators", 1), MOST_MEMBERS)
        found: dict[str, Array] = {}
        shapes = {
            "probs": ((n, fitted.n_classes), np.float64),
            "logits": ((n, fitted.n_classes), np.float64),
            "decision_values": ((n, fitted.n_classes), np.float64),
            "embeddings": ((n, fitted.n_columns), np.float32),
            "member_probs": ((n, n_members, fitted.n_classes), np.float32),
        }
        found = {name: np.empty(*shapes[name]) for name in names if name in shapes}
        for rows in row_blocks(n, fitted.row_bytes, CHUNK_BYTES) if found else ():
            features = _features(fitted.pipeline, items, np.arange(rows.start, rows.stop))
            seen_by_head: Any = head_input(last, features) if {"embeddings", "logits"} & set(found) else None
            if "probs" in found:
                probs = of_seen(last.predict_proba(features), fitted.seen)
                found["probs"][rows] = spread_probs(probs, fitted.seen, fitted.n_classes)
            if "logits" in found and head is not None:
                logits = seen_by_head @ head.weights.T + head.bias
                found["logits"][rows] = spread_logits(logits, fitted.seen, fitted.n_classes)
            if "decision_values" in found:
                values = decisions_of(last, features)
                found["decision_values"][rows] = spread_decisions(values, fitted.seen, fitted.n_classes)
            if "embeddings" in found:
                found["embeddings"][rows] = _dense(seen_by_head, fitted.projection)
            if "member_probs" in found:
                members = members_of(last, features, n_members)
                found["member_probs"][rows] = spread_probs(members, fitted.seen, fitted.n_classes)
        if "n_support_vectors" in names:
            found["n_support_vectors"] = np.array(support_of(last))
        if head is not None:
            spread = spread_head(head, fitted.seen, fitted.n_classes)
            found.update({f"head_{part}": value for part, value in spread._asdict().items() if f"head_{part}" in names})
        return found

    def spec(self) -> dict[str, Any]:
        """The name and parameters that make this model again."""
        return json.loads(json.dumps(self._spec))  # type: ignore[no-any-return]

    def save(self, folder: Path) -> None:
        """Write the specification; the fitted estimator is not written, as that would take a pickle."""
        write_model(folder, {"spec": self.spec(), "history": self.history})

    def load(self, folder: Path) -> None:
        """Refuse, with a sentence that says what to do: such a model is fitted again."""
        raise refuse_to_restore(self._spec["name"])


def _contents(items: Items, positions: Indices) -> Any:
    """What a pipeline is given: rows (B, F), images flattened to [0, 1] (B, H·W·channels), or a list of texts."""
    batch = items.take(positions)
    if items.kind == "texts":
        return batch
    batch = np.asarray(batch)
    flat = batch.reshape(len(batch), math.prod(batch.shape[1:]))
    return flat / 255.0 if items.kind == "images" and batch.dtype == np.uint8 else flat


def _features(pipeline: Pipeline, items: Items, positions: Indices) -> Any:
    contents = _contents(items, positions)
    return pipeline[:-1].transform(contents) if len(pipeline) > 1 else contents


def _measure(pipeline: Pipeline, items: Items, labeled: Labeled) -> _Fitted:
    """Look at one item to learn how wide the features are, and whether they have to be reduced."""
    features = _features(pipeline, items, labeled.positions[:1])
    seen_by_head: Any = head_input(pipeline[-1], features)
    projection = None
    if _is_sparse(seen_by_head) and seen_by_head.shape[1] > MOST_COLUMNS:
        projection = SparseRandomProjection(MOST_COLUMNS, dense_output=True, random_state=0).fit(seen_by_head)
    wide = TEXT_BYTES if items.kind == "texts" else 8 * math.prod(np.shape(items.take(labeled.positions[:1])))
    dense = 0 if _is_sparse(features) else 8 * features.shape[1]
    n_columns = _dense(seen_by_head, projection).shape[1]
    return _Fitted(
        pipeline, items.kind, labeled.seen, labeled.n_classes, projection, n_columns, max(wide, dense, 8 * n_columns)
    )


def _dense(features: Any, projection: SparseRandomProjection | None) -> Floats:
    if projection is not None:
        features = projection.transform(features)
    dense: Floats = np.asarray(features.toarray() if _is_sparse(features) else features, dtype=np.float32)
    return dense


def _is_sparse(features: Any) -> bool:
    return bool(sparse.issparse(features))


@contextmanager
def _noted_convergence() -> Iterator[list[str]]:
    """Collect the first line of every `ConvergenceWarning`; other warnings go on to where they would have gone."""
    complaints: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield complaints
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            complaints.append(str(warning.message).partition("\n")[0])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def tfidf() -> TfidfVectorizer:
    """The first step over texts: words of any length, logarithmic term counts, the vocabulary of the labeled texts."""
    return TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")


def from_estimator(estimator: Any, *, spec: Mapping[str, Any] | None = None) -> SklearnModel:
    """A model of any unfitted scikit-learn classifier, or pipeline that ends in one, with ``predict_proba``.

    A pipeline is used as it is, and over texts has to begin with a vectoriser of its own; any other estimator gets a
    TF-IDF step before it when the items are texts. The specification can be reopened by name if the estimator's class
    can be found by name and its parameters are JSON; else pass the model again when you reopen a campaign. ``spec``
    replaces that specification.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise InputError(f"from_estimator takes a scikit-learn estimator, not fitted yet; got {estimator!r}.")
    if not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{type(estimator).__name__} has no predict_proba, which a model needs; wrap it in "
            "sklearn.calibration.CalibratedClassifierCV, or choose parameters that give probabilities."
        )

    def steps(kind: str) -> Pipeline:
        if isinstance(estimator, Pipeline):
            return estimator
        first = [tfidf()] if kind == "texts" else casts(estimator)
        return make_pipeline(*first, estimator)

    return SklearnModel(steps, spec or _describe(estimator))


def _describe(estimator: Any) -> dict[str, Any]:
    path = path_of(type(estimator))
    if path is not None and not isinstance(estimator, Pipeline):
        arguments = inspect.signature(type(estimator)).parameters
        given = estimator.get_params(deep=False)
        changed = {
            name: value
            for name, value in given.items()
            if name != "random_state" and not (name in arguments and _same(value, arguments[name].default))
        }
        try:
            if given.keys() <= arguments.keys():  # others take more than they name
                return {"name": path, "parameters": json.loads(json.dumps(changed))}
        except TypeError:
            pass
    return {"name": "from_estimator", "parameters": {"estimator": " ".join(repr(estimator).split())}}


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(np.all(one == other))
