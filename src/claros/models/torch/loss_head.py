"""A small module beside a network that learns to predict the network's loss on each item.

Each of several layers of the network is averaged over its positions, brought to ``width`` units and rectified; all of
them together give one number. It is trained in the same loop, to put pairs of items of a batch in the order of their
losses. Yoo & Kweon 2019, arXiv:1905.03677.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from claros.errors import InputError, suggest
from claros.models.torch.anatomy import DROPOUTS, evaluating, pooled
from claros.models.torch.options import Options

__all__ = ["Features", "LossHead", "attach", "equipped", "loss_head", "predict", "ranking_loss", "watched"]

#: Where it hangs in a network, so that it is copied, saved and restored with it.
NAME = "claros_loss_head"
MOST_LAYERS = 4

Features = dict[str, torch.Tensor]


class LossHead(nn.Module):  # type: ignore[misc]
    """From vectors of the named layers, of these widths, to one number an item.

    A part of the network that nobody runs, or a ``Sequential`` after its last layer: so `forward` changes nothing.
    """

    def __init__(self, layers: Sequence[str], widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.branches = nn.ModuleList(nn.Linear(one, width) for one in widths)
        self.last = nn.Linear(width * len(widths), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same."""
        return x

    def predicted(self, features: Features) -> torch.Tensor:
        """The predicted losses, whose order alone means something; (B, D) of each layer -> (B,)."""
        parts = [
            F.relu(branch(features[name].float())) for name, branch in zip(self.layers, self.branches, strict=True)
        ]
        losses: torch.Tensor = self.last(torch.cat(parts, dim=1))[:, 0]
        return losses


def loss_head(net: nn.Module) -> LossHead | None:
    """The module that was attached to a network, if one was."""
    found = getattr(net, NAME, None)
    return found if isinstance(found, LossHead) else None


def equipped(net: nn.Module, in_shape: Sequence[int], options: Options, who: str) -> nn.Module:
    """The network for inputs of that shape, with the module where the options ask for it."""
    if options.learned_loss:
        attach(net, torch.zeros(2, *in_shape), options.learned_loss_layers, options.learned_loss_width, who)
    return net


def attach(net: nn.Module, inputs: torch.Tensor, layers: Sequence[str] | None, width: int, who: str) -> None:
    """Give a network the module, over the outputs of the named layers, or of those that `_chosen` chooses.

    The network is run on a few inputs to see which layers there are. Its weights are drawn from torch's generator,
    after those of the network.
    """
    ran, output = _outputs(net, inputs)
    if layers is None:
        chosen = _chosen(ran, output)
    else:
        for name in layers:
            if name not in ran:
                raise InputError(f"{who}: learned_loss_layers: {suggest(name, ran, 'layer that runs')}")
        chosen = list(layers)
    if not chosen:
        raise InputError(
            f"{who}: learned_loss needs a layer before the one that gives the logits; this network has none. "
            "Choose another network, or leave learned_loss out."
        )
    net.add_module(NAME, LossHead(chosen, [pooled(ran[name]).shape[1] for name in chosen], width))


def _outputs(net: nn.Module, inputs: torch.Tensor) -> tuple[Features, torch.Tensor]:
    """What each layer gave for the inputs, in the order of the last calls, and what the network gave."""
    ran: Features = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            ran.pop(name, None)
            if isinstance(output, torch.Tensor) and output.ndim >= 2 and len(output) == len(inputs):
                ran[name] = output.detach().clone()

        return hook

    layers = {name: one for name, one in net.named_modules() if name and not isinstance(one, DROPOUTS)}
    handles = [module.register_forward_hook(note(name)) for name, module in layers.items()]
    try:
        with evaluating(net):
            output = net(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return ran, output


def _chosen(ran: Features, output: torch.Tensor) -> list[str]:
    """The last layer of each width and resolution, the last four of them; what gives the logits does not count.

    Of a residual network these are its four stages.
    """
    inner = {name: value for name, value in ran.items() if not torch.equal(value, output)}
    last: dict[tuple[int, ...], str] = {}
    for name, value in inner.items():
        last.pop(tuple(value.shape[1:]), None)
        last[tuple(value.shape[1:])] = name
    return [*last.values()][-MOST_LAYERS:]


@contextmanager
def watched(net: nn.Module) -> Iterator[Features]:
    """A mapping that gets what the module looks at, one vector an item, of the latest run of the network.

    It stays empty for a network without the module.
    """
    features: Features = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...], output: torch.Tensor) -> None:
            features[name] = pooled(output).clone()  # a later layer may work in place

        return hook

    head = loss_head(net)
    handles = [net.get_submodule(name).register_forward_hook(note(name)) for name in (head.layers if head else ())]
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()


def ranking_loss(predicted: torch.Tensor, losses: torch.Tensor, margin: float) -> torch.Tensor:
    """How far pairs are from the order of their losses, at least 0; (B,), (B,) -> scalar.

    The first half of a batch is paired with the second, in order, and an item that is left over with nobody. The item
    with the larger loss should be predicted larger by the ``margin``: the mean of max(0, margin - difference), as the
    authors'. No gradient goes through ``losses``. 0 for fewer than two items.
    """
    half = len(predicted) // 2
    if not half:
        return predicted.sum() * 0.0
    apart = predicted[:half] - predicted[half : 2 * half]
    real = losses[:half] - losses[half : 2 * half]
    sign = torch.where(real.detach() > 0, 1.0, -1.0)
    return (margin - sign * apart).clamp(min=0.0).mean()


def predict(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """The losses that the network's module predicts; (B, ...) -> (B,)."""
    head = loss_head(net)
    if head is None:
        raise InputError("This network has no module that predicts its loss; train it with learned_loss=True.")
    with watched(net) as features:
        net(inputs)
    return head.predicted(features)
