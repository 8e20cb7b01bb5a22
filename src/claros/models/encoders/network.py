"""Torch networks as encoders: of timm by name, or made by a factory of your own."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch

from claros.arrays import Indices
from claros.errors import InputError, ModelError
from claros.models.checks import check_kind
from claros.models.encoders.encoder import Encoder
from claros.models.factory import Factory
from claros.models.model import Items
from claros.models.torch.anatomy import evaluating, pooled
from claros.models.torch.reading import Reader, item_shape
from claros.models.torch.seeding import choose_device, seeded

__all__ = ["from_factory", "from_timm", "of_network", "session_of", "weights_of"]


def from_timm(
    name: str, like: Items, *, image_size: int | None, pretrained: bool, device: str, parameters: Mapping[str, Any]
) -> Encoder:
    """A network of timm without its head; images as those that it was pretrained on, or of ``image_size``."""
    from claros.models import timm

    who = f"timm:{name}"
    check_kind(who, like, ("images",))
    about, where = timm.described(name), choose_device(device)
    size = image_size if image_size is not None else about.image_size
    with seeded(0, where):
        channels = item_shape(who, like)[0]
        net = timm.headless(name, in_chans=channels, pretrained=pretrained, image_size=image_size, **parameters)
    options = {"image_size": size, "mean": list(about.mean), "std": list(about.std), **parameters}
    return of_network(who, net, like, where, size=size, mean=about.mean, std=about.std, options=options)


def of_network(
    who: str,
    net: torch.nn.Module,
    like: Items,
    device: torch.device,
    *,
    size: int | None,
    mean: tuple[float, ...] = (0.0, 0.0, 0.0),
    std: tuple[float, ...] = (1.0, 1.0, 1.0),
    options: Mapping[str, Any],
) -> Encoder:
    """An encoder of images by a network on normalised floats (B, channels, H, W)."""
    net = net.to(device).eval()
    channels = item_shape(who, like)[0]
    centre, spread = (torch.tensor(_channels(values, channels), device=device) for values in (mean, std))

    shapes: dict[int, tuple[int, ...]] = {}

    def prepare(items: Items, positions: Indices) -> torch.Tensor:
        shape = shapes.get(id(items.ids)) or item_shape(who, items)
        shapes.update({id(items.ids): shape})  # found once, as it takes reading an item
        reader = Reader(who, "images", shape, size, centre, spread)
        with torch.no_grad():
            return reader.prepared(reader.raw(items, positions))

    return Encoder(
        who,
        "images",
        weights_of(net),
        options,
        prepare,
        lambda batch: _host(net(batch)),
        size,
        session_of(net),
        (torch.cuda.OutOfMemoryError,),
    )


def from_factory(
    path: str, like: Items, *, image_size: int | None, device: str, parameters: Mapping[str, Any]
) -> Encoder:
    """What the factory at ``package.module:factory`` gives. Runs the code of that module.

    A ``torch.nn.Module`` is called with float images (B, channels, H, W) in [0, 1], rows (B, F), a list of texts, or a
    list of sounds (samples, rate); anything else that can be called, with what `Items.take` gives. It gives (B, D), or
    maps or sequences that are averaged over their positions. Attributes ``kinds`` and ``image_size`` of the factory or
    of what it gives say what it reads.
    """
    factory, where = Factory.of(path, parameters), choose_device(device)
    with seeded(0, where):
        try:
            made = factory.build(**parameters)
        except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
            raise ModelError(f"{path} could not make an encoder: {error}") from error
    if not callable(made):
        raise InputError(f"{path} must give a network or a function of a batch of items; it gave {made!r}.")

    def said(name: str, otherwise: Any) -> Any:
        return getattr(made, name, getattr(factory.build, name, otherwise))

    check_kind(path, like, tuple(said("kinds", ("rows", "images", "texts", "sounds"))))
    size = image_size if image_size is not None else said("image_size", None)
    options = {"image_size": size, "code": _code(factory.build), **parameters}
    if isinstance(made, torch.nn.Module) and like.kind == "images":
        return of_network(path, made, like, where, size=size, options=options)
    weights, session = "", seeded_session(where)
    if isinstance(made, torch.nn.Module):
        made = made.to(where).eval()
        weights, session = weights_of(made), session_of(made)
    rows = isinstance(made, torch.nn.Module) and like.kind == "rows"

    def prepare(items: Items, positions: Indices) -> Any:
        batch = items.take(positions)
        return torch.tensor(np.asarray(batch), dtype=torch.float32, device=where) if rows else batch

    return Encoder(
        path,
        like.kind,
        weights,
        options,
        prepare,
        lambda batch: _host(made(batch)),
        size,
        session,
        (torch.cuda.OutOfMemoryError,),
    )


def weights_of(net: torch.nn.Module) -> str:
    """SHA-256 of a network's weights: names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(memoryview(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
    return found.hexdigest()


def session_of(net: torch.nn.Module) -> Callable[[], AbstractContextManager[None]]:
    """Entered while the network computes: no gradients, evaluation mode, random states as they were afterwards."""

    @contextmanager
    def session() -> Iterator[None]:
        device = next((value.device for value in net.state_dict().values()), torch.device("cpu"))
        with seeded(0, device), evaluating(net):
            yield

    return session


def seeded_session(device: torch.device) -> Callable[[], AbstractContextManager[None]]:
    """The same for what is no network."""

    @contextmanager
    def session() -> Iterator[None]:
        with seeded(0, device), torch.no_grad():
            yield

    return session


def _host(found: Any) -> Any:
    """(B, D) of a tensor, averaged over positions if it has any; other arrays as they are."""
    return pooled(found).float().cpu().numpy() if isinstance(found, torch.Tensor) else found


def _channels(values: tuple[float, ...], channels: int) -> list[float]:
    """One value a channel: those of colour averaged for grey images."""
    return [float(np.mean(values))] if channels == 1 else list(values)


def _code(factory: Any) -> str:
    """SHA-256 of the module that the factory is in, as features follow from its code; empty where there is none."""
    try:
        return hashlib.sha256(inspect.getsource(sys.modules[factory.__module__]).encode()).hexdigest()
    except (OSError, TypeError, KeyError, AttributeError):
        return ""
