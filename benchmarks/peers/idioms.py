"""What research code does in a few lines, written as it does it: whole arrays, a sort, autograd in a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]

#: Items whose gradients the loop takes; it stands for the whole pool.
LOOP = 2000


def entropy_torch(arrays: Arrays, settings: Settings) -> Call:
    """Logarithms of the whole array, and a sort of all scores."""
    import torch

    probs = torch.from_numpy(arrays["probs"])
    return lambda: (probs * torch.log(probs)).sum(1).sort()[1][: settings["k"]].numpy()


def margin_torch(arrays: Arrays, settings: Settings) -> Call:
    """Every row sorted, and then all scores."""
    import torch

    probs = torch.from_numpy(arrays["probs"])

    def go() -> np.ndarray:
        ordered = probs.sort(descending=True)[0]
        return (ordered[:, 0] - ordered[:, 1]).sort()[1][: settings["k"]].numpy()

    return go


def bald_torch(arrays: Arrays, settings: Settings) -> Call:
    """Members first: entropy of the mean less the mean of the entropies, over whole arrays."""
    import torch

    members = torch.from_numpy(np.ascontiguousarray(np.swapaxes(arrays["member_probs"], 0, 1)))

    def go() -> np.ndarray:
        mean = members.mean(0)
        of_mean = (-mean * torch.log(mean)).sum(1)
        of_members = (-members * torch.log(members)).sum(2).mean(0)
        return (of_members - of_mean).sort()[1][: settings["k"]].numpy()

    return go


def entropy_numpy(arrays: Arrays, settings: Settings) -> Call:
    """One expression over the whole array, and a sort of all scores."""
    probs = arrays["probs"]
    return lambda: np.argsort(np.sum(probs * np.log(probs), axis=1))[: settings["k"]]


def egl_loop(arrays: Arrays, settings: Settings) -> tuple[Call, float]:
    """The gradient of each item's loss for each class it may have, by autograd, item by item."""
    import torch

    points, probs = torch.from_numpy(arrays["embeddings"][:LOOP]), torch.from_numpy(arrays["probs"][:LOOP])
    weights = torch.zeros(probs.shape[1], points.shape[1], requires_grad=True)

    def expected_length(point: torch.Tensor, p: torch.Tensor) -> float:
        total = 0.0
        for label, chance in enumerate(p.tolist()):
            loss = -torch.log_softmax(weights @ point + torch.log(p), dim=0)[label]
            total += chance * float(torch.linalg.vector_norm(torch.autograd.grad(loss, weights)[0]))
        return total

    def go() -> list[int]:
        for point, p in zip(points, probs, strict=True):
            expected_length(point, p)
        return []

    return go, len(arrays["probs"]) / len(points)


ROUTINES = {
    "entropy_torch": entropy_torch,
    "margin_torch": margin_torch,
    "bald_torch": bald_torch,
    "entropy_numpy": entropy_numpy,
    "egl_loop": egl_loop,
}
