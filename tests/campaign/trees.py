"""A small pool with planted duplicates, and an annotator who knows the truth."""

from __future__ import annotations

import numpy as np

from claros import data
from claros.campaign import Campaign
from claros.data.pool import Pool

CLASSES = ("ash", "birch", "cedar")


def blobs(n: int = 120, seed: int = 0) -> Pool:
    """Three overlapping clouds; the last two items repeat the first two exactly."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 4)) + 2.0 * np.eye(3, 4)[codes]
    x[-2:], codes[-2:] = x[:2], codes[:2]
    return data.arrays(x, codes, ids=[f"tree-{i:03d}" for i in range(n)], classes=list(CLASSES))


def answer(campaign: Campaign, n: int | None = None, annotator: str = "") -> list[str]:
    """Ask for a batch and answer it with the truth; the ids asked."""
    queries = campaign.ask(n, annotator=annotator)
    truth = campaign.pool.labels
    assert truth is not None
    campaign.tell_many({query.item: int(truth[query.position]) for query in queries}, annotator=annotator)
    return [query.item for query in queries]


def __getattr__(name: str) -> type:
    """``trees:Net``, a small network, made when it is asked for: not every test of campaigns should import torch."""
    if name != "Net":
        raise AttributeError(name)
    import torch

    class Net(torch.nn.Sequential):
        def __init__(self, in_features: int, n_classes: int, width: int) -> None:
            super().__init__(torch.nn.Linear(in_features, width), torch.nn.ReLU(), torch.nn.Linear(width, n_classes))

    return Net
