"""A model whose outputs were computed elsewhere: arrays over the whole pool, looked up by item id."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices, from_numpy, namespace
from claros.errors import DataError, InputError
from claros.inputs import NEEDS, ROWS, Inputs
from claros.models.checks import check_names, labeled_items
from claros.models.model import Items
from claros.models.storage import read_document, write_model

__all__ = ["Precomputed", "from_file"]

#: Outputs that belong to the model, not to items.
HEAD = ("head_weights", "head_bias")


class Precomputed:
    """Arrays that something else computed, as a model: training records the labels and changes nothing.

    ``arrays`` maps names of `claros.inputs.NEEDS` to arrays over the whole pool, one row an item, in the order of
    ``ids`` (the pool's ids; row numbers as texts unless given). They are checked once and stay where they are: NumPy,
    torch, a memory map. Rows are looked up by id, so any subset in any order gets its own; O(B) time and memory.

    >>> import numpy as np
    >>> sorted(Precomputed({"probs": np.full((3, 2), 0.5), "embeddings": np.eye(3)}).provides)
    ['embeddings', 'probs']
    """

    warm = False
    restorable = True

    def __init__(
        self, arrays: Mapping[str, Array], *, ids: Sequence[str] | None = None, path: str | None = None
    ) -> None:
        foreign = [name for name in arrays if name not in ROWS and name not in HEAD]
        if foreign or not arrays:
            known = ", ".join([*(name for name in NEEDS if name in ROWS), *HEAD])
            raise InputError(f"precomputed takes one or more of {known}; got {', '.join(foreign) or 'none'}.")
        self._arrays = Inputs(arrays, arrays, who="precomputed")
        n = self._arrays.sizes.get("N", 0)
        names = tuple(str(id) for id in (ids if ids is not None else range(n)))
        self._rows = {id: row for row, id in enumerate(names)}
        if len(self._rows) != n or len(names) != n:
            raise InputError(
                f"ids must be {n} different ids, one a row; got {len(names)}, {len(self._rows)} of them different."
            )
        self._path = path
        self.provides = frozenset(arrays)
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None
        #: Item id -> class code of the last `fit`.
        self.labels: dict[str, int] = {}

    def provides_for(self, items: Items) -> frozenset[str]:
        """The names of its arrays, if they have a row for each of the items."""
        self._positions(items)
        return self.provides

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Record the labels; the arrays stay as they are."""
        labeled = labeled_items(items, labels, n_classes, weights)
        self._positions(items)
        known = self._arrays.sizes.get("C", labeled.n_classes)
        if known != labeled.n_classes:
            raise InputError(f"the precomputed arrays have {known} classes, but there are {labeled.n_classes}.")
        self.labels = {items.ids[at]: int(code) for at, code in zip(labeled.positions, labeled.labels, strict=True)}

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """The items' rows of the arrays; the head's as they are."""
        check_names("precomputed", names, self.provides)
        positions = self._positions(items)
        return {name: self._arrays[name] if name in HEAD else _take(self._arrays[name], positions) for name in names}

    def _positions(self, items: Items) -> Indices:
        unknown = [id for id in items.ids if id not in self._rows]
        if unknown:
            raise DataError(
                f"The precomputed arrays have no row for {len(unknown)} of {len(items)} item(s), the first with id "
                f"{unknown[0]!r}; pass ids= with the id of each row (they are {_some(self._rows)} now)."
            )
        return np.fromiter((self._rows[id] for id in items.ids), np.int64, len(items))

    def spec(self) -> dict[str, Any]:
        """The file that the arrays came from; arrays that came from memory must be passed again."""
        return {"name": "precomputed", "parameters": {"path": self._path}}

    def save(self, folder: Path) -> None:
        """Write the specification and the labels; the arrays stay where they were."""
        write_model(folder, {"spec": self.spec(), "labels": self.labels})

    def load(self, folder: Path) -> None:
        """Take the labels that were saved."""
        document = read_document(folder, self.spec())
        self.labels = {str(id): int(code) for id, code in document["labels"].items()}


def _take(array: Array, positions: Indices) -> Array:
    if isinstance(array, np.ndarray):
        return array[positions]
    return namespace(array).take(array, from_numpy(positions, array), axis=0)


def _some(ids: Collection[str]) -> str:
    first = [repr(id) for id, _ in zip(ids, range(3), strict=False)]
    return ", ".join(first) + (", ..." if len(ids) > len(first) else "")


def from_file(*, path: str | None = None) -> Precomputed:
    """The arrays of an ``.npz`` file, with the pool's ids in an optional array ``ids``; never unpickles."""
    if path is None:
        raise InputError(
            "precomputed needs its arrays: pass path=... of an .npz file, or model=claros.models.Precomputed(arrays)."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not an .npz file of numbers that can be read: {error}") from error
    ids = arrays.pop("ids", None)
    return Precomputed(arrays, ids=None if ids is None else [str(id) for id in ids], path=str(path))
