"""Lengths of the gradients that single items would cause in all of a network's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

__all__ = ["expected_gradient_norm"]

#: Gradients of several items are held at once, of about so many bytes.
HELD_BYTES = 1 << 28

Weights = dict[str, torch.Tensor]
#: Length of the gradient (B,) that label ``code`` would cause for each of the items (B, ...).
Norms = Callable[[torch.Tensor, int], torch.Tensor]


def expected_gradient_norm(net: nn.Module, inputs: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Length of the cross-entropy's gradient by all weights, expected over the predicted labels; (B, ...) -> (B,).

    The sum over the classes ``seen`` of p_c · |∇ -log p_c|, each item by itself. The network is to be in evaluation
    mode; weights that do not require gradients do not count.

    Cost: as many backward passes an item as classes were seen; several items at a time where the network allows it
    (``torch.func.vmap``), else one by one. Memory of the gradients of at most 256 MiB, or of one item.

    Reference: Settles, Craven & Ray 2007, NeurIPS.
    """
    with torch.no_grad():
        probs = net(inputs).float()[:, seen].softmax(dim=1)
    if probs.shape[1] == 1 or not len(inputs):
        return torch.zeros(len(inputs), device=inputs.device)
    norms = _norms(net, inputs, seen)
    return sum((probs[:, code] * norms(inputs, code) for code in range(probs.shape[1])), torch.zeros_like(probs[:, 0]))


def _norms(net: nn.Module, inputs: torch.Tensor, seen: torch.Tensor) -> Norms:
    """Many items at once, or one after the other for a network that cannot be mapped over items."""
    weights = {name: value.detach() for name, value in net.named_parameters() if value.requires_grad}
    rest = {name: value.detach() for name, value in [*net.named_parameters(), *net.named_buffers()]}

    def loss(trained: Weights, item: torch.Tensor, code: int) -> torch.Tensor:
        logits = functional_call(net, {**rest, **trained}, (item[None],)).float()[0, seen]
        return -logits.log_softmax(dim=0)[code]

    def one(item: torch.Tensor, code: int) -> torch.Tensor:
        return _length(grad(loss)(weights, item, code))

    bytes_each = sum(value.nelement() * value.element_size() for value in weights.values())
    mapped: Norms = vmap(one, in_dims=(0, None), chunk_size=max(1, HELD_BYTES // max(1, bytes_each)))
    return mapped if _can_be_mapped(mapped, inputs) else lambda items, code: torch.stack([one(x, code) for x in items])


def _can_be_mapped(mapped: Any, inputs: torch.Tensor) -> bool:
    """Try it on one item: branches that depend on values, and some operations, cannot be."""
    try:
        mapped(inputs[:1], 0)
    except RuntimeError:
        return False
    return True


def _length(gradients: Weights) -> torch.Tensor:
    return torch.stack([value.float().square().sum() for value in gradients.values()]).sum().sqrt()
