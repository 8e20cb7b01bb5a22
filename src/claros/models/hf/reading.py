"""Items to what a network reads: tokens, pixels or samples of one item each, then a padded batch of tensors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly

from claros.arrays import Floats, Indices
from claros.models.model import Items

__all__ = ["Batch", "Features", "Reader", "make_reader"]

#: What the network reads of one item, not padded: the names of its arguments and their values.
Features = Mapping[str, Any]

#: What the network is called with.
Batch = dict[str, torch.Tensor]

#: Sounds are padded to multiples of a quarter of a second where a network cannot tell padding from silence: so each has
#: its own padding, whatever comes together, and there are few lengths.
BUCKETS_A_SECOND = 4
SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class Reader:
    """How items of one kind become what one network reads."""

    kind: str
    processor: Any
    accepts: frozenset[str]
    """The names of the network's arguments."""
    channels: int
    max_length: int | None
    """Tokens, where the network says how many it reads."""
    max_seconds: float

    def features(self, items: Items, positions: Indices) -> list[Features]:
        """What the network reads of each item, in the order asked."""
        contents = items.take(positions)
        if not len(contents):
            return []
        return list(_PREPARE[self.kind](self, contents))

    def groups(self, features: Sequence[Features]) -> Iterator[tuple[Indices, Batch]]:
        """Places and batches of all of them; in several where padding would change what the network sees."""
        if self._padding_is_seen(features):
            lengths = np.array([len(one["input_values"]) for one in features])
            for length in np.unique(lengths):
                places = np.flatnonzero(lengths == length)
                yield places, self.batch([features[place] for place in places.tolist()])
        elif features:
            yield np.arange(len(features)), self.batch(features)

    def batch(self, features: Sequence[Features]) -> Batch:
        """Tensors on the host, padded to the longest."""
        if self.kind == "texts" or (self.kind == "sounds" and self._varies(features)):
            padded = self.processor.pad(_columns(features), padding=True, return_tensors="pt")
            return {name: value for name, value in padded.items() if name in self.accepts}
        return {name: torch.as_tensor(np.stack([one[name] for one in features])) for name in features[0]}

    def _varies(self, features: Sequence[Features]) -> bool:
        return "input_values" in features[0] and np.ndim(features[0]["input_values"]) == 1

    def _padding_is_seen(self, features: Sequence[Features]) -> bool:
        masked = getattr(self.processor, "return_attention_mask", True) and "attention_mask" in self.accepts
        return self.kind == "sounds" and not masked and bool(features) and self._varies(features)

    def _texts(self, texts: Sequence[str]) -> Iterator[Features]:
        read = self.processor(list(texts), truncation=self.max_length is not None, max_length=self.max_length)
        names = [name for name in read if name in self.accepts]
        for place, tokens in enumerate(read["input_ids"]):
            if tokens:
                yield {name: read[name][place] for name in names}
            else:  # an empty text, of a tokenizer that adds nothing to it
                yield {name: [self.processor.pad_token_id if name == "input_ids" else 1] for name in names}

    def _images(self, images: Any) -> Iterator[Features]:
        pixels = np.asarray(images)
        pixels = pixels[..., None] if pixels.ndim == 3 else pixels
        if self.channels == 3 and pixels.shape[3] == 1:
            pixels = np.repeat(pixels, 3, axis=3)
        elif self.channels == 1 and pixels.shape[3] == 3:
            pixels = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))[..., None].astype(pixels.dtype)
        read = self.processor(list(pixels), return_tensors="np", input_data_format="channels_last")
        for values in read["pixel_values"]:
            yield {"pixel_values": np.asarray(values, dtype=np.float32)}

    def _sounds(self, sounds: Sequence[tuple[Floats, int]]) -> Iterator[Features]:
        rate = int(self.processor.sampling_rate)
        heard = [self._heard(np.asarray(samples, dtype=np.float32), given, rate) for samples, given in sounds]
        read = self.processor(heard, sampling_rate=rate)
        names = [name for name in read if name in self.accepts]
        for place in range(len(heard)):
            one = {name: np.asarray(read[name][place]) for name in names}
            if self._padding_is_seen([one]):
                values = one["input_values"]
                step = rate // BUCKETS_A_SECOND
                one["input_values"] = np.pad(values, (0, -len(values) % step))
            yield one

    def _heard(self, samples: Floats, given: int, rate: int) -> Floats:
        """The samples at the network's rate, not too long and not too short."""
        samples = samples[: math.ceil(self.max_seconds * given)]
        if given != rate:
            shared = math.gcd(given, rate)
            samples = resample_poly(samples, rate // shared, given // shared).astype(np.float32)
        return np.pad(samples, (0, max(0, math.ceil(SHORTEST_SECONDS * rate) - len(samples))))


_PREPARE: Mapping[str, Callable[[Reader, Any], Iterator[Features]]] = {
    "texts": Reader._texts,
    "images": Reader._images,
    "sounds": Reader._sounds,
}


def _columns(features: Sequence[Features]) -> dict[str, list[Any]]:
    return {name: [one[name] for one in features] for name in features[0]}


def make_reader(kind: str, processor: Any, net: torch.nn.Module, max_length: int | None, max_seconds: float) -> Reader:
    """The reader for a network and its processor."""
    config = getattr(net, "config", None)
    longest = [max_length, _positions(net, config), getattr(processor, "model_max_length", None)]
    return Reader(
        kind,
        processor,
        frozenset(inspect.signature(net.forward).parameters),
        int(getattr(config, "num_channels", None) or 3),
        min((length for length in longest if length), default=None) if kind == "texts" else None,
        max_seconds,
    )


def _positions(net: torch.nn.Module, config: Any) -> int | None:
    """How many tokens a network has positions for; those of the RoBERTa family begin after the padding's."""
    known = getattr(config, "max_position_embeddings", None)
    for name, module in net.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return int(module.num_embeddings) - first
    return known if isinstance(known, int) and known > 0 else None
