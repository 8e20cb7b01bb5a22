"""Every strategy against the control: the statistics are those of `claros.experiment.compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claros.arrays import Floats
from claros.errors import InputError
from claros.experiment.compare import GAIN, Comparison, Savings, area, compare, correct, labels_to_reach, savings
from claros.experiment.curves import Curve
from claros.report.format import capital, count
from claros.report.load import Run
from claros.report.means import mean_interval
from claros.rng import stream

__all__ = ["Compared", "areas", "compare_all", "corrected_for", "learning_curve", "reach", "saved", "target"]


@dataclass(frozen=True)
class Compared:
    """A strategy, what the statistics say of it, and the same as a sentence; ``comparison`` is None without them."""

    name: str
    comparison: Comparison | None
    sentence: str


def compare_all(run: Run) -> list[Compared]:
    """Accuracy of every strategy against the control, paired by seed, corrected for their number (Holm)."""
    if run.control is None:
        return []
    raw = [_against(run, name, run.control) for name in run.queried]
    corrected = iter(correct([one for one in raw if isinstance(one, Comparison)]))
    found = []
    for name, one in zip(run.queried, raw, strict=True):
        if isinstance(one, str):
            found.append(Compared(name, None, capital(one)))
        else:
            comparison = next(corrected)
            found.append(Compared(name, comparison, str(comparison)))
    return found


def corrected_for(compared: Sequence[Compared]) -> int:
    """The number of comparisons that each of these is corrected for."""
    return max((one.comparison.corrected for one in compared if one.comparison is not None), default=0)


def _against(run: Run, name: str, control: str) -> Comparison | str:
    """The comparison as it is by itself, or why there is none."""
    pairs = _pairs(run, name, control)
    if not pairs:
        return f"{name} and {control} have no seed in common, so they cannot be compared."
    curves, controls = [list(side) for side in zip(*pairs, strict=True)]
    try:
        return compare(name, control, curves, controls, rng=stream(0, "report", 0))
    except InputError:  # one round only, or arms that never had the same number of labels
        start = max(float(curve.n_labeled[0]) for curve in (*curves, *controls))
        if start == min(float(curve.n_labeled[-1]) for curve in (*curves, *controls)):
            share = f"share one count of labels only ({count(start)})"
            return f"{name} and {control} {share}: there are no curves to compare."
        return f"{name} and {control} have no range of labels in common, so they cannot be compared."


def saved(run: Run, name: str) -> Savings | None:
    """Labels that a strategy saves against the control, better or not; None where too little is there to say."""
    pairs = _pairs(run, name, run.control) if run.control is not None else []
    if len(pairs) < 2:
        return None
    curves, controls = [list(side) for side in zip(*pairs, strict=True)]
    try:
        return savings(curves, controls, rng=stream(0, "report", 0))
    except InputError:
        return None


def _pairs(run: Run, name: str, control: str) -> list[tuple[Curve, Curve]]:
    """The curves of both arms for the seeds that both have."""
    seeds = [seed for seed in run.seeds_of(name) if seed in run.seeds_of(control)]
    pairs = [(learning_curve(run, name, seed), learning_curve(run, control, seed)) for seed in seeds]
    return [(arm, base) for arm, base in pairs if arm is not None and base is not None]


def learning_curve(run: Run, strategy: str, seed: int) -> Curve | None:
    """One seed's accuracies where they were measured, labels strictly increasing; None if there are none."""
    own = run.results.where(strategy=strategy, seed=seed)
    measured = np.isfinite(own["accuracy"])
    labels, first = np.unique(own["n_labeled"][measured], return_index=True)
    return Curve(labels, own["accuracy"][measured][first]) if labels.size else None


def areas(run: Run, strategy: str) -> Floats:
    """(S,) mean level of every seed's accuracy over its curve."""
    curves = (learning_curve(run, strategy, seed) for seed in run.seeds_of(strategy))
    return np.array([area(*curve) for curve in curves if curve is not None])


def target(run: Run) -> float | None:
    """The accuracy at which the control (without one: the first strategy) has made nine tenths of its gain."""
    shared = run.curve(run.control or run.strategies[0], "accuracy").shared
    if shared.labels.size < 2:
        return None
    mean, _, _ = mean_interval(shared.values)
    gain = float(mean[-1] - mean[0])
    return float(mean[0]) + GAIN * gain if gain > 0 else None


def reach(run: Run, strategy: str, level: float) -> float | None:
    """Labels with which the mean curve of a strategy first is at a level."""
    shared = run.curve(strategy, "accuracy").shared
    if not shared.labels.size:
        return None
    return labels_to_reach(shared.labels, mean_interval(shared.values)[0], level)
