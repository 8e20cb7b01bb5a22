"""Items to tensors: contents as they lie, then floats on the device, normalised; and the labeled items for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from claros.arrays import Indices, row_blocks
from claros.errors import DataError, InputError, ModelError
from claros.models.model import Items
from claros.models.torch.options import Options

__all__ = ["Feed", "Reader", "item_shape", "make_reader", "seen_shape"]

#: Labeled items of up to so many bytes are held in memory while training; more are read again every epoch.
HELD_BYTES = 1 << 30
CHUNK_BYTES = 1 << 25


@dataclass(frozen=True)
class Reader:
    """How items of one kind and shape become what the network sees."""

    who: str
    kind: str
    raw_shape: tuple[int, ...]
    """(channels, H, W) of an image as it lies in the pool, (F,) of a row."""
    image_size: int | None
    mean: torch.Tensor
    """(channels,) or (F,), on the device, as is ``std``."""
    std: torch.Tensor

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The shape of one item as the network sees it."""
        return seen_shape(self.kind, self.raw_shape, self.image_size)

    def raw(self, items: Items, positions: Indices) -> torch.Tensor:
        """Contents on the host: images in their own type (B, channels, H, W), rows float32 (B, F)."""
        batch = _tensor(self.kind, items.take(positions))
        if tuple(batch.shape[1:]) != self.raw_shape:
            raise ModelError(
                f"{self.who} was trained on {self.kind} of shape {self.raw_shape}; these are {tuple(batch.shape[1:])}."
            )
        return batch

    def prepared(self, raw: torch.Tensor) -> torch.Tensor:
        """What the network sees: floats on the device, resized and normalised."""
        floats = _floats(raw.to(self.mean.device))  # moved before it grows from bytes to floats
        if self.kind == "rows":
            return (floats - self.mean) / self.std
        if self.in_shape != self.raw_shape:
            floats = F.interpolate(floats, self.in_shape[1:], mode="bilinear", align_corners=False, antialias=True)
        return (floats - self.mean[:, None, None]) / self.std[:, None, None]


def _tensor(kind: str, batch: Any) -> torch.Tensor:
    array = np.asarray(batch) if kind == "images" else np.asarray(batch, dtype=np.float32)
    if not array.flags.writeable:
        array = array.copy()  # torch shares memory, and warns of memory that it may not write
    tensor = torch.from_numpy(array)
    if kind == "rows":
        return tensor.flatten(1)
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


def _floats(raw: torch.Tensor) -> torch.Tensor:
    return raw.to(torch.float32) / 255.0 if raw.dtype == torch.uint8 else raw.to(torch.float32)


def seen_shape(kind: str, raw_shape: tuple[int, ...], image_size: int | None) -> tuple[int, ...]:
    """The shape of one item as the network sees it: an image may be resized."""
    return (raw_shape[0], image_size, image_size) if kind == "images" and image_size is not None else raw_shape


def item_shape(who: str, items: Items) -> tuple[int, ...]:
    """The shape of one item: (channels, H, W) or (F,)."""
    if len(items) == 0:
        raise DataError(f"{who} needs at least one item to know what its network will see; got none.")
    return tuple(_tensor(items.kind, items.take(np.zeros(1, dtype=np.int64))).shape[1:])


def make_reader(who: str, items: Items, positions: Indices, options: Options, device: torch.device) -> Reader:
    """A reader that normalises per channel or feature by the options, or by the items at the positions."""
    shape = item_shape(who, items)
    raw = Reader(who, items.kind, shape, options.image_size, torch.zeros(shape[0]), torch.ones(shape[0]))
    if isinstance(options.normalise, str):
        mean, std = _moments(raw, items, positions)
    else:
        mean, std = (torch.tensor(options.normalise[key], dtype=torch.float32) for key in ("mean", "std"))
        if items.kind == "images" and shape[0] == 1:  # grey images, where colour was expected
            mean, std = mean.mean(dim=0, keepdim=True), std.mean(dim=0, keepdim=True)
        if not mean.shape == std.shape == (shape[0],):
            raise InputError(f"{who}: normalise must have {shape[0]} mean and std values, one a channel or feature.")
    return Reader(who, items.kind, shape, options.image_size, mean.to(device), std.to(device))


def _moments(reader: Reader, items: Items, positions: Indices) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation per channel or feature, 1 where it is constant; two passes, since one loses digits."""
    width = reader.raw_shape[0]
    total, squares, n = torch.zeros(width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64), 0
    blocks = [positions[rows] for rows in row_blocks(len(positions), 8 * int(np.prod(reader.raw_shape)), CHUNK_BYTES)]
    for block in blocks:
        values = _columns(reader.raw(items, block))
        total += values.sum(dim=0)
        n += len(values)
    mean = total / n
    for block in blocks:
        squares += (_columns(reader.raw(items, block)) - mean).square().sum(dim=0)
    std = (squares / n).sqrt()
    return mean.float(), torch.where(std > 1e-6, std, 1.0).float()


def _columns(raw: torch.Tensor) -> torch.Tensor:
    """One column a channel or feature, float64; (B, channels, H, W) -> (B·H·W, channels)."""
    floats = _floats(raw).double()
    return floats if floats.ndim == 2 else floats.permute(0, 2, 3, 1).flatten(0, 2)


class Feed:
    """The labeled items by their place among them; held in memory if they are small, else read each time."""

    def __init__(self, reader: Reader, items: Items, positions: Indices) -> None:
        self.reader, self._items, self._positions = reader, items, positions
        one = reader.raw(items, positions[:1])
        small = one.nelement() * one.element_size() * len(positions) <= HELD_BYTES
        self._held = reader.raw(items, positions) if small else None

    def __call__(self, places: Indices) -> torch.Tensor:
        """What the network sees of them; (B,) -> (B, ...)."""
        if self._held is not None:
            return self.reader.prepared(self._held[torch.from_numpy(places)])
        return self.reader.prepared(self.reader.raw(self._items, self._positions[places]))
