"""Trains and asks a network in one of several processes; what each ends with goes into a file of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from factories import NoHead, Perceptron, network

from claros.models import TorchModel
from claros.testing.pools import small_pool

FACTORIES = {"perceptron": Perceptron, "network": network, "unused": NoHead}


def work(out: Path, factory: str, n: int) -> None:
    pool = small_pool(n=n)
    model = TorchModel(FACTORIES[factory], accelerate=True, **OPTIONS)
    model.fit(pool.subset(range(2 * n // 3)), pool.labels[: 2 * n // 3], rng=np.random.default_rng(0))  # type: ignore[index]
    names = sorted({"probs", "logits", "embeddings", "head_weights", "head_bias"} & model.provides)
    losses = np.array([[entry["loss"], entry["val_loss"] or 0.0, entry["accuracy"]] for entry in model.history])
    np.savez(out / f"{factory}-{os.environ.get('RANK', '0')}.npz", losses=losses, **model.outputs(pool, names))


OPTIONS = {
    "epochs": 3,
    "min_steps": 0,
    "batch_size": 9,
    "lr": 0.05,
    "optimizer": "SGD",
    "validation": 0.2,
    "device": "cpu",
    "chunk": 5,
}

if __name__ == "__main__":
    for one in FACTORIES:
        work(Path(sys.argv[1]), one, int(sys.argv[2]))
