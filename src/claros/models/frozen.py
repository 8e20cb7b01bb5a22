"""A frozen encoder and a light head: what the encoder gives is computed once for a pool, the head is trained anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.data.attached import Attached
from claros.data.feature_files import part_of_folder
from claros.data.memory import arrays
from claros.data.named import cache_folder
from claros.data.pool import Pool, Split, derive
from claros.errors import InputError, suggest
from claros.models.encoders import Encoder, embed, encoder
from claros.models.model import Items, Model
from claros.models.storage import read_document, write_model

__all__ = ["FrozenModel"]

#: What can be set, beside the head and its parameters, and what it is by default.
CHOICES: Mapping[str, Any] = {
    "image_size": None,
    "pretrained": True,
    "pooling": "mean",
    "max_length": None,
    "device": "auto",
}


class FrozenModel:
    """An encoder that is not trained and a model over its features, behind the `claros.models.Model` protocol.

    Arguments:
        name: of the encoder, ``timm:NAME``, ``hf:NAME`` or ``package.module:factory``.
        head: name of the model over rows that is trained: ``logistic``, ``linear``, ``mlp``, ``perceptron``, ...
        head_parameters: its parameters.
        chunk: items that the encoder reads at once.
        parameters: further arguments of the encoder's network.
        choices: ``image_size``, ``pretrained``, ``pooling``, ``max_length`` and ``device``, as of
            `claros.models.encoders.encoder`.

    Campaigns and runs ask `view` for the pool that is read: its features are computed once, as by `claros embed`, and
    kept in ``$CLAROS_CACHE`` (``~/.cache/claros``) under ``embeddings``, by what the encoder and the items are, so that
    every round and every further run trains the head alone. In a loop of your own, do the same; items that were not
    viewed are encoded at every call.
    """

    def __init__(
        self,
        name: str,
        *,
        head: str = "logistic",
        head_parameters: Mapping[str, Any] | None = None,
        chunk: int = 64,
        parameters: Mapping[str, Any] | None = None,
        **choices: Any,
    ) -> None:
        from claros import models

        for given in choices:
            if given not in CHOICES:
                known = [*CHOICES, "head", "head_parameters", "chunk", "parameters", "frozen"]
                raise InputError(f"{name} with frozen=True: {suggest(given, known, 'parameter')}")
        self.name = name
        self._choices = {**CHOICES, **choices}
        self._parameters = dict(parameters or {})
        self._chunk = chunk
        self._head: Model = models.get(head, **dict(head_parameters or {}))
        self._encoder: Encoder | None = None
        self._width = 1

    @property
    def provides(self) -> frozenset[str]:
        """What the head provides."""
        return self._head.provides

    @property
    def warm(self) -> bool:
        """Whether the head goes on from its last weights."""
        return self._head.warm

    @property
    def restorable(self) -> bool:
        """Whether the head can be loaded; the encoder is what its name says."""
        return self._head.restorable

    @property
    def history(self) -> list[dict[str, Any]]:
        """The head's."""
        return self._head.history

    @property
    def on_epoch(self) -> Callable[[int, int], None] | None:
        """Called with (epochs done, epochs planned) while the head is trained."""
        return self._head.on_epoch

    @on_epoch.setter
    def on_epoch(self, listener: Callable[[int, int], None] | None) -> None:
        self._head.on_epoch = listener

    def view(self, pool: Pool) -> Pool:
        """The pool with its features in the items' place: computed now, or memory-mapped from when they were."""
        if pool.reader.has_features and getattr(pool.reader, "by", "") == self._said():
            return pool
        items = derive(pool, reader=pool.reader.plain())
        if items.reader.has_features:
            raise InputError(
                f"{self.name} is frozen and computes features of its own; leave out features, or name a model over "
                "rows, as logistic."
            )
        made = self._made(items)
        folder = cache_folder() / "embeddings" / f"{_sha(made.key)}-{_sha(items.manifest())}"
        embed(Split(items, None), made, folder, chunk=self._chunk, wait=True)
        table = part_of_folder(folder / "train")
        rows = table.rows or {}
        place = np.full(len(items.reader), -1, np.int64)
        place[items.rows] = [rows[name] for name in items.ids]
        reader = Attached(items.reader, table.array, place, over=True, derived=True, by=self._said())
        return derive(items, reader=reader)

    def _said(self) -> str:
        choices = {name: value for name, value in self._choices.items() if name != "device"}
        return json.dumps([self.name, choices, self._parameters], sort_keys=True)

    def _made(self, like: Items) -> Encoder:
        """The encoder for such items, loaded once."""
        if self._encoder is None or self._encoder.kind != like.kind:
            self._encoder = encoder(self.name, like=like, parameters=self._parameters, **self._choices)
        return self._encoder

    def _rows(self, items: Items) -> Items:
        """The items as rows: as they are if they were viewed, else encoded now."""
        if items.kind == "rows":
            return items
        found = self._made(items).features(items, chunk=self._chunk)
        self._width = found.shape[1] if len(items) else self._width
        return arrays(found.reshape(len(items), self._width), ids=items.ids, classes=items.classes or None)

    def provides_for(self, items: Items) -> frozenset[str]:
        """What the head provides for features of such items; of items that were not viewed, one is encoded."""
        if items.kind == "rows":
            return self._head.provides_for(items)
        return self._head.provides_for(self._rows(_First(items)))

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Train the head."""
        known = n_classes or len(items.classes) or None
        self._head.fit(self._rows(items), labels, n_classes=known, weights=weights, rng=rng)

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """The head's, in one pass over the features; ``embeddings`` are those that the head works with."""
        return self._head.outputs(self._rows(items), names)

    def spec(self) -> dict[str, Any]:
        """The encoder's name, with ``frozen`` among the parameters."""
        head = self._head.spec()
        settings: dict[str, Any] = {"frozen": True, "head": head["name"], "head_parameters": head["parameters"]}
        settings |= {"chunk": self._chunk, "parameters": self._parameters, **self._choices}
        return {"name": self.name, "parameters": settings}

    def save(self, folder: Path) -> None:
        """Write the head, and what the encoder is."""
        self._head.save(folder / "head")
        write_model(folder, {"spec": self.spec(), "history": self.history})

    def load(self, folder: Path) -> None:
        """Become the model whose head was saved there."""
        read_document(folder, self.spec())
        self._head.load(folder / "head")


class _First:
    """The first of some items, to look at."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self.ids, self.kind, self.classes = items.ids[:1], items.kind, items.classes

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: Any) -> Any:
        """As the items'."""
        return self._items.take(positions)


def _sha(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]
