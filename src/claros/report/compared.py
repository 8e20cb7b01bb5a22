"""Every strategy against the control: the statistics are those of `claros.experiment.compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claros.arrays import Floats
from claros.errors import InputError
from claros.experiment.compare import Comparison, area, compare, labels_to_reach
from claros.report.format import capital
from claros.report.load import Run
from claros.report.means import mean_interval
from claros.rng import stream

__all__ = ["Compared", "areas", "compare_all", "reach", "target"]

#: Share of the control's gain that strategies are timed on, as in `claros.experiment.compare`.
_GAIN = 0.9


@dataclass(frozen=True)
class Compared:
    """A strategy, what the statistics say of it, and the same as a sentence; ``comparison`` is None without them."""

    name: str
    comparison: Comparison | None
    sentence: str


def compare_all(run: Run) -> list[Compared]:
    """Accuracy of every strategy against the control, paired by seed."""
    if run.control is None:
        return []
    return [_against(run, name, run.control) for name in run.queried]


def _against(run: Run, name: str, control: str) -> Compared:
    seeds = [seed for seed in run.seeds_of(name) if seed in run.seeds_of(control)]
    pairs = [(_points(run, name, seed), _points(run, control, seed)) for seed in seeds]
    pairs = [(arm, base) for arm, base in pairs if arm[0].size and base[0].size]
    if not pairs:
        said = f"{name} and {control} have no seed in common, so they cannot be compared."
        return Compared(name, None, capital(said))
    curves, controls = [list(side) for side in zip(*pairs, strict=True)]
    try:
        found = compare(name, control, curves, controls, rng=stream(0, "report", 0))
    except InputError:  # one round only, or arms that never had the same number of labels
        said = f"{name} and {control} have no range of labels in common, so they cannot be compared."
        return Compared(name, None, capital(said))
    return Compared(name, found, str(found))


def _points(run: Run, strategy: str, seed: int) -> tuple[Floats, Floats]:
    """One seed's learning curve: rounds with a measured accuracy, labels strictly increasing."""
    own = run.results.where(strategy=strategy, seed=seed)
    measured = np.isfinite(own["accuracy"])
    labels, first = np.unique(own["n_labeled"][measured], return_index=True)
    return labels, own["accuracy"][measured][first]


def areas(run: Run, strategy: str) -> Floats:
    """(S,) mean level of every seed's accuracy over its curve."""
    curves: Sequence[tuple[Floats, Floats]] = [_points(run, strategy, seed) for seed in run.seeds_of(strategy)]
    return np.array([area(*curve) for curve in curves if curve[0].size])


def target(run: Run) -> float | None:
    """The accuracy at which the control (without one: the first strategy) has made nine tenths of its gain."""
    shared = run.curve(run.control or run.strategies[0], "accuracy").shared
    if shared.labels.size < 2:
        return None
    mean, _, _ = mean_interval(shared.values)
    gain = float(mean[-1] - mean[0])
    return float(mean[0]) + _GAIN * gain if gain > 0 else None


def reach(run: Run, strategy: str, level: float) -> float | None:
    """Labels with which the mean curve of a strategy first is at a level."""
    shared = run.curve(strategy, "accuracy").shared
    if not shared.labels.size:
        return None
    return labels_to_reach(shared.labels, mean_interval(shared.values)[0], level)
