"""Small labeled pools of every kind, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.data import Pool, arrays

__all__ = ["small_pool"]


def small_pool(kind: str = "rows", n: int = 48, seed: int = 0) -> Pool:
    """Items of three classes that are easy to tell apart: rows, images of 16 x 16 pixels, or texts."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3)
    contents: Any
    if kind == "rows":
        contents = 4.0 * np.eye(3, 5)[labels] + rng.normal(size=(n, 5))
    elif kind == "images":
        contents = rng.integers(0, 100, (n, 16, 16)).astype(np.uint8)
        for item, label in enumerate(labels):
            contents[item, 5 * label : 5 * label + 5] += 150
    else:
        words = ("finch wren robin thrush", "oak elm birch ash", "granite slate chalk flint")
        common = ["the", "of", "and", "in", "a", "with", "some", "more"]
        contents = [" ".join([*rng.choice(words[label].split(), 4), *rng.choice(common, 4)]) for label in labels]
    ids = [f"item-{number}" for number in rng.permutation(n)]
    return arrays(contents, labels, ids=ids, classes=("bird", "tree", "stone"))
