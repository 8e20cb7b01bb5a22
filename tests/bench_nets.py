"""Networks for tests of experiments, found by their path."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """Rows through one hidden layer."""

    kinds = ("rows",)

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, 8)
        self.head = nn.Linear(8, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.head(torch.relu(self.hidden(x)))
