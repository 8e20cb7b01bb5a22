"""A model for tests that kill: the class whose mean is nearest, and a nap for every part of a pool that it is asked of.

Every call of ``outputs`` adds a line to the file that ``SLOW_LOG`` names: the first and last id, and how many items.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np


class Slow:
    """Restorable, and asked about 20 items at a time."""

    provides = frozenset(("probs", "embeddings"))
    warm = False
    pass_items = 20

    def __init__(self, nap: float = 0.0, restorable: bool = True) -> None:
        self.nap = nap
        self.restorable = restorable
        self.means = np.empty((0, 0))
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None

    def provides_for(self, items: Any) -> frozenset[str]:
        return self.provides

    def fit(self, items: Any, labels: Any, *, n_classes: int | None = None, weights: Any = None, rng: Any) -> None:
        self._note("fit", items)
        rows = np.asarray(items.take(np.arange(len(items))), dtype=np.float64)
        classes = range(n_classes or 1)
        means = [rows[labels == code].mean(axis=0) if (labels == code).any() else rows.mean(axis=0) for code in classes]
        self.means = np.array(means) + rng.normal(0, 1e-3, (len(means), rows.shape[1]))

    def outputs(self, items: Any, names: Collection[str]) -> dict[str, Any]:
        time.sleep(self.nap)
        rows = np.asarray(items.take(np.arange(len(items))), dtype=np.float64)
        closeness = np.exp(-((rows[:, None] - self.means) ** 2).sum(axis=2))
        found = {"probs": closeness / closeness.sum(axis=1, keepdims=True), "embeddings": rows.astype(np.float32)}
        self._note("outputs", items)
        return {name: found[name] for name in names}

    def _note(self, what: str, items: Any) -> None:
        if "SLOW_LOG" in os.environ:
            with open(os.environ["SLOW_LOG"], "a") as log:
                log.write(f"{what} {items.ids[0]} {items.ids[-1]} {len(items)}\n")

    def spec(self) -> dict[str, Any]:
        return {"name": "slow_model:Slow", "parameters": {"nap": self.nap, "restorable": self.restorable}}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "means.json").write_text(json.dumps(self.means.tolist()))

    def load(self, folder: Path) -> None:
        self.means = np.array(json.loads((folder / "means.json").read_text()))
