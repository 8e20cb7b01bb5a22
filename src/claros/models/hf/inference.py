"""Everything that is asked of a network, in one pass over the items in chunks; by several processes where there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as processes
from torch import nn

from claros.arrays import Array, Floats, Indices
from claros.errors import ModelError
from claros.models.columns import Head, spread_head, spread_logits, spread_probs
from claros.models.hf.anatomy import Anatomy, chosen, logits_of, mean_state
from claros.models.hf.members import sequence_member
from claros.models.hf.reading import Batch, Features, Reader
from claros.models.model import Items
from claros.models.torch.anatomy import evaluating
from claros.models.torch.inference import dropout_member

__all__ = ["Fitted", "assemble", "infer"]

#: Some items' ids, and the rows of every output for them.
Piece = tuple[Sequence[str], dict[str, Floats]]


class Fitted(NamedTuple):
    """A trained network with all that its predictions depend on."""

    who: str
    net: nn.Module
    reader: Reader
    anatomy: Anatomy
    n_classes: int
    seen: Indices
    """(K,) codes of the classes it was trained on."""
    seed: int
    """Of the dropout masks."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.net.parameters()).device


def infer(fitted: Fitted, items: Items, names: Collection[str], *, members: int, chunk: int) -> dict[str, Array]:
    """The named outputs as float32 NumPy arrays, filled chunk by chunk; at most one chunk is held beside them.

    A chunk that does not fit on the device is tried once more in quarters. Of several processes (those that
    ``torchrun`` or ``accelerate launch`` started), each takes every so-manieth chunk; then all are given all rows, put
    in their places by the items' ids.
    """
    n, n_classes = len(items), fitted.n_classes
    shapes = {
        "probs": (n, n_classes),
        "logits": (n, n_classes),
        "embeddings": (n, fitted.anatomy.width),
        "member_probs": (n, members, n_classes),
    }
    found: dict[str, Array] = {name: np.empty(shapes[name], np.float32) for name in names if name in shapes}
    several = processes.is_available() and processes.is_initialized() and processes.get_world_size() > 1
    rank, world = (processes.get_rank(), processes.get_world_size()) if several else (0, 1)
    mine = [range(start, min(n, start + chunk)) for start in range(0, n if found else 0, chunk)][rank::world]
    with evaluating(fitted.net):
        for rows in mine:
            _fill_or_quarter(found, fitted, items, rows)
    if several and found:
        assemble(found, items.ids, _exchanged([_piece(found, items.ids, rows) for rows in mine], world))
    if fitted.anatomy.head is not None and {"head_weights", "head_bias"} & set(names):
        head = spread_head(_head(fitted), fitted.seen, n_classes)
        found.update({f"head_{part}": value for part, value in head._asdict().items() if f"head_{part}" in names})
    return found


def _piece(found: dict[str, Array], ids: Sequence[str], rows: range) -> Piece:
    return [ids[row] for row in rows], {name: array[rows.start : rows.stop] for name, array in found.items()}


def _exchanged(pieces: list[Piece], world: int) -> Iterator[Piece]:
    """The pieces of all processes."""
    gathered: list[Any] = [None] * world
    processes.all_gather_object(gathered, pieces)
    for theirs in gathered:
        yield from theirs


def assemble(found: dict[str, Array], ids: Sequence[str], pieces: Iterable[Piece]) -> None:
    """Write the rows of all pieces where their items are, whatever order they come in and however often.

    Rows of ids that were not asked for are left out; an id without a row is a `ModelError`.
    """
    places = {id: place for place, id in enumerate(ids)}
    missing = set(ids)
    for known, arrays in pieces:
        inside = [number for number, id in enumerate(known) if id in places]
        where = [places[known[number]] for number in inside]
        for name, array in found.items():
            array[where] = arrays[name][inside]
        missing.difference_update(known)
    if missing:
        raise ModelError(
            f"No process predicted {len(missing)} of {len(ids)} items, {min(missing)!r} among them; all processes must "
            "be given the same pool."
        )


def _fill_or_quarter(found: dict[str, Array], fitted: Fitted, items: Items, rows: range) -> None:
    try:
        _fill(found, fitted, items, rows)
    except torch.cuda.OutOfMemoryError:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        size = max(1, len(rows) // 4)
        for start in rows[::size]:
            try:
                _fill(found, fitted, items, range(start, min(rows.stop, start + size)))
            except torch.cuda.OutOfMemoryError as error:
                raise ModelError(
                    f"{fitted.who} ran out of memory on {len(rows)} items at once, and on {size} too; lower chunk, "
                    "max_length or max_seconds, or choose a smaller network."
                ) from error


def _fill(found: dict[str, Array], fitted: Fitted, items: Items, rows: range) -> None:
    """Write the rows of everything that is wanted."""
    features: list[Features] = fitted.reader.features(items, np.arange(rows.start, rows.stop))
    for places, batch in fitted.reader.groups(features):
        where = rows.start + places
        inputs = {name: value.to(fitted.device) for name, value in batch.items()}
        if found.keys() - {"member_probs"}:
            _fill_plain(found, fitted, inputs, where)
        if "member_probs" in found:
            _fill_members(found["member_probs"], fitted, inputs, where)


def _fill_plain(found: dict[str, Array], fitted: Fitted, inputs: Batch, where: Indices) -> None:
    logits, embeddings = _run(fitted, inputs, "embeddings" in found)
    logits = logits.float()[:, fitted.seen]
    if "logits" in found:
        found["logits"][where] = spread_logits(_host(logits), fitted.seen, fitted.n_classes)
    if "probs" in found:
        found["probs"][where] = spread_probs(_host(logits.softmax(dim=1)), fitted.seen, fitted.n_classes)
    if embeddings is not None:
        found["embeddings"][where] = _host(embeddings.float())


def _run(fitted: Fitted, inputs: Batch, embed: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Logits (B, K) and, if wanted, embeddings (B, D)."""
    net, head = fitted.net, fitted.anatomy.head
    if not embed:
        return logits_of(net(**inputs)), None
    if head is None:
        output = net(**inputs, output_hidden_states=True)
        return logits_of(output), mean_state(output, inputs)
    caught: list[tuple[torch.Tensor, torch.Tensor]] = []

    def hook(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        caught.append((given[0].clone(), output))  # a later layer may work in place

    handle = net.get_submodule(head).register_forward_hook(hook)
    try:
        logits = logits_of(net(**inputs))
    finally:
        handle.remove()
    return logits, chosen(*caught[-1], logits)


def _fill_members(probs: Array, fitted: Fitted, inputs: Batch, where: Indices) -> None:
    modules = dict(fitted.net.named_modules())
    dropouts = [modules[name] for name in fitted.anatomy.dropouts]
    member_of = dropout_member if fitted.reader.kind == "images" else sequence_member
    for member in range(probs.shape[1]):
        with member_of(dropouts, fitted.seed, member):
            logits = logits_of(fitted.net(**inputs)).float()[:, fitted.seen]
        probs[where, member] = spread_probs(_host(logits.softmax(dim=1)), fitted.seen, fitted.n_classes)


def _host(values: torch.Tensor) -> Any:
    return values.cpu().numpy()


def _head(fitted: Fitted) -> Head:
    linear = fitted.net.get_submodule(fitted.anatomy.head or "")
    weights = _host(linear.weight.detach().float())[fitted.seen]
    if linear.bias is None:
        return Head(weights, np.zeros(len(weights), np.float32))
    return Head(weights, _host(linear.bias.detach().float())[fitted.seen])
