"""Made-up inputs of every kind in the vocabulary, valid ones and damaged ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.inputs import NEEDS
from claros.measures.graph import radius_graph

__all__ = ["SIZES", "alike", "by_candidate", "cast", "damaged", "example_inputs"]

#: Lengths of the axes of made-up inputs.
SIZES: Mapping[str, int] = {
    "N": 60,
    "L": 12,
    "M": 15,
    "T": 20,
    "B": 5,
    "C": 4,
    "S": 5,
    "D": 6,
    "F": 6,
    "K": 3,
    "Q": 4,
    "P": 4,
    "A": 3,
    "W": 5,
}


def example_inputs(needs: Collection[str], sizes: Mapping[str, int] | None = None, seed: int = 0) -> dict[str, Any]:
    """Random valid inputs by their names in `claros.inputs.NEEDS`, in float64; ``sizes`` overrides `SIZES` by axis.

    >>> example_inputs(["probs", "embeddings"], {"N": 100})["probs"].shape
    (100, 4)
    """
    lengths = {**SIZES, **(sizes or {})}
    rng = np.random.default_rng(seed)
    return {name: _made_up(name, lengths, rng) for name in needs}


def _made_up(name: str, lengths: Mapping[str, int], rng: np.random.Generator) -> Any:
    need = NEEDS[name]
    shape = tuple(lengths[axis] for axis in need.axes)
    if need.kind == "probabilities":
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1]) if shape[:-1] else rng.dirichlet(np.ones(shape[-1]))
    if need.kind == "unit":
        return rng.random(shape)
    if need.kind == "graph":
        return radius_graph(rng.normal(size=(*shape, 2)), 0.5)
    if need.kind == "votes":
        return rng.integers(-1, lengths["C"], shape)
    if need.kind == "tokens":
        lasts = rng.integers(1, shape[1] + 1, shape[0])
        there = np.arange(shape[1])[None, :, None] < lasts[:, None, None]
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1]) * there
    if need.kind in {"codes", "flags"}:
        return rng.integers(0, lengths["C"] if need.kind == "codes" else 2, shape)
    if need.kind in {"count", "amount", "number"}:
        return int(rng.integers(1, 50))
    values: Floats = rng.normal(size=shape)
    return values if need.kind == "real" else np.abs(values) + 0.01


def by_candidate(name: str) -> bool:
    """Whether the input has a row for each candidate."""
    return NEEDS[name].axes[:1] == ("N",)


def alike(name: str, value: Any) -> Any:
    """The same row for every candidate."""
    if NEEDS[name].kind == "graph":
        return radius_graph(np.arange(float(value.n))[:, None], 0.5)  # nobody is near anybody
    return np.repeat(value[:1], len(value), axis=0) if by_candidate(name) else value


def cast(value: Any, dtype: type) -> Any:
    """The same numbers in another precision; codes and plain numbers as they are."""
    return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def damaged(name: str) -> Iterator[Any]:
    """Valid inputs of that name but for one value, each of another kind of wrong."""
    need = NEEDS[name]
    if need.kind == "graph":
        yield np.eye(SIZES["N"])
        return
    good = example_inputs([name])[name]
    outside = (math.nan, math.inf, -0.5, 3.0)
    whole = {"codes": (-1.0,), "flags": (-1.0, 2.0), "votes": (-2.0,)}
    wrong = {**whole, "tokens": outside, "probabilities": outside, "unit": outside}.get(need.kind, (math.nan, math.inf))
    for value in wrong:
        if need.axes:
            array = np.array(good, dtype=np.float64)
            array.reshape(-1)[-1] = value
            yield array
        else:
            yield value
