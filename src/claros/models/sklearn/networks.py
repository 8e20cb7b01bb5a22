"""What skorch's torch networks want beside what scikit-learn's estimators do: single precision, and torch's generator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

__all__ = ["casts", "quiet_torch"]


def casts(estimator: Any) -> list[FunctionTransformer]:
    """The step that brings items to float32, for an estimator of skorch's, whose weights are that; none for others."""
    ours = any(base.__module__.partition(".")[0] == "skorch" for base in type(estimator).__mro__)
    return [FunctionTransformer(_single)] if ours else []


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
