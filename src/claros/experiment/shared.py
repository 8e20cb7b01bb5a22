"""What the arms of a seed have in common is computed once: the model of the start batch, and what it predicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from claros import models
from claros.arrays import Array, Floats, Indices
from claros.models.model import Context, Items, Model
from claros.rng import fingerprint

__all__ = ["Starts"]

#: How a model is asked about items.
Ask = Callable[[Model, Items, Collection[str]], dict[str, Array]]


@dataclass
class _Start:
    """A model trained on a start batch, which nobody trains again, and what it was asked."""

    model: Model
    outputs: dict[tuple[int, frozenset[str]], tuple[Items, dict[str, Array]]] = field(default_factory=dict)

    def predict(self, items: Items, names: Collection[str], ask: Ask) -> dict[str, Array]:
        key = (id(items), frozenset(names))  # the items are kept beside, so that the id stays theirs
        if key not in self.outputs:
            self.outputs[key] = (items, ask(self.model, items, names))
        return dict(self.outputs[key][1])


class Starts:
    """The last start batch's model, for the arms of one seed that follow one another in this process.

    Only the very same training is shared: the same specification, items, labels, weights and random stream. So the
    numbers are those of arms that share nothing; the seconds of the arms that were spared the work are not.
    """

    def __init__(self) -> None:
        self._key = ""
        self._last: _Start | None = None

    def share(self, model: Model) -> Model:
        """The model, its first training shared; as it is where later trainings go on from its weights."""
        return model if model.warm else _Sharing(model, self)

    def get(self, key: str, train: Callable[[], Model]) -> _Start:
        """What was trained for the key, or else now."""
        if self._last is None or key != self._key:
            self._key, self._last = key, _Start(train())
        return self._last


class _Sharing:
    """A model whose first `fit` may be another arm's."""

    def __init__(self, own: Model, starts: Starts) -> None:
        self._own = own
        self._starts = starts
        self._start: _Start | None = None
        self._trained = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own if self._start is None else self._start.model, name)

    @property
    def on_epoch(self) -> Callable[[int, int], None] | None:
        """Called with (epochs done, epochs planned) while training."""
        return self._own.on_epoch

    @on_epoch.setter
    def on_epoch(self, listener: Callable[[int, int], None] | None) -> None:
        self._own.on_epoch = listener

    @property
    def context(self) -> Context:
        """What is told of the next training; an `AttributeError` where the model does not listen."""
        told: Context = self._own.context  # type: ignore[attr-defined]
        return told

    @context.setter
    def context(self, told: Context) -> None:
        self._own.context = told  # type: ignore[attr-defined]

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Train, or take over what was trained on just this."""
        first, self._trained = not self._trained, True
        if not first:
            self._start = None
            self._own.fit(items, labels, n_classes=n_classes, weights=weights, rng=rng)
            return

        context = getattr(self._own, "context", Context())

        def train() -> Model:
            model = models.from_spec(self._own.spec())
            model.on_epoch = self.on_epoch
            if hasattr(model, "context"):
                model.context = context
            model.fit(items, labels, n_classes=n_classes, weights=weights, rng=rng)
            model.on_epoch = None
            return model

        parts = [self._own.spec(), list(items.ids), np.asarray(labels).tolist(), n_classes, fingerprint(rng)]
        parts += [None if given is None else np.asarray(given).tolist() for given in (weights, context.at_random)]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
        self._start = self._starts.get(key, train)

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """As the model's own; of a shared start, asked once."""
        return self.outputs_by(_ask, items, names)

    def outputs_by(self, ask: Ask, items: Items, names: Collection[str]) -> dict[str, Array]:
        """As `outputs`, where ``ask`` asks the model that is there to answer."""
        return ask(self._own, items, names) if self._start is None else self._start.predict(items, names, ask)


def _ask(model: Model, items: Items, names: Collection[str]) -> dict[str, Array]:
    return model.outputs(items, names)
