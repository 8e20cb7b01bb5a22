"""Members by Monte Carlo dropout for networks over sequences, whose lengths are those of what comes together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["sequence_member"]


@contextmanager
def sequence_member(dropouts: Sequence[nn.Module], seed: int, member: int) -> Iterator[None]:
    """The network as one sample of its dropout: the same units are dropped for every item and at every position.

    A layer's weights are the same at all positions, so dropping a unit everywhere is one network among those that
    dropout trains (Gal and Ghahramani 2016, arXiv:1512.05287); it also makes rows independent of padding and chunks.
    Departures: weights of attention, (B, heads, T, T), are not dropped. All modules, batch normalisation above all,
    stay in evaluation mode.
    """
    calls = [0] * len(dropouts)

    def hook(place: int, rate: float) -> Any:
        def apply(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            calls[place] += 1
            if given[0].ndim not in (2, 3):
                return output
            draws = np.random.default_rng([seed, member, place, calls[place]]).random(given[0].shape[-1])
            keep = (draws >= rate) / (1.0 - rate) if rate < 1 else np.zeros(len(draws))
            return given[0] * torch.as_tensor(keep, dtype=given[0].dtype, device=given[0].device)

        return apply

    with ExitStack() as hooks:
        for place, module in enumerate(dropouts):
            hooks.callback(module.register_forward_hook(hook(place, float(module.p))).remove)
        yield
