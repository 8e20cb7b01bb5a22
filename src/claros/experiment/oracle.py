"""The simulated annotator: it answers with the pool's own labels, or with errors, and nothing else ever sees them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from claros.arrays import Indices
from claros.data.pool import Pool
from claros.errors import DataError, InputError
from claros.experiment.noise import Exact, Noise, Questions
from claros.rng import stream

__all__ = ["Oracle"]


class Oracle:
    """Answers for every item of a pool, by id; what it says depends on the seed and the item, and on nothing else.

    So the arms of a seed hear the same of the same item, in any order and after any resume. Raises a `DataError` if the
    pool does not say the class of every item, and what a kind of noise cannot do with the pool.
    """

    def __init__(self, pool: Pool, noise: Noise | None = None) -> None:
        labels = np.full(len(pool), -1) if pool.labels is None else pool.labels
        unknown = np.flatnonzero(labels < 0)
        if unknown.size:
            raise DataError(
                f"A run answers with the labels of the data, but {unknown.size} of {len(pool)} items have none, the "
                f"first is {pool.ids[unknown[0]]!r}; give labeled data (is --label-column right?), or label the pool "
                "yourself with claros label."
            )
        self._noise = noise if noise is not None else Exact()
        self._noise.check(pool)
        self._pool = pool
        self._labels = labels
        self._positions = {item: position for position, item in enumerate(pool.ids)}

    def answers(self, items: Iterable[str], seed: int) -> dict[str, str]:
        """The class that is told of each item."""
        asked = list(items)
        codes = self.codes(np.array([self._positions[item] for item in asked], dtype=np.int64), seed)
        return {item: self._pool.classes[code] for item, code in zip(asked, codes.tolist(), strict=True)}

    def codes(self, positions: Indices, seed: int) -> Indices:
        """(B,) codes of the classes that are told of the items at these positions; O(N + B·C) time."""
        pool = self._pool
        said = np.empty((len(pool), 0), dtype=np.int64) if pool.annotations is None else pool.annotations
        draws = stream(seed, "oracle").random((len(pool), 2))
        return self._noise.tell(
            Questions(self._labels[positions], len(pool.classes), draws[positions], said[positions])
        )

    def stratified(self, n: int, seed: int, among: Indices | None = None) -> list[str]:
        """``n`` ids with the pool's shares of true classes, each class with one at least where ``n`` allows.

        It reads labels that nobody has bought, which only an experiment can. What is left over after whole shares goes
        to the classes with the largest remainders, equal ones in random order. Exact duplicates count once. Drawn from
        the positions ``among``, or from all. O(N log N).
        """
        candidates = np.flatnonzero(self._pool.groups == np.arange(len(self._pool)))
        if among is not None:
            candidates = np.intersect1d(candidates, among)
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
