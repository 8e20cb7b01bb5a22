"""The simulated annotator: it answers with the pool's own labels, which nothing else in a campaign ever sees."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from claros.arrays import Indices
from claros.data.pool import Pool
from claros.errors import DataError, InputError
from claros.rng import stream

__all__ = ["Oracle"]


class Oracle:
    """Knows every item's class by the item's id; a `DataError` if the pool does not say all of them."""

    def __init__(self, pool: Pool) -> None:
        labels = np.full(len(pool), -1) if pool.labels is None else pool.labels
        unknown = np.flatnonzero(labels < 0)
        if unknown.size:
            raise DataError(
                f"A run answers with the labels of the data, but {unknown.size} of {len(pool)} items have none, the "
                f"first is {pool.ids[unknown[0]]!r}; give labeled data (is --label-column right?), or label the pool "
                "yourself with claros label."
            )
        self._pool = pool
        self._labels = labels
        self._classes = {item: pool.classes[code] for item, code in zip(pool.ids, labels.tolist(), strict=True)}

    def answers(self, items: Iterable[str]) -> dict[str, str]:
        """The class of each item."""
        return {item: self._classes[item] for item in items}

    def stratified(self, n: int, seed: int) -> list[str]:
        """``n`` ids with the pool's shares of classes, each class with one at least where ``n`` allows.

        It reads labels that nobody has bought, which only an experiment can. What is left over after whole shares goes
        to the classes with the largest remainders, equal ones in random order. Exact duplicates count once. O(N log N).
        """
        candidates = np.flatnonzero(self._pool.groups == np.arange(len(self._pool)))
        rng = stream(seed, "stratified start")
        codes, counts = np.unique(self._labels[candidates], return_counts=True)
        if n > len(candidates):
            raise InputError(f"A start of {n} labels is more than the pool's {len(candidates)} different items.")
        wanted = _apportion(n, counts, rng)
        drawn = [
            rng.choice(candidates[self._labels[candidates] == code], size=size, replace=False)
            for code, size in zip(codes, wanted, strict=True)
        ]
        return [self._pool.ids[position] for position in rng.permutation(np.concatenate(drawn))]


def _apportion(n: int, counts: Indices, rng: np.random.Generator) -> Indices:
    """How many of each class: whole shares by largest remainder, after one for each if there are enough."""
    each = np.ones_like(counts) if n >= len(counts) else np.zeros_like(counts)
    spare = n - int(each.sum())
    room = counts - each
    share = spare * room / max(1, int(room.sum()))
    whole = np.floor(share).astype(np.int64)
    order = np.lexsort((rng.random(len(counts)), whole - share))
    whole[order[: spare - int(whole.sum())]] += 1
    return each + whole
