"""When each stopping rule would have stopped each strategy, and what that would have saved or cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats
from claros.report.format import count, join
from claros.report.load import Run

__all__ = ["Stops", "find_stops", "median_stops", "runs_of"]

#: Strategies that a sentence can name.
_SAID = 3


@dataclass(frozen=True)
class Stops:
    """One rule on one strategy; arrays have a value per seed.

    Where the rule never stopped, ``stopped`` is false and the seed counts as labeled to its end. ``end`` is the seed's
    last round, ``best`` its most accurate one.
    """

    strategy: str
    rule: str
    n_seeds: int
    stopped: npt.NDArray[np.bool_]
    labels: Floats
    accuracy: Floats
    end_labels: Floats
    end_accuracy: Floats
    best_accuracy: Floats

    @property
    def n_stopped(self) -> int:
        """Seeds in which the rule stopped."""
        return int(self.stopped.sum())

    @property
    def n_never(self) -> int:
        """Seeds in which it never stopped."""
        return self.n_seeds - self.n_stopped

    @property
    def median(self) -> float | None:
        """Labels at the stop, median over all seeds; ``None`` where most seeds never stopped."""
        middle = float(np.median(np.where(self.stopped, self.labels, np.inf))) if self.n_stopped else np.inf
        return middle if np.isfinite(middle) else None

    @property
    def where(self) -> str:
        """Labels at the median stop in words, else in how many seeds it stopped."""
        if self.median is not None:
            return f"at {count(round(self.median))} labels"
        return f"in {self.n_stopped} of {self.n_seeds} seeds" if self.n_stopped else "never"

    @property
    def saved(self) -> float:
        """Labels between the stop and the end of the run, median over all seeds; 0 where it never stopped."""
        return float(np.median(self.end_labels - self.labels))

    @property
    def against_end(self) -> float:
        """Mean accuracy at the stop less that at the end."""
        return float((self.accuracy - self.end_accuracy).mean())

    @property
    def against_best(self) -> float:
        """Mean accuracy at the stop less the best of the run."""
        return float((self.accuracy - self.best_accuracy).mean())


def median_stops(run: Run, rule: str) -> str:
    """Where a rule stopped every strategy but the control, in words: those that stopped alike together."""
    names: dict[str, list[str]] = {}
    for name in run.queried or run.strategies:
        names.setdefault(find_stops(run, name, rule).where, []).append(name)
    return "; ".join(f"{join(some)} {where}" for where, some in names.items())


def runs_of(names: Sequence[str], control: str | None) -> str:
    """Whose runs are counted, after the word runs: those of the control are not; empty where there is none."""
    if control is None or not names:
        return ""
    return f" of {join(names)}" if len(names) <= _SAID else f" ({control} not counted)"


def find_stops(run: Run, strategy: str, rule: str) -> Stops:
    """The first stop of the rule in every seed; a round without a measured accuracy is left out of the comparison."""
    return run.once(("stops", strategy, rule), lambda: _find_stops(run, strategy, rule))


def _find_stops(run: Run, strategy: str, rule: str) -> Stops:
    watched = run.rules.where(strategy=strategy, rule=rule)
    results = run.results.where(strategy=strategy)
    seeds = sorted(set(results["seed"].tolist()))
    rows: list[tuple[float, ...]] = []
    for seed in seeds:
        own, measured = watched.where(seed=seed), results.where(seed=seed)
        rounds = own["round"][own["stop"]]
        last = np.argmax(measured["round"])
        here = measured["round"] == (rounds.min() if rounds.size else measured["round"][last])
        accuracy = measured["accuracy"]
        if here.any():
            at = int(np.flatnonzero(here)[0])
            labels = measured["n_labeled"]
            best = float(np.nanmax(accuracy))
            rows.append((bool(rounds.size), labels[at], accuracy[at], labels[last], accuracy[last], best))
    stopped, *columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return Stops(strategy, rule, len(seeds), stopped.astype(bool), *columns)
