"""Everything that is asked of a network, in one pass over the items, in chunks and constant memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from claros.arrays import Array, Indices
from claros.models.columns import Head, spread_head, spread_logits, spread_probs
from claros.models.model import Items
from claros.models.torch.anatomy import Anatomy, evaluating, pooled
from claros.models.torch.chunks import in_chunks
from claros.models.torch.engine import Team
from claros.models.torch.reading import Reader

__all__ = ["Fitted", "PerItem", "Run", "dropout_member", "infer", "linear_head", "run"]

#: From what the network sees of items (B, ...) to one number an item (B,).
PerItem = Callable[[torch.Tensor], torch.Tensor]


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
    members_from: str = "dropout"
    others: tuple[nn.Module, ...] = ()
    """The networks beside the first, where members are networks."""
    heads: torch.Tensor | None = None
    """(S, K, D + 1) samples of the head, its bias last, where members are those."""
    temperature: float = 1.0

    @property
    def nets(self) -> tuple[nn.Module, ...]:
        """All networks, the one that gives the embeddings first."""
        return (self.net, *self.others)

    def logits(self, inputs: torch.Tensor, net: nn.Module | None = None) -> torch.Tensor:
        """Of the classes seen, by the first network unless told another, over the temperature; (B, ...) -> (B, K)."""
        logits: torch.Tensor = (net or self.net)(inputs).float()[:, self.seen]
        return logits if self.temperature == 1.0 else logits / self.temperature


def infer(
    fitted: Fitted,
    items: Items,
    names: Collection[str],
    *,
    members: int,
    chunk: int,
    per_item: Mapping[str, PerItem] = MappingProxyType({}),
    together: Team | None = None,
) -> dict[str, Array]:
    """The named outputs as float32 NumPy arrays, filled chunk by chunk; at most one chunk is held beside them.

    ``per_item`` computes what is not said by a prediction; ``together`` are the processes that share the work. A chunk
    that does not fit on the device is tried once more in quarters.
    """
    asked = {name: per_item[name] for name in per_item if name in names}
    n, n_classes = len(items), fitted.n_classes
    shapes = {
        "probs": (n, n_classes),
        "logits": (n, n_classes),
        "embeddings": (n, fitted.anatomy.width),
        "member_probs": (n, members, n_classes),
        **dict.fromkeys(asked, (n,)),
    }
    found: dict[str, Array] = {name: np.empty(shapes[name], np.float32) for name in names if name in shapes}
    with ExitStack() as quiet:
        for net in fitted.nets:
            quiet.enter_context(evaluating(net))
        first, last = (0, n) if together is None else together.rows(n, chunk, together.rank)
        if found:
            in_chunks(partial(_fill, found, fitted, items, asked), range(first, last), chunk, fitted.reader.who)
    if together is not None:
        together.complete(found, n, chunk)
    if fitted.anatomy.head is not None and {"head_weights", "head_bias"} & set(names):
        head = spread_head(linear_head(fitted), fitted.seen, n_classes)
        found.update({f"head_{part}": value for part, value in head._asdict().items() if f"head_{part}" in names})
    return found


def _fill(
    found: dict[str, Array], fitted: Fitted, items: Items, asked: Mapping[str, PerItem], start: int, stop: int
) -> None:
    """Write the rows from start to stop of everything that is wanted."""
    rows, seen, n_classes = slice(start, stop), fitted.seen, fitted.n_classes
    inputs = fitted.reader.prepared(fitted.reader.raw(items, np.arange(start, stop)))
    for name, measure in asked.items():
        found[name][rows] = _host(measure(inputs))
    first = None
    if found.keys() - {"member_probs", *asked} or fitted.members_from != "dropout":
        first = run(fitted, inputs, embeddings="embeddings" in found or fitted.heads is not None)
    if "embeddings" in found and first is not None:
        found["embeddings"][rows] = _host(first.embeddings)
    logits = None if first is None else first.logits
    if "member_probs" in found or (fitted.others and found.keys() & {"probs", "logits"}):
        table = found.get("member_probs")
        n_members = len(fitted.nets) if table is None else table.shape[1]
        logs = []
        for member, of_member in enumerate(MEMBERS[fitted.members_from](fitted, inputs, first, n_members)):
            if table is not None:
                table[rows, member] = spread_probs(_host(of_member.softmax(dim=1)), seen, n_classes)
            if fitted.others:
                logs.append(of_member.log_softmax(dim=1))
        logits = torch.stack(logs).logsumexp(dim=0) - math.log(n_members) if logs else logits
    if "logits" in found:
        found["logits"][rows] = spread_logits(_host(logits), seen, n_classes)
    if "probs" in found and logits is not None:
        found["probs"][rows] = spread_probs(_host(logits.softmax(dim=1)), seen, n_classes)


def _host(values: Any) -> Any:
    return values.cpu().numpy()


class Run(NamedTuple):
    """What the first network says: logits (B, K) and, where they are wanted, embeddings (B, D)."""

    logits: torch.Tensor
    embeddings: torch.Tensor | None


def run(fitted: Fitted, inputs: torch.Tensor, *, embeddings: bool) -> Run:
    """One pass of the first network, as it is: whoever calls sees to evaluation mode and gradients."""
    with _captured(fitted.net, fitted.anatomy if embeddings else None) as caught:
        logits = fitted.logits(inputs)
    return Run(logits, caught[-1].float() if caught else None)


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


def _dropped(fitted: Fitted, inputs: torch.Tensor, first: Run | None, n_members: int) -> Iterator[torch.Tensor]:
    modules = dict(fitted.net.named_modules())
    dropouts = [modules[name] for name in fitted.anatomy.dropouts]
    for member in range(n_members):
        with dropout_member(dropouts, fitted.seed, member):
            yield fitted.logits(inputs)


def _networks(fitted: Fitted, inputs: torch.Tensor, first: Run, n_members: int) -> Iterator[torch.Tensor]:
    yield first.logits
    for net in fitted.others:
        yield fitted.logits(inputs, net)


def _sampled(fitted: Fitted, inputs: torch.Tensor, first: Run, n_members: int) -> Iterator[torch.Tensor]:
    embeddings, heads = first.embeddings, fitted.heads
    if embeddings is not None and heads is not None:
        for head in heads:
            yield (embeddings @ head[:, :-1].T + head[:, -1]) / fitted.temperature


#: By what the members are: the logits (B, K) of one after the other.
MEMBERS: Mapping[str, Callable[..., Iterator[torch.Tensor]]] = {
    "dropout": _dropped,
    "ensemble": _networks,
    "snapshots": _networks,
    "laplace": _sampled,
}


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


def linear_head(fitted: Fitted) -> Head:
    """The head over the embeddings, of the classes seen; for a network that has one."""
    linear = fitted.net.get_submodule(fitted.anatomy.head or "")
    weights = _host(linear.weight.detach().float())[fitted.seen] / np.float32(fitted.temperature)
    if linear.bias is None:
        return Head(weights, np.zeros(len(weights), np.float32))
    return Head(weights, _host(linear.bias.detach().float())[fitted.seen] / np.float32(fitted.temperature))
