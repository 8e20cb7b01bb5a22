"""A pool of a million items: picks, and a ceiling on what they take beside the inputs."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import claros

N = 1_000_000


@pytest.fixture(scope="module")
def inputs() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    raw = rng.random((N, 5), dtype=np.float32)
    return {
        "probs": raw / raw.sum(axis=1, keepdims=True),
        "logits": raw,
        "label_probs": raw,
        "label_sets": rng.integers(2, size=(30, 5)),
        "label_cardinality": 2.0,
        "cost_matrix": rng.random((5, 5)),
        "member_probs": np.broadcast_to(raw[:, None, :1] * 0 + 0.25, (N, 2, 4)),
        "embeddings": rng.random((N, 4), dtype=np.float32),
        "features": rng.random((N, 4), dtype=np.float32),
        "labeled_embeddings": rng.random((30, 4), dtype=np.float32),
        "labeled_probs": rng.dirichlet(np.ones(5), 30),
        "labels": rng.integers(5, size=30),
        "head_weights": rng.normal(size=(5, 4)),
    }


#: What is slow at a million items, with less of what makes it slow.
LIGHTER: dict[str, dict[str, Any]] = {"kmeans": {"iterations": 2}, "epig": {"targets": 20}}
#: What takes long whatever is made less.
LONG = {"cluster_margin"}


#: Families that are meant for any pool; the others say up to which size, and what to use beyond it.
ANY_SIZE = {
    *("baseline", "auto", "uncertainty", "multilabel", "bayesian", "committee", "herding", "coverage", "typical"),
    *("neighbours", "clustered", "hybrid", "bait", "mixing", "weighted"),
}
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
    for name in claros.strategies.names()
    if claros.strategies.get(name).function.__module__.rpartition(".")[2] in ANY_SIZE
]


@pytest.mark.parametrize("name", NAMES)
def test_a_million_items_take_a_few_numbers_each(name: str, inputs: dict[str, Any]) -> None:
    strategy = claros.strategies.get(name, **LIGHTER.get(name, {}))
    given = {need: inputs[need] for need in strategy.needs}
    tracemalloc.start()
    try:
        picked = claros.select(strategy, 20, n=N, **given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(set(picked.indices.tolist())) == 20
    assert peak < 128 * 2**20, f"{name}: {peak / N:.0f} bytes an item"
