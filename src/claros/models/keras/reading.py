"""Items to arrays as a Keras model sees them: rows standardised, images scaled to [0, 1], channels last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.errors import DataError, ModelError
from claros.models.model import Items

__all__ = ["Reader", "make_reader", "shape_of"]


@dataclass(frozen=True)
class Reader:
    """How items of one kind and shape become arrays."""

    who: str
    kind: str
    shape: tuple[int, ...]
    """(H, W, channels) or (F,)."""
    mean: Floats
    """(F,) of rows, as is ``std``; 0 and 1 for images."""
    std: Floats

    def __call__(self, items: Items, positions: Indices) -> Floats:
        """What the model sees of them; (B, ...) float32."""
        batch = _raw(self.kind, items.take(positions))
        if batch.shape[1:] != self.shape:
            raise ModelError(
                f"{self.who} was trained on {self.kind} of shape {self.shape}; these are {batch.shape[1:]}."
            )
        scale = np.float32(255.0 if self.kind == "images" and batch.dtype == np.uint8 else 1.0)
        values: Floats = np.asarray(
            batch if self.kind == "images" else (batch - self.mean) / self.std, dtype=np.float32
        )
        return values / scale

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "kind": self.kind,
            "shape": list(self.shape),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }

    @classmethod
    def from_json(cls, who: str, saved: dict[str, Any]) -> Reader:
        """What `to_json` gave."""
        mean, std = (np.array(saved[name], dtype=np.float64) for name in ("mean", "std"))
        return cls(who, saved["kind"], tuple(saved["shape"]), mean, std)


def _raw(kind: str, batch: Any) -> Any:
    array = np.asarray(batch)
    if kind == "rows":
        return array.reshape(len(array), int(np.prod(array.shape[1:]))).astype(np.float64)
    return array[..., None] if array.ndim == 3 else array


def shape_of(who: str, items: Items) -> tuple[int, ...]:
    """The shape of one item: (H, W, channels) or (F,)."""
    if len(items) == 0:
        raise DataError(f"{who} needs at least one item to know what its network will see; got none.")
    return tuple(_raw(items.kind, items.take(np.zeros(1, dtype=np.int64))).shape[1:])


def make_reader(who: str, items: Items, positions: Indices) -> Reader:
    """A reader that standardises rows by those at the positions."""
    shape = shape_of(who, items)
    if items.kind == "images":
        return Reader(who, items.kind, shape, np.zeros(1), np.ones(1))
    rows = _raw("rows", items.take(positions))
    std = rows.std(axis=0)
    return Reader(who, items.kind, shape, rows.mean(axis=0), np.where(std > 1e-6, std, 1.0))
