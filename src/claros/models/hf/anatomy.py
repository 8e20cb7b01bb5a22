"""Where a transformer's embeddings and linear head are, and its dropout at work, found by running it once."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from claros.errors import ModelError
from claros.models.hf.reading import Batch
from claros.models.torch.anatomy import DROPOUTS, evaluating, pooled

__all__ = ["Anatomy", "chosen", "dissect", "logits_of", "mean_state"]


class Anatomy(NamedTuple):
    """Names of layers: the linear head whose output holds the logits, and dropout at work."""

    head: str | None
    width: int
    """Of the embeddings; 0 if there are none."""
    dropouts: tuple[str, ...]

    @property
    def provides(self) -> frozenset[str]:
        """The names of `claros.inputs.NEEDS` that such a network can provide."""
        names = {"probs", "logits"}
        if self.width:
            names.add("embeddings")
        if self.head is not None:
            names |= {"head_weights", "head_bias"}
        if self.dropouts:
            names.add("member_probs")
        return frozenset(names)


def logits_of(output: Any) -> torch.Tensor:
    """The logits (B, C) among what a network gives."""
    if isinstance(output, torch.Tensor):
        return output
    return output["logits"] if isinstance(output, dict) and "logits" in output else output[0]


def chosen(given: torch.Tensor, output: torch.Tensor, logits: torch.Tensor) -> torch.Tensor | None:
    """The head's input for each item, (B, D), if its output has the item's logits, at one of its positions or alone.

    Networks that read on from left to right have logits at every position, and choose one: (B, T, C), (B, C).
    """
    if output.shape == logits.shape:
        return given if torch.equal(output, logits) else None
    if output.ndim != 3 or output.shape[::2] != logits.shape:
        return None
    same = (output == logits[:, None]).all(dim=2)  # (B, T)
    if not same.any(dim=1).all():
        return None
    return given[torch.arange(len(given), device=given.device), same.long().argmax(dim=1)]


def mean_state(output: Any, batch: Batch) -> torch.Tensor | None:
    """The last hidden state averaged over an item's positions that are no padding, (B, D); None if it is not given."""
    states = getattr(output, "hidden_states", None)
    if not states or not isinstance(states[-1], torch.Tensor):
        return None
    state, mask = states[-1], batch.get("attention_mask")
    if state.ndim != 3 or mask is None or mask.shape != state.shape[:2]:
        return pooled(state)
    weights = mask.to(state.dtype)[:, :, None]
    return (state * weights).sum(dim=1) / weights.sum(dim=1)


def dissect(net: nn.Module, batch: Batch, n_classes: int, who: str, *, sequences: bool) -> Anatomy:
    """Run the network on a few items and note which layers took part; what is defined but not used does not count.

    Over sequences, dropout of attention weights does not count either: see `claros.models.hf.members`. Where no linear
    layer gives the logits, the embeddings are the mean of the last hidden state.
    """
    modules = dict(net.named_modules())
    ran: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            ran.pop(name, None)  # so that the order is that of the last calls
            ran[name] = given[0].detach().clone(), output.detach().clone()

        return hook

    kept = {name: module for name, module in modules.items() if isinstance(module, (nn.Linear, *DROPOUTS))}
    handles = [module.register_forward_hook(note(name)) for name, module in kept.items()]
    try:
        with evaluating(net):
            output = net(**batch)
    finally:
        for handle in handles:
            handle.remove()
    logits = logits_of(output)
    n = len(next(iter(batch.values())))
    if tuple(logits.shape) != (n, n_classes):
        raise ModelError(
            f"The network of {who} must give logits of shape ({n}, {n_classes}) for {n} items and {n_classes} classes; "
            f"got {tuple(logits.shape)}. Make it for {n_classes} classes (a model_init may take num_labels)."
        )
    dropouts = tuple(
        name
        for name, (given, _) in ran.items()
        if isinstance(modules[name], DROPOUTS) and modules[name].p > 0 and not (sequences and given.ndim > 3)
    )
    for name in reversed([name for name in ran if isinstance(modules[name], nn.Linear)]):
        found = chosen(*ran[name], logits)
        if found is not None:
            return Anatomy(name, int(found.shape[1]), dropouts)
    return Anatomy(None, _state_width(net, batch), dropouts)


def _state_width(net: nn.Module, batch: Batch) -> int:
    try:
        with evaluating(net):
            state = mean_state(net(**batch, output_hidden_states=True), batch)
    except TypeError:  # a network of somebody's own that does not take the argument
        return 0
    return 0 if state is None else int(state.shape[1])
