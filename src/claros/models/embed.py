"""Features of images from a network that is not trained here: what goes into its head, once for a whole pool."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from claros.arrays import Floats
from claros.errors import InputError
from claros.files import write_atomically
from claros.models.checks import check_kind
from claros.models.model import Items

if TYPE_CHECKING:
    from claros.data.pool import Pool

__all__ = ["Encoder", "encoder", "native_size", "write_features"]

#: Called with (items done, items in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Encoder:
    """A network without its head, on its device, and how it wants images."""

    name: str
    net: Any
    image_size: int | None
    """Pixels a side that images are resized to; None leaves them as they are."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: Any

    def features(self, items: Items, *, chunk: int = 64, progress: Progress | None = None) -> Floats:
        """Features of all images, float32 (N, D), in the items' order; holds them and one chunk of images."""
        import torch

        from claros.models.torch.anatomy import evaluating, pooled
        from claros.models.torch.reading import Reader, item_shape

        check_kind(self.name, items, ("images",))
        shape = item_shape(self.name, items)
        mean, std = (torch.tensor(_channels(values, shape[0]), device=self.device) for values in (self.mean, self.std))
        reader = Reader(self.name, "images", shape, self.image_size, mean, std)
        found: Floats | None = None
        with evaluating(self.net):
            for start in range(0, len(items), chunk):
                positions = np.arange(start, min(len(items), start + chunk))
                part = pooled(self.net(reader.prepared(reader.raw(items, positions)))).float().cpu().numpy()
                if found is None:
                    found = np.empty((len(items), part.shape[1]), dtype=np.float32)
                found[positions] = part
                if progress is not None:
                    progress(int(positions[-1]) + 1, len(items))
        return np.empty((0, 0), dtype=np.float32) if found is None else found


def native_size(model: str) -> int:
    """Pixels a side that the network ``timm:NAME`` was pretrained on; 32 where timm does not say."""
    from claros.models import timm

    return timm.described(_timm_name(model)).image_size or 32


def encoder(
    model: str, *, like: Items, image_size: int | None = None, pretrained: bool = True, device: str = "auto"
) -> Encoder:
    """The network ``timm:NAME`` without its head, for images with as many channels as those of ``like``.

    Its pretrained weights are downloaded once and kept by timm. Images are normalised as those that it was pretrained
    on, and resized to the size of those, or to ``image_size``.
    """
    from claros.models import timm
    from claros.models.torch.reading import item_shape
    from claros.models.torch.seeding import choose_device, seeded

    name = _timm_name(model)
    check_kind(model, like, ("images",))
    about, where = timm.described(name), choose_device(device)
    with seeded(0, where):
        channels = item_shape(model, like)[0]
        net = timm.headless(name, in_chans=channels, pretrained=pretrained, image_size=image_size)
    size = image_size if image_size is not None else about.image_size
    return Encoder(model, net.to(where).eval(), size, about.mean, about.std, where)


def write_features(
    train: Pool, test: Pool | None, encoder: Encoder, out: Path, *, chunk: int = 64, progress: Progress | None = None
) -> dict[str, Any]:
    """Write the features of a pool and its test part to an .npz that every command takes as data; what is in it.

    It holds ``x_train``, ``y_train``, ``ids_train``, the same for the test part, and ``classes``; labels only where
    every item of a part has one. Written whole or not at all.
    """
    arrays: dict[str, Any] = {"classes": np.array(train.classes), "encoder": np.array(encoder.name)}
    for part, pool in (("train", train), ("test", test)):
        if pool is None:
            continue
        arrays[f"x_{part}"] = encoder.features(pool, chunk=chunk, progress=progress)
        arrays[f"ids_{part}"] = np.array(pool.ids)
        if pool.labels is not None and (pool.labels >= 0).all():
            arrays[f"y_{part}"] = np.asarray(pool.labels)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(out, buffer.getvalue())
    return {
        "out": str(out),
        "model": encoder.name,
        "features": int(arrays["x_train"].shape[1]),
        "train": len(train),
        "test": 0 if test is None else len(test),
        "classes": len(train.classes),
        "labeled": "y_train" in arrays,
    }


def _timm_name(model: str) -> str:
    if not model.startswith("timm:"):
        raise InputError(f"Features are computed by a network of timm, as timm:resnet18; got {model!r}.")
    return model.removeprefix("timm:")


def _channels(values: tuple[float, ...], channels: int) -> list[float]:
    """One value a channel: those of colour averaged for grey images."""
    return [float(np.mean(values))] if channels == 1 else list(values)
