"""The highest scores of items that are scored block by block, and never all held."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices, map_spans, row_blocks
from claros.pick.picked import Picked
from claros.pick.ranking import highest

__all__ = ["top_k_streamed"]

#: The order of so many positions is written out, in 1 MiB.
WRITTEN = 1 << 17


def top_k_streamed(score_rows: Callable[[slice, float], Floats], n: int, k: int, rng: np.random.Generator) -> Picked:
    """The k highest of n finite scores, in order, where ``score_rows`` gives those of a slice of rows.

    What is below the k-th highest so far is forgotten at once; ``score_rows`` is told that score, and may say minus
    infinity instead of any that is below it. Exact ties are broken by an order of all positions that is never written
    out where there are more than `WRITTEN`: a mixing of each position's bits with one number drawn from ``rng``. So the
    picks do not depend on the blocks, nor on the threads, of which there are as many as BLAS may use; and they are
    those of `top_k` where there are no ties, or no more than `WRITTEN` items.
    O(n + k log n) time where the scores come in no particular order, O(k) memory and that of a block.
    """
    places = _order(n, rng)

    def best(span: slice) -> tuple[Indices, Floats]:
        positions, scores = np.empty(0, dtype=np.int64), np.empty(0)
        threshold = -np.inf
        for rows in row_blocks(span.stop, 16, first=span.start):
            block = score_rows(rows, threshold)
            found = np.flatnonzero(block >= threshold)
            positions = np.concatenate([positions, found + rows.start])
            scores = np.concatenate([scores, block[found]])
            if len(scores) >= 2 * k:
                kept = _highest(positions, scores, k, places)
                positions, scores = positions[kept], scores[kept]
                threshold = float(scores.min())
        return positions, scores

    positions, scores = (np.concatenate(parts) for parts in zip(*map_spans(best, n, 16), strict=True))
    kept = _highest(positions, scores, k, places)
    positions, scores = positions[kept], scores[kept]
    ranked = np.lexsort((places(positions), -scores))
    return Picked(positions[ranked], scores[ranked])


def _order(n: int, rng: np.random.Generator) -> Callable[[Indices], npt.NDArray[Any]]:
    """Positions to their places in the order that breaks ties."""
    if n <= WRITTEN:
        return rng.permutation(n).__getitem__
    return partial(_mixed, salt=rng.integers(1 << 64, dtype=np.uint64, size=1))


def _highest(positions: Indices, scores: Floats, k: int, places: Callable[[Indices], npt.NDArray[Any]]) -> Indices:
    return highest(scores, k, lambda tied: places(positions[tied]))


def _mixed(positions: Indices, salt: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Each position's place in the order: SplitMix64 (Steele, Lea & Flood 2014), a bijection of 64-bit numbers."""
    mixed = positions.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + salt
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
