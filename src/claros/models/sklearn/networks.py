"""What skorch's networks want beside what scikit-learn's estimators do: float32, torch's generator, columns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from claros.arrays import Indices

__all__ = ["casts", "of_seen", "quiet_torch"]


def casts(estimator: Any) -> list[FunctionTransformer]:
    """The step that brings items to float32, for an estimator of skorch's, whose weights are that; none for others."""
    ours = any(base.__module__.partition(".")[0] == "skorch" for base in type(estimator).__mro__)
    return [FunctionTransformer(_single)] if ours else []


def of_seen(probs: Any, seen: Indices) -> Any:
    """The columns of the classes seen, summing to 1, where a network has outputs for others as well; (B, K)."""
    if probs.shape[1] == len(seen):
        return probs
    kept = probs[:, seen]
    return kept / np.maximum(kept.sum(axis=1, keepdims=True), np.finfo(kept.dtype).tiny)


def _single(values: Any) -> Any:
    return np.asarray(values, dtype=np.float32)


@contextmanager
def quiet_torch(rng: np.random.Generator | None = None) -> Iterator[None]:
    """Inside, torch's generators start from a number drawn from ``rng``, or 0; afterwards they are as they were.

    Does nothing where torch was not imported, and so no estimator can be drawing from it.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    seed = 0 if rng is None else int(rng.integers(2**63 - 1))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
