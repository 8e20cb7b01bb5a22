"""Torch networks as scikit-learn classifiers: for cross-validation, pipelines, searches, and what is built on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices
from claros.errors import InputError, require

require("sklearn", "sklearn", "a torch network as a scikit-learn classifier")

from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402
from sklearn.utils.multiclass import check_classification_targets  # noqa: E402
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, check_X_y, validate_data  # noqa: E402

from claros.models.torch.adapter import TorchModel  # noqa: E402

__all__ = ["TorchClassifier"]

#: Before the names of single parameters in ``set_params`` and in grids.
PREFIX = "parameters__"


class TorchClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A torch network with ``fit``, ``predict`` and ``predict_proba``.

    ``model`` is the name of a torch model (``cnn``, ``timm:NAME``, ``package.module:factory``), or a class or function
    that makes the network, as `claros.models.TorchModel` takes it; ``parameters`` are its options and arguments in one
    mapping. A grid names single ones as ``parameters__lr``. Every ``fit`` starts anew, from ``random_state``: a number,
    a ``RandomState`` to draw one from, or None for another training each time. ``X`` holds rows (n, F), or images of
    whole bytes (n, H, W) or (n, H, W, 3); labels may be anything that can be sorted.

    After ``fit``: ``classes_``, the labels in the order of the columns; ``model_``, the `TorchModel`, whose ``outputs``
    has all else; ``history_``, its log.

    >>> import numpy as np
    >>> from claros.models.torch.estimator import TorchClassifier
    >>> from torch import nn
    >>> def build(in_features, n_classes):
    ...     return nn.Linear(in_features, n_classes)
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> net = TorchClassifier(build, {"lr": 0.1, "epochs": 20}, random_state=0).fit(X, ["low", "low", "high", "high"])
    >>> net.predict([[2.0], [9.0]]).tolist()
    ['low', 'high']
    """

    def __init__(
        self,
        model: str | Callable[..., Any] = "cnn",
        parameters: Mapping[str, Any] | None = None,
        *,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.parameters = parameters
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TorchClassifier:
        """Train anew on items and their labels (n,), with optional weights (n,)."""
        if getattr(X, "ndim", 2) > 2:
            X, y = check_X_y(X, y, allow_nd=True, dtype=None)
        else:
            X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.model_ = self._made()
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        if weights is not None and not weights.any():
            raise InputError("sample_weight is zero for all items: nothing would be left to train on.")
        rng = np.random.default_rng(_seed(self.random_state))
        self.model_.fit(_Items(X), codes.astype(np.int64), n_classes=len(self.classes_), weights=weights, rng=rng)
        self.history_ = self.model_.history
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes in the order of ``classes_``; (n, C), rows sum to 1."""
        probs: Floats = np.asarray(self.outputs(X, ["probs"])["probs"], dtype=np.float64)
        probs /= probs.sum(axis=1, keepdims=True)
        return probs

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable classes; (n,)."""
        places = self.predict_proba(X).argmax(axis=1)
        labels: npt.NDArray[Any] = self.classes_[places]
        return labels

    def outputs(self, X: Any, names: list[str]) -> dict[str, Array]:
        """What the model gives by these names: ``embeddings``, ``member_probs``, ``boundary_distance``, ..."""
        check_is_fitted(self)
        X = np.asarray(X) if getattr(X, "ndim", 2) > 2 else validate_data(self, X, reset=False, dtype=np.float32)
        return self.model_.outputs(_Items(X), names)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Its own parameters and, with ``deep``, each of the model's that was given."""
        found: dict[str, Any] = super().get_params(deep=False)
        inner = self.parameters if isinstance(self.parameters, Mapping) else {}
        return {**found, **({f"{PREFIX}{name}": value for name, value in inner.items()} if deep else {})}

    def set_params(self, **given: Any) -> TorchClassifier:
        """Set some of them; ``parameters__lr`` sets the model's ``lr`` and leaves its others."""
        inner = {name.removeprefix(PREFIX): given.pop(name) for name in [*given] if name.startswith(PREFIX)}
        super().set_params(**given)
        if inner:
            self.parameters = {**(self.parameters or {}), **inner}
        return self

    def _made(self) -> TorchModel:
        from claros import models

        given = dict(self.parameters or {})
        if not isinstance(self.model, str):
            return TorchModel.named(getattr(self.model, "__qualname__", "network"), self.model, given)
        made = models.get(self.model, **given)
        if not isinstance(made, TorchModel):
            raise InputError(f"TorchClassifier takes torch models; {self.model!r} is none. It needs no wrapping.")
        return made


class _Items:
    """Rows or images of one array, as a model reads them."""

    classes: tuple[str, ...] = ()

    def __init__(self, contents: npt.NDArray[Any]) -> None:
        self._contents = contents
        self.kind = "rows" if contents.ndim == 2 else "images"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(str(row) for row in range(len(self)))

    def __len__(self) -> int:
        return len(self._contents)

    def take(self, positions: Indices | Any) -> npt.NDArray[Any]:
        return self._contents[np.asarray(positions, dtype=np.int64)]


def _seed(random_state: Any) -> int | None:
    """A whole number from what scikit-learn calls a random state; None stays None."""
    if random_state is None or isinstance(random_state, (int, np.integer)):
        return None if random_state is None else int(random_state)
    return int(random_state.randint(2**31 - 1))
