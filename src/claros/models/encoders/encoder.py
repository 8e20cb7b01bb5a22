"""What turns items into features: a network that is not trained here, how it reads items, and what it is told by."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.errors import InputError, ModelError
from claros.models.model import Items

__all__ = ["Encoder", "Progress", "encoded", "in_order"]

#: Called with (items done, items in all).
Progress = Callable[[int, int], None]

#: Chunks are read by at most so many threads, while the network computes.
MOST_THREADS = 8


@dataclass(frozen=True)
class Encoder:
    """Items of one kind to features (N, D).

    Attributes:
        name: as it was asked for, ``timm:resnet18``.
        kind: of the items that it reads.
        weights: digest of what it has learned; equal weights give equal features.
        options: all else that the features depend on, as JSON.
        prepare: items and positions to what the network reads, in a thread of its own.
        forward: that to (B, D).
        image_size: pixels a side that image files should be read at; None for any.
        session: entered while `forward` is called.
        too_large: what `forward` raises when a chunk does not fit into memory.
    """

    name: str
    kind: str
    weights: str
    options: Mapping[str, Any]
    prepare: Callable[[Items, Indices], Any]
    forward: Callable[[Any], Any]
    image_size: int | None = None
    session: Callable[[], AbstractContextManager[None]] = nullcontext
    too_large: tuple[type[Exception], ...] = ()

    @property
    def key(self) -> dict[str, Any]:
        """What decides the features of an item, as JSON."""
        return {"model": self.name, "kind": self.kind, "weights": self.weights, "options": dict(self.options)}

    def features(self, items: Items, *, chunk: int = 64, progress: Progress | None = None) -> Floats:
        """Features of all items, float32 (N, D), in the items' order; holds them and a few chunks of items."""
        found: Floats | None = None
        done = 0
        for positions, part in encoded(self, items, in_order(items), chunk):
            if found is None:
                found = np.empty((len(items), part.shape[1]), dtype=np.float32)
            found[positions] = part
            done += len(positions)
            if progress is not None:
                progress(done, len(items))
        return np.empty((0, 0), dtype=np.float32) if found is None else found


def in_order(items: Items, positions: Indices | None = None) -> Indices:
    """The positions (all, unless given) in the order to compute them: texts by length, the longest first."""
    wanted = np.arange(len(items), dtype=np.int64) if positions is None else positions
    if items.kind != "texts":
        return wanted
    lengths = np.array([len(text) for text in items.take(wanted)], dtype=np.int64)
    return wanted[np.argsort(-lengths, kind="stable")]


def encoded(encoder: Encoder, items: Items, order: Indices, chunk: int) -> Iterator[tuple[Indices, Floats]]:
    """Positions and their features, float32 (B, D), a chunk at a time in the order given.

    The next chunks are read in other threads while one is computed. The same chunks give the same features.
    """
    if items.kind != encoder.kind:
        raise InputError(f"{encoder.name} was made for {encoder.kind}; these items are {items.kind}.")
    chunks = [order[start : start + chunk] for start in range(0, len(order), chunk)]
    threads = min(MOST_THREADS, os.cpu_count() or 1, max(1, len(chunks)))
    waiting: deque[tuple[Indices, Future[Any]]] = deque()
    with ThreadPoolExecutor(threads, "claros-read") as readers, encoder.session():
        try:
            for positions in chunks[: threads + 1]:
                waiting.append((positions, readers.submit(encoder.prepare, items, positions)))
            for following in [*chunks[threads + 1 :], *[None] * min(threads + 1, len(chunks))]:
                positions, batch = waiting.popleft()
                if following is not None:
                    waiting.append((following, readers.submit(encoder.prepare, items, following)))
                yield positions, _checked(encoder, items, positions, _computed(encoder, items, positions, batch))
        finally:
            for _, batch in waiting:
                batch.cancel()


def _computed(encoder: Encoder, items: Items, positions: Indices, batch: Future[Any]) -> Any:
    """The features of a chunk; where it does not fit into memory, of its quarters, once."""
    try:
        return encoder.forward(batch.result())
    except encoder.too_large:
        size = max(1, len(positions) // 4)
    try:
        parts = [positions[start : start + size] for start in range(0, len(positions), size)]
        return np.concatenate([np.asarray(encoder.forward(encoder.prepare(items, part))) for part in parts])
    except encoder.too_large as error:
        raise ModelError(
            f"{encoder.name} ran out of memory on {len(positions)} items at once, and on {size} too; lower chunk, or "
            "choose a smaller network or another device."
        ) from error


def _checked(encoder: Encoder, items: Items, positions: Indices, found: Any) -> Floats:
    features: Floats = np.asarray(found, dtype=np.float32)
    if features.ndim != 2 or len(features) != len(positions) or not features.shape[1]:
        raise ModelError(
            f"{encoder.name} must give one row of features for each of {len(positions)} items; got an array of shape "
            f"{features.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        raise ModelError(f"{encoder.name} gives features that are not finite for {items.ids[positions[bad[0]]]!r}.")
    return features
