"""How much of what two strategies picked is the same, round by round."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from claros.arrays import Floats, Indices
from claros.report.load import Run
from claros.report.tables import Table

__all__ = ["Overlap", "find_overlap"]


@dataclass(frozen=True)
class Overlap:
    """Shares of items that both arms had picked among those that either had, means over the seeds that both ran with.

    ``shares`` is (A, A, R), after each of ``rounds``; the start, which all arms of a seed share, is not counted.
    ``chance`` is what two random draws of as many items would share by the end, where the pool's size is known.
    """

    names: tuple[str, ...]
    rounds: tuple[int, ...]
    shares: Floats
    chance: float | None

    @property
    def final(self) -> Floats:
        """(A, A) after the last round that both arms had."""
        return np.array([[self._last(own) for own in row] for row in self.shares])

    @staticmethod
    def _last(shares: Floats) -> float:
        known = shares[np.isfinite(shares)]
        return float(known[-1]) if known.size else np.nan

    @property
    def order(self) -> list[int]:
        """Arms such that neighbours share much: from the pair that shares most, the nearest to either end in turn."""
        final = np.nan_to_num(self.final, nan=-1.0)
        left = set(range(len(self.names)))
        chain = [*max(itertools.combinations(sorted(left), 2), key=lambda pair: float(final[pair]))]
        left -= {*chain}
        while left:
            ends = [(float(final[end, arm]), -arm, at) for arm in left for at, end in ((0, chain[0]), (1, chain[-1]))]
            _, arm, at = max(ends)
            chain.insert(len(chain) * at, -arm)
            left.remove(-arm)
        return chain

    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of arms, those that share most by the end first."""
        final = np.nan_to_num(self.final, nan=-1.0)
        every = itertools.combinations(range(len(self.names)), 2)
        return sorted(every, key=lambda pair: -float(final[pair]))


def find_overlap(run: Run) -> Overlap | None:
    """The overlap of all arms but the upper bound; None with fewer than two, or where nothing but the start was picked.

    O(S A² N) for N items that were picked.
    """
    names, picks = run.strategies, run.picks
    last = int(picks["round"].max(initial=0))
    if len(names) < 2 or not last:
        return None
    picks = picks.keep(picks["round"] > 0)
    items, firsts = picks.ids("item")
    coded = Table({"strategy": picks["strategy"], "seed": picks["seed"], "round": picks["round"], "item": items})
    total, seen = (np.zeros((len(names), len(names), last)) for _ in range(2))
    for own in coded.by("seed").values():
        arms = {name: part for (name,), part in own.by("strategy").items() if name in names}
        rounds = {name: _first_rounds(part, len(firsts), last) for name, part in arms.items()}
        for (i, a), (j, b) in itertools.combinations(enumerate(names), 2):
            if a in arms and b in arms:
                shares = _jaccard(rounds[a], rounds[b], last)
                known = np.isfinite(shares)
                for pair in ((i, j), (j, i)):
                    total[pair] += np.where(known, shares, 0.0)
                    seen[pair] += known
    shares = np.divide(total, seen, out=np.full(total.shape, np.nan), where=seen > 0)
    shares[np.arange(len(names)), np.arange(len(names))] = 1.0
    return Overlap(tuple(names), tuple(range(1, last + 1)), shares, _chance(run.data, run, coded))


def _first_rounds(picked: Table, n_items: int, last: int) -> Indices:
    """(N,) the round in which each item was picked; ``last + 1`` if it never was."""
    rounds = np.full(n_items, last + 1, dtype=np.int64)
    np.minimum.at(rounds, picked["item"], picked["round"].astype(np.int64))
    return rounds


def _jaccard(a: Indices, b: Indices, last: int) -> Floats:
    """(R,) shares after rounds 1 to ``last``, NaN before either picked anything, or after either picked its last."""

    def until(rounds: Indices) -> Floats:
        return np.asarray(np.bincount(rounds, minlength=last + 2)[1 : last + 1].cumsum(), dtype=np.float64)

    both, either = until(np.maximum(a, b)), until(np.minimum(a, b))
    shares = np.divide(both, either, out=np.full(last, np.nan), where=either > 0)
    shares[min(a[a <= last].max(initial=0), b[b <= last].max(initial=0)) :] = np.nan
    return np.asarray(shares)


def _chance(data: Mapping[str, object], run: Run, coded: Table) -> float | None:
    n_pool = data.get("n_pool")
    if not isinstance(n_pool, int):
        return None
    duplicates = data.get("duplicates")
    start = run.picks.where(round=0.0)
    cells, per_seed = len(start.by("strategy", "seed")), len(coded.by("strategy", "seed"))
    free = n_pool - (duplicates if isinstance(duplicates, int) else 0) - len(start) / max(1, cells)
    drawn = len(coded) / max(1, per_seed)
    both = drawn**2 / free if free > 0 else drawn
    return min(1.0, both / (2 * drawn - both))
