"""Any Keras 3 model as a model, on whatever backend Keras runs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.errors import InputError, ModelError, require
from claros.models.checks import Labeled, check_kind, check_names, labeled_items
from claros.models.columns import Head, softmax, spread_head, spread_logits, spread_probs
from claros.models.factory import Factory
from claros.models.keras.network import NOMINAL, REFUSALS, Parts, filled, keras_module, quiet, take_apart
from claros.models.keras.options import Options
from claros.models.keras.reading import Reader, make_reader, shape_of
from claros.models.model import Items
from claros.models.storage import read_document, read_weights, write_model
from claros.rng import beside

__all__ = ["KerasModel"]


class _Fitted(NamedTuple):
    parts: Parts
    reader: Reader
    n_classes: int
    seen: Indices
    seed: int


class KerasModel:
    """A Keras model behind the `claros.models.Model` protocol, trained anew for every fit unless ``warm``.

    ``factory`` is a function or class that makes the model, or where it is, ``"package.module:factory"``. It is called
    with ``arguments`` and, where its signature names them, with ``n_classes`` (or ``num_classes``), ``in_shape`` (or
    ``input_shape``) and, for rows, ``in_features``. The model maps standardised rows (B, F), or images (B, H, W,
    channels) scaled to [0, 1], to one column a class: probabilities or logits; which, is seen from its output. It is
    trained on the cross-entropy of the class codes, by the optimizer that it was compiled with, if it was. ``options``
    are those of `claros.models.keras.options.Options`.

    Outputs are float32 NumPy arrays: ``probs`` and ``logits``; of sequential and functional models that end in a dense
    layer also ``embeddings``, its input, and the head; and ``member_probs`` where they have dropout layers. Weights lie
    where Keras puts them. Everything random is drawn from ``rng``; global random states are left as found, but for that
    of TensorFlow, which cannot be read.
    """

    restorable = True

    def __init__(
        self,
        factory: str | Callable[..., Any],
        arguments: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> None:
        self._factory = Factory.of(factory, arguments or {})
        self.name = name or self._factory.label
        self.options = Options.of(self.name, options)
        self._fitted: _Fitted | None = None
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None

    @classmethod
    def named(cls, name: str, factory: str | Callable[..., Any], parameters: Mapping[str, Any]) -> KerasModel:
        """A model from one flat mapping: names of options are options, all others are arguments of the factory."""
        arguments, options = Factory.split(name, factory, parameters, Options.names())
        return cls(factory, arguments, name=name, **options)

    @property
    def warm(self) -> bool:
        """Whether training goes on from the last weights."""
        return self.options.warm

    @property
    def pass_items(self) -> int:
        """How many items a long pass is kept by: about a thousand, in whole chunks, so that no row changes."""
        return self.options.chunk * max(1, 1024 // self.options.chunk)

    @property
    def provides(self) -> frozenset[str]:
        """What the trained model provides; before, what one made for nominal data does."""
        return self._nominal if self._fitted is None else self._fitted.parts.provides

    @cached_property
    def _nominal(self) -> frozenset[str]:
        kind = "rows" if self._factory.wants_rows else "images"
        try:
            return self._made(NOMINAL[kind], 2, 0).provides
        except ModelError:  # a model for other shapes: only its data can tell
            return frozenset(("probs", "logits", "embeddings", "head_weights", "head_bias", "member_probs"))

    def provides_for(self, items: Items) -> frozenset[str]:
        """What a model made for such items provides, found by running an untrained one on made-up items."""
        check_kind(self.name, items, self._factory.kinds)
        return self._made(shape_of(self.name, items), max(2, len(items.classes)), 0).provides

    def _made(self, shape: tuple[int, ...], n_classes: int, seed: int) -> Parts:
        """An untrained model, and what it is made of."""
        keras_module()
        facts = filled(self._factory.signature, shape, n_classes)
        with quiet(seed):
            try:
                model = self._factory.build(**{**facts, **self._factory.arguments})
                return take_apart(model, shape, n_classes, self.name)
            except REFUSALS as error:
                raise ModelError(
                    f"{self.name} could not make a model for items of shape {shape} and {n_classes} classes: {error}"
                ) from error

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Train; a fit that fails leaves the model as it was."""
        check_kind(self.name, items, self._factory.kinds)
        labeled = labeled_items(items, labels, n_classes, weights)
        seed, mask_seed = int(rng.integers(2**31 - 1)), int(rng.integers(2**31 - 1))
        last = self._last_for(items, labeled.n_classes)
        reader = make_reader(self.name, items, labeled.positions) if last is None else last.reader
        parts = self._made(reader.shape, labeled.n_classes, seed)
        history: list[dict[str, Any]] = []
        with quiet(seed):
            if last is not None:
                parts.model.set_weights(last.parts.model.get_weights())
            if len(labeled.seen) > 1:
                history = self._train(parts, reader, items, labeled, beside(rng, "order"))
        self._fitted = _Fitted(parts, reader, labeled.n_classes, labeled.seen, mask_seed)
        self.history = history

    def _last_for(self, items: Items, n_classes: int) -> _Fitted | None:
        """What was trained last, if training goes on from it."""
        last = self._fitted
        if not self.options.warm or last is None or last.n_classes != n_classes:
            return None
        return last if last.reader.shape == shape_of(self.name, items) else None

    def _train(
        self, parts: Parts, reader: Reader, items: Items, labeled: Labeled, rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        """Train in place and give the history: epoch, loss, accuracy on the batches as they came, seconds."""
        keras, model, options = keras_module(), parts.model, self.options
        optimizer = model.optimizer if model.compiled else _optimizer(self.name, options)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not parts.gives_probs)
        model.compile(optimizer=optimizer, loss=loss, metrics=["sparse_categorical_accuracy"])
        n = len(labeled.labels)
        n_batches = max(1, min(math.ceil(n / options.batch_size), n // 2))
        epochs = max(options.epochs, math.ceil(options.min_steps / n_batches))
        weights = np.ones(n) if labeled.weights is None else labeled.weights
        history: list[dict[str, Any]] = []
        for epoch in range(epochs):
            started, total, right = time.perf_counter(), 0.0, 0.0
            for batch in np.array_split(rng.permutation(n), n_batches):
                inputs = reader(items, labeled.positions[batch])
                said = model.train_on_batch(
                    inputs, labeled.labels[batch], sample_weight=weights[batch].astype(np.float32), return_dict=True
                )
                total += float(said["loss"]) * len(batch)
                right += float(said["sparse_categorical_accuracy"]) * len(batch)
            if not math.isfinite(total):
                raise ModelError(f"Training {self.name} diverged in epoch {epoch + 1}; lower lr.")
            seconds = round(time.perf_counter() - started, 4)
            history.append({"epoch": epoch + 1, "loss": total / n, "accuracy": right / n, "seconds": seconds})
            if self.on_epoch is not None:
                self.on_epoch(epoch + 1, epochs)
        return history

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """One pass over the items, ``chunk`` at a time, beside one more for each member."""
        check_names(self.name, names, self.provides, fitted=self._fitted is not None)
        fitted = self._fitted
        if fitted is None:
            return {}
        check_kind(self.name, items, (fitted.reader.kind,))
        n, parts, n_classes = len(items), fitted.parts, fitted.n_classes
        shapes = {
            "probs": (n, n_classes),
            "logits": (n, n_classes),
            "member_probs": (n, self.options.members, n_classes),
        }
        if "embeddings" in names:
            shapes["embeddings"] = (n, int(parts.head.kernel.shape[0]))
        found: dict[str, Array] = {name: np.empty(shapes[name], np.float32) for name in names if name in shapes}
        with quiet(0):
            for start in range(0, n, self.options.chunk) if found else ():
                self._fill(found, fitted, items, slice(start, min(n, start + self.options.chunk)))
            if {"head_weights", "head_bias"} & set(names):
                head = Head(parts.head_weights[fitted.seen], parts.head_bias[fitted.seen])
                spread = spread_head(head, fitted.seen, n_classes)._asdict()
                found.update({f"head_{part}": value for part, value in spread.items() if f"head_{part}" in names})
        return found

    def _fill(self, found: dict[str, Array], fitted: _Fitted, items: Items, rows: slice) -> None:
        """Write these rows of everything that is wanted."""
        parts, seen, n_classes = fitted.parts, fitted.seen, fitted.n_classes
        inputs = fitted.reader(items, np.arange(rows.start, rows.stop))
        if "embeddings" in found:
            found["embeddings"][rows] = parts.embeddings(inputs)
        if {"probs", "logits"} & found.keys():
            logits = parts.logits(inputs, seen)
            values = {"logits": spread_logits(logits, seen, n_classes)}
            values["probs"] = spread_probs(softmax(logits), seen, n_classes)
            for name in {"probs", "logits"} & found.keys():
                found[name][rows] = values[name]
        for member in range(self.options.members) if "member_probs" in found else ():
            logits = parts.member_logits(inputs, seen, fitted.seed, member)
            found["member_probs"][rows, member] = spread_probs(softmax(logits), seen, n_classes)

    def spec(self) -> dict[str, Any]:
        """The name and all options and arguments; a factory that cannot be found by name must be passed again."""
        arguments = self._factory.described()
        if self._factory.path is None or arguments is None:
            return {"name": "from_factory", "parameters": {"factory": self._factory.label}}
        return {
            "name": self.name,
            "parameters": {**json.loads(json.dumps(asdict(self.options))), "arguments": arguments},
        }

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, in the order that Keras has them, and all else as JSON."""
        fitted = self._fitted
        if fitted is None:
            raise ModelError(f"{self.name} has not been trained yet; there is nothing to save.")
        with quiet(0):
            tensors = {f"{place:04d}": value for place, value in enumerate(fitted.parts.model.get_weights())}
        document = {
            "spec": self.spec(),
            "history": self.history,
            "n_classes": fitted.n_classes,
            "seen": fitted.seen.tolist(),
            "seed": fitted.seed,
            "reader": fitted.reader.to_json(),
        }
        files = require("safetensors.numpy", "keras", "saving a Keras model")
        write_model(
            folder, document, files.save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
        )

    def load(self, folder: Path) -> None:
        """Become the model that was saved there by one of the same specification."""
        saved = read_document(folder, self.spec())
        weights = read_weights(folder, saved, require("safetensors.numpy", "keras", "loading a Keras model").load)
        reader = Reader.from_json(self.name, saved["reader"])
        parts = self._made(reader.shape, saved["n_classes"], 0)
        try:
            parts.model.set_weights([weights[name] for name in sorted(weights)])
        except ValueError as error:
            raise ModelError(f"The weights in {folder} do not fit the network of {self.name}: {error}") from error
        seen = np.array(saved["seen"], dtype=np.int64)
        self._fitted = _Fitted(parts, reader, saved["n_classes"], seen, saved["seed"])
        self.history = saved["history"]


def _optimizer(who: str, options: Options) -> Any:
    keras = keras_module()
    try:
        return keras.optimizers.get({"class_name": options.optimizer, "config": {"learning_rate": options.lr}})
    except (TypeError, ValueError) as error:
        raise InputError(f"{who}: Keras has no optimizer {options.optimizer!r}: {error}") from error
