"""A small network by name, for runs whose model is code of its own."""

from __future__ import annotations

import torch


def small(in_features: int, n_classes: int) -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(in_features, 8), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, n_classes)
    )
