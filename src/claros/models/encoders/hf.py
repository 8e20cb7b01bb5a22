"""Transformers as encoders: the base network of a checkpoint, its hidden states pooled to one vector an item."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
import transformers

from claros.arrays import Indices
from claros.errors import InputError, ModelError
from claros.models.checks import check_kind
from claros.models.encoders.encoder import Encoder
from claros.models.encoders.network import weights_of
from claros.models.hf.loading import KINDS, Checkpoint
from claros.models.hf.quiet import undisturbed
from claros.models.hf.reading import Batch, make_reader
from claros.models.model import Items
from claros.models.torch.anatomy import evaluating, pooled
from claros.models.torch.seeding import choose_device

__all__ = ["POOLING", "from_hf"]

#: What becomes of the states of an item's positions.
POOLING = ("mean", "cls")

#: What prepares items of a kind.
PREPARES = {
    "texts": transformers.PreTrainedTokenizerBase,
    "images": transformers.ImageProcessingMixin,
    "sounds": transformers.FeatureExtractionMixin,
}

#: Longer sounds are cut.
MAX_SECONDS = 30.0


def from_hf(
    where: str,
    like: Items,
    *,
    image_size: int | None,
    pretrained: bool,
    device: str,
    pooling: str,
    max_length: int | None,
    parameters: Mapping[str, Any],
) -> Encoder:
    """The network of a name of the Hub or a folder, without a head; ``parameters`` change its configuration.

    ``pooling``: the ``mean`` of the last hidden states over the positions that are no padding, or the first of them,
    ``cls``. Image towers and text towers of networks of both give the vectors that they compare.
    """
    who = f"hf:{where}"
    check_kind(who, like, tuple(KINDS))
    if pooling not in POOLING:
        raise InputError(f"pooling must be {' or '.join(POOLING)}; got {pooling!r}.")
    chosen, kind = choose_device(device), like.kind
    source = Checkpoint.of(who, where, None, None, parameters)
    with undisturbed(0):
        net, processor = _loaded(who, source, kind, pretrained=pretrained)
    net = net.to(chosen).eval()
    tower = getattr(net, f"get_{'text' if kind == 'texts' else 'image'}_features", None) if kind != "sounds" else None
    called = net if tower is None else _Tower(net, tower)
    reader = make_reader(kind, processor, called, max_length, MAX_SECONDS)
    # A tokenizer sets its padding in itself, so that one thread at a time may use it.
    one: AbstractContextManager[object] = threading.Lock() if kind == "texts" else nullcontext()

    def prepare(items: Items, positions: Indices) -> list[tuple[Indices, Batch]]:
        with one:
            features = reader.features(items, positions)
            return list(reader.groups(features))

    def forward(groups: list[tuple[Indices, Batch]]) -> Any:
        found: dict[int, Any] = {}
        for places, batch in groups:
            moved = {name: value.to(chosen) for name, value in batch.items()}
            output = net(**moved) if tower is None else tower(**moved)
            rows = _pooled(who, net, output, moved, pooling).float().cpu().numpy()
            found.update(zip(places.tolist(), rows, strict=True))
        return np.stack([found[place] for place in range(len(found))])

    @contextmanager
    def session() -> Iterator[None]:
        with undisturbed(0), evaluating(net):
            yield

    size = image_size if image_size is not None else _image_size(processor)
    options = {"pooling": pooling, "max_length": reader.max_length, "max_seconds": MAX_SECONDS, **parameters}
    if kind == "images":
        options = {"pooling": pooling, "image_size": size, **parameters}
    return Encoder(
        who,
        kind,
        weights_of(net),
        options,
        prepare,
        forward,
        size if kind == "images" else None,
        session,
        (torch.cuda.OutOfMemoryError,),
    )


class _Tower(torch.nn.Module):  # type: ignore[misc]
    """One of two towers, for a reader that looks at what a network takes."""

    def __init__(self, net: torch.nn.Module, tower: Any) -> None:
        super().__init__()
        self.config = net.config
        self.forward = tower


def _loaded(who: str, source: Checkpoint, kind: str, *, pretrained: bool) -> tuple[Any, Any]:
    """The network and what prepares its items; an `InputError` where it reads other kinds of items."""
    try:
        made = source.make(kind, None, weights=pretrained)
    except ModelError:
        _check_reads(who, source, kind)
        raise
    if not isinstance(made.processor, PREPARES[kind]):
        _check_reads(who, source, kind)
        raise ModelError(f"{who} comes with nothing that prepares {kind}; choose another model.")
    return made.net, made.processor


def _check_reads(who: str, source: Checkpoint, kind: str) -> None:
    kinds = source.kinds()
    if kind not in kinds:
        raise InputError(f"{who} takes {' or '.join(kinds)}; these items are {kind}. Choose another model.")


def _pooled(who: str, net: Any, output: Any, batch: Batch, pooling: str) -> torch.Tensor:
    """(B, D) of what the network gives."""
    if isinstance(output, torch.Tensor):  # a tower's vectors
        return output
    states = getattr(output, "last_hidden_state", None)
    if states is None:
        found = getattr(output, "pooler_output", None)
        if found is None:
            raise ModelError(f"{who} gives neither hidden states nor pooled ones; choose another model.")
        return pooled(found)
    if states.ndim != 3:  # a convolutional network's maps
        return pooled(states)
    if pooling == "cls":
        return states[:, 0]
    mask = _mask(net, states, batch)
    if mask is None:
        return states.mean(dim=1)
    weights = mask.to(states.dtype)[:, :, None]
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _mask(net: Any, states: torch.Tensor, batch: Batch) -> torch.Tensor | None:
    """(B, T) which positions are no padding; None where nothing says it. Sounds have fewer states than samples."""
    mask = batch.get("attention_mask")
    if mask is None or mask.shape == states.shape[:2]:
        return mask
    shortened = getattr(net, "_get_feature_vector_attention_mask", None)
    return None if shortened is None else shortened(states.shape[1], mask)


def _image_size(processor: Any) -> int | None:
    """Pixels a side of what an image processor resizes images to, before it crops them."""
    size = getattr(processor, "size", None) or {}
    found = [size[name] for name in ("height", "shortest_edge", "longest_edge") if name in dict(size) and size[name]]
    return int(found[0]) if found else None
