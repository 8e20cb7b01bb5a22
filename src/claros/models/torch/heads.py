"""Light heads over features or other rows: a linear layer, and one hidden layer; trained in a second or two."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from claros.models.torch.adapter import TorchModel

__all__ = ["LinearHead", "Perceptron", "linear", "perceptron"]

#: What trains such a head well on tens to thousands of rows; see docs/models.md.
QUICK = {"lr": 0.01, "epochs": 20, "min_steps": 300, "batch_size": 64}


class LinearHead(nn.Module):  # type: ignore[misc]
    """A linear layer over rows, after dropout if that is positive."""

    kinds = ("rows",)

    def __init__(self, in_features: int, n_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(in_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits; (B, F) -> (B, C)."""
        return self.head(self.dropout(x))


class Perceptron(nn.Module):  # type: ignore[misc]
    """One hidden layer of ``width`` units over rows, with dropout before and after it."""

    kinds = ("rows",)

    def __init__(self, in_features: int, n_classes: int, width: int = 128, dropout: float = 0.2) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(in_features, width)
        self.dropout_head = nn.Dropout(dropout)
        self.head = nn.Linear(width, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits; (B, F) -> (B, C)."""
        return self.head(self.dropout_head(torch.relu(self.hidden(self.dropout(x)))))


def linear(**parameters: Any) -> TorchModel:
    """A linear layer trained by torch, over standardised rows: features, or columns.

    Parameters are the options of `claros.models.torch.options.Options` and ``dropout`` (0; where it is positive, there
    are members). Like ``logistic``, but with mini-batches, on a GPU if there is one, from the last weights if ``warm``.
    """
    return TorchModel.named("linear", "claros.models.torch.heads:LinearHead", {**QUICK, **parameters})


def perceptron(**parameters: Any) -> TorchModel:
    """A network with one hidden layer trained by torch, over standardised rows; its dropout gives members.

    Parameters are the options of `claros.models.torch.options.Options`, ``width`` (128) and ``dropout`` (0.2).
    """
    given = {**QUICK, "lr": 0.003, **parameters}
    return TorchModel.named("perceptron", "claros.models.torch.heads:Perceptron", given)
