"""What a network is made of, found by running it once: where its embeddings are, its linear head, its dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from claros.errors import InputError, ModelError, suggest

__all__ = ["DROPOUTS", "Anatomy", "dissect", "evaluating", "pooled"]

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class Anatomy(NamedTuple):
    """Names of layers: where the embeddings are taken, the head that maps them to the logits, dropout at work."""

    layer: str | None
    is_input: bool
    """Whether the embeddings are what goes into the layer, or what comes out of it."""
    width: int
    head: str | None
    dropouts: tuple[str, ...]
    differentiable: bool = True
    """Whether gradients reach the input, and weights."""

    @property
    def provides(self) -> frozenset[str]:
        """The names of `claros.inputs.NEEDS` that such a network can provide."""
        names = {"probs", "logits"}
        if self.layer is not None:
            names.add("embeddings")
        if self.head is not None:
            names |= {"head_weights", "head_bias"}
        if self.dropouts:
            names.add("member_probs")
        return frozenset(names)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, no gradients; afterwards each module's mode is as it was."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def pooled(values: torch.Tensor) -> torch.Tensor:
    """One vector an item: maps (B, D, H, W) and sequences (B, T, D) are averaged over their positions; -> (B, D)."""
    if values.ndim == 2:
        return values
    return values.mean(dim=1) if values.ndim == 3 else values.flatten(2).mean(dim=2)


def dissect(net: nn.Module, inputs: torch.Tensor, layer: str | None, n_classes: int, who: str) -> Anatomy:
    """Run the network on a few items and note which layers took part; what is defined but not used does not count.

    The embeddings are the output of ``layer``, by default the input of the linear layer that ran last. That layer is
    the head if its output is the network's and its input the embeddings.
    """
    modules = dict(net.named_modules())
    if layer is not None and layer not in modules:
        raise InputError(f"{who}: {suggest(layer, [name for name in modules if name], 'layer')}")
    ran: dict[str, tuple[Any, Any]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            ran.pop(name, None)  # so that the order is that of the last calls
            ran[name] = (_kept(given[0] if given else None), _kept(output))

        return hook

    kept = {name: m for name, m in modules.items() if isinstance(m, (nn.Linear, *DROPOUTS)) or name == layer}
    handles = [module.register_forward_hook(note(name)) for name, module in kept.items()]
    try:
        with evaluating(net):
            output = net(inputs)
    finally:
        for handle in handles:
            handle.remove()
    _check_output(output, len(inputs), n_classes, who)
    linear = [name for name in ran if isinstance(modules[name], nn.Linear)]
    last = linear[-1] if linear else None
    embeddings = ran[layer][1] if layer in ran else ran[last][0] if layer is None and last is not None else None
    if layer is not None and not isinstance(embeddings, torch.Tensor):
        raise InputError(f"{who}: the layer {layer!r} gives no tensor when the network runs; name another layer.")
    is_head = (
        last is not None
        and isinstance(embeddings, torch.Tensor)
        and torch.equal(ran[last][1], output)
        and torch.equal(ran[last][0], embeddings)
    )
    found = isinstance(embeddings, torch.Tensor)
    return Anatomy(
        layer=(layer or last) if found else None,
        is_input=layer is None,
        width=int(pooled(embeddings).shape[1]) if found else 0,
        head=last if is_head else None,
        dropouts=tuple(name for name in ran if isinstance(modules[name], DROPOUTS) and modules[name].p > 0),
        differentiable=_differentiable(net, inputs),
    )


def _differentiable(net: nn.Module, inputs: torch.Tensor) -> bool:
    """Whether a gradient of the logits reaches the input and some of the weights."""
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    with evaluating(net), torch.enable_grad():
        probe = inputs.detach().clone().requires_grad_()
        output = net(probe)
        if not output.requires_grad or not weights:
            return False
        found = torch.autograd.grad(output.sum(), [probe, *weights], allow_unused=True)
    return found[0] is not None and any(gradient is not None for gradient in found[1:])


def _kept(value: Any) -> Any:
    """A copy, as a later layer may work in place."""
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _check_output(output: Any, n: int, n_classes: int, who: str) -> None:
    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if shape != (n, n_classes):
        raise ModelError(
            f"The network of {who} must give logits of shape ({n}, {n_classes}) for {n} items and {n_classes} classes; "
            f"got {shape}. Let its factory take n_classes, num_classes or in_shape, or pass its own arguments."
        )
