"""Everything that is asked of a network, in one pass over the items, in chunks and constant memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from claros.arrays import Array, Indices
from claros.errors import ModelError
from claros.models.columns import Head, spread_head, spread_logits, spread_probs
from claros.models.model import Items
from claros.models.torch.anatomy import Anatomy, evaluating, pooled
from claros.models.torch.reading import Reader

__all__ = ["Fitted", "dropout_member", "infer"]


class Fitted(NamedTuple):
    """A trained network with all that its predictions depend on."""

    net: nn.Module
    reader: Reader
    anatomy: Anatomy
    n_classes: int
    seen: Indices
    """(K,) codes of the classes it was trained on."""
    seed: int
    """Of the dropout masks."""


def infer(fitted: Fitted, items: Items, names: Collection[str], *, members: int, chunk: int) -> dict[str, Array]:
    """The named outputs as float32 NumPy arrays, filled chunk by chunk; at most one chunk is held beside them.

    A chunk that does not fit on the device is tried once more in quarters.
    """
    n, n_classes = len(items), fitted.n_classes
    shapes = {
        "probs": (n, n_classes),
        "logits": (n, n_classes),
        "embeddings": (n, fitted.anatomy.width),
        "member_probs": (n, members, n_classes),
    }
    found: dict[str, Array] = {name: np.empty(shapes[name], np.float32) for name in names if name in shapes}
    with evaluating(fitted.net):
        for start in range(0, n, chunk) if found else ():
            stop = min(n, start + chunk)
            try:
                _fill(found, fitted, items, start, stop)
            except torch.cuda.OutOfMemoryError:
                _fill_in_quarters(found, fitted, items, start, stop)
    if fitted.anatomy.head is not None and {"head_weights", "head_bias"} & set(names):
        head = spread_head(_head(fitted), fitted.seen, n_classes)
        found.update({f"head_{part}": value for part, value in head._asdict().items() if f"head_{part}" in names})
    return found


def _fill_in_quarters(found: dict[str, Array], fitted: Fitted, items: Items, start: int, stop: int) -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    size = max(1, (stop - start) // 4)
    for first in range(start, stop, size):
        try:
            _fill(found, fitted, items, first, min(stop, first + size))
        except torch.cuda.OutOfMemoryError as error:
            raise ModelError(
                f"{fitted.reader.who} ran out of memory on {stop - start} items at once, and on {size} too; "
                "lower chunk, or choose a smaller network or another device."
            ) from error


def _fill(found: dict[str, Array], fitted: Fitted, items: Items, start: int, stop: int) -> None:
    """Write the rows from start to stop of everything that is wanted."""
    rows, net = slice(start, stop), fitted.net
    inputs = fitted.reader.prepared(fitted.reader.raw(items, np.arange(start, stop)))
    if found.keys() - {"member_probs"}:
        with _captured(net, fitted.anatomy if "embeddings" in found else None) as embeddings:
            logits = net(inputs).float()[:, fitted.seen]
        if "logits" in found:
            found["logits"][rows] = spread_logits(_host(logits), fitted.seen, fitted.n_classes)
        if "probs" in found:
            found["probs"][rows] = spread_probs(_host(logits.softmax(dim=1)), fitted.seen, fitted.n_classes)
        if "embeddings" in found:
            found["embeddings"][rows] = _host(embeddings[-1].float())
    if "member_probs" in found:
        modules = dict(net.named_modules())
        dropouts = [modules[name] for name in fitted.anatomy.dropouts]
        for member in range(found["member_probs"].shape[1]):
            with dropout_member(dropouts, fitted.seed, member):
                probs = net(inputs).float()[:, fitted.seen].softmax(dim=1)
            found["member_probs"][rows, member] = spread_probs(_host(probs), fitted.seen, fitted.n_classes)


def _host(values: torch.Tensor) -> Any:
    return values.cpu().numpy()


@contextmanager
def _captured(net: nn.Module, anatomy: Anatomy | None) -> Iterator[list[torch.Tensor]]:
    """A list that gets the embeddings of every run of the network inside the ``with``."""
    caught: list[torch.Tensor] = []
    if anatomy is None or anatomy.layer is None:
        yield caught
        return

    def hook(module: nn.Module, given: tuple[Any, ...], output: torch.Tensor) -> None:
        caught.append(pooled(given[0] if anatomy.is_input else output).clone())  # a later layer may work in place

    handle = net.get_submodule(anatomy.layer).register_forward_hook(hook)
    try:
        yield caught
    finally:
        handle.remove()


@contextmanager
def dropout_member(dropouts: Sequence[nn.Module], seed: int, member: int) -> Iterator[None]:
    """The network as one sample of its dropout: the same units are dropped for every item, as in one set of weights.

    Each dropout module is given its mask by a hook while all modules, batch normalisation above all, stay in evaluation
    mode. One mask for all items is what makes a member one: joint probabilities of several items need it (Kirsch et al.
    2019, arXiv:1906.08158), and it makes rows independent of the chunks; over members, each item sees ordinary Monte
    Carlo dropout (Gal and Ghahramani 2016, arXiv:1506.02142). To be entered where global random states are kept.
    """
    calls = [0] * len(dropouts)

    def hook(place: int) -> Any:
        def apply(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            key = np.random.SeedSequence([seed, member, place, calls[place]])
            calls[place] += 1
            scale, shift = _mask(module, tuple(given[0].shape[1:]), int(key.generate_state(1, np.uint64)[0] >> 1))
            return given[0] * scale.to(given[0]) + shift.to(given[0])

        return apply

    with ExitStack() as hooks:
        for place, module in enumerate(dropouts):
            hooks.callback(module.register_forward_hook(hook(place)).remove)
        yield


def _mask(module: nn.Module, shape: tuple[int, ...], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the module does to one item, read off zeros and ones: all kinds of dropout are ``scale * x + shift``.

    Drawn on the host, so that it is the same on every device.
    """
    effects = []
    for probe in (torch.zeros(1, *shape), torch.ones(1, *shape)):
        torch.default_generator.manual_seed(seed)
        module.training = True
        try:
            effects.append(module.forward(probe))
        finally:
            module.training = False
    return effects[1] - effects[0], effects[0]


def _head(fitted: Fitted) -> Head:
    linear = fitted.net.get_submodule(fitted.anatomy.head or "")
    weights = _host(linear.weight.detach().float())[fitted.seen]
    if linear.bias is None:
        return Head(weights, np.zeros(len(weights), np.float32))
    return Head(weights, _host(linear.bias.detach().float())[fitted.seen])
