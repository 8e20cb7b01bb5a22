"""What was picked, counted by round and class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claros.arrays import Floats
from claros.report.load import Run

__all__ = ["Picks", "count_picks"]


@dataclass(frozen=True)
class Picks:
    """One strategy's picks: rounds, and counts (R, C) per round and class, means over seeds."""

    strategy: str
    rounds: list[int]
    counts: Floats

    @property
    def chosen(self) -> Floats:
        """(C,) counts of what the strategy chose: all rounds but the start, or the start if that is all there is."""
        later = [i for i, number in enumerate(self.rounds) if number > 0]
        return np.asarray(self.counts[later or slice(None)].sum(axis=0))

    @property
    def shares(self) -> Floats:
        """(C,) shares of the classes in what was chosen."""
        total = self.chosen.sum()
        return np.asarray(self.chosen / total) if total else self.chosen


def count_picks(run: Run, strategy: str) -> Picks:
    """Picks of a strategy, by round and class, a mean over seeds; O(picks)."""
    table = run.picks.where(strategy=strategy)
    code = {name: i for i, name in enumerate(run.classes)}
    classes = np.array([code.get(name, -1) for name in table["class"]], dtype=np.int64)
    rounds, places = np.unique(table["round"], return_inverse=True)
    counts = np.zeros((rounds.size, len(run.classes)))
    known = classes >= 0
    np.add.at(counts, (places[known], classes[known]), 1)
    seeds = max(1, len(set(table["seed"].tolist())))
    return Picks(strategy, [int(number) for number in rounds], counts / seeds)
