"""The same curves as numbers: accuracy at some label counts, mean level, labels to a target, difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from claros.experiment.compare import Savings
from claros.report.compared import Compared, areas, corrected_for, reach, target
from claros.report.format import count, interval, percent, points, share, size, span
from claros.report.load import Run
from claros.report.markup import Html, beneath, cell, table
from claros.report.means import MIN_SEEDS, mean_interval
from claros.report.sections.section import Section, View

__all__ = ["build", "finding"]

_COLUMNS = 6


def build(view: View) -> Section:
    """One table, the strategies with the highest mean level first."""
    run = view.run
    compared = {one.name: one for one in view.compared}
    return Section("table", "In numbers", finding(run, compared), _table(view, compared))


def finding(run: Run, compared: dict[str, Compared]) -> str:
    """Mean levels over the run, and the difference of the best."""
    levels = {name: _level(run, name) for name in run.strategies}
    ranked = sorted((name for name in levels if math.isfinite(levels[name])), key=lambda name: -levels[name])
    if not ranked:
        return "No accuracy was measured."
    best = ranked[0]
    start = f"Averaged over the whole curve, {best} is at {percent(levels[best])}"
    found = compared[best].comparison if best in compared else None
    if found is not None and found.difference is not None and run.control is not None:
        by = found.difference
        where = f"{size(by.mean)} {'above' if by.mean >= 0 else 'below'} {run.control}"
        return f"{start}, {where} (95 % interval {span(by.low, by.high)})."
    others = [f"{name} at {percent(levels[name])}" for name in ranked[1:]]
    return f"{start}{', ' if others else ''}{', '.join(others)}."


def _level(run: Run, name: str) -> float:
    own = areas(run, name)
    return float(own.mean()) if own.size else math.nan


def _table(view: View, compared: dict[str, Compared]) -> Html:
    run = view.run
    counts = _counts(run)
    goal = target(run)
    header = [
        "strategy", "seeds", *(f"{count(n)} labels" for n in counts), "mean level",
        *([f"labels to {percent(goal)}"] if goal is not None else []),
        *(["labels saved", f"against {run.control}"] if run.control is not None else []),
    ]  # fmt: skip
    at = {name: [_at(run, name, n) for n in counts] for name in run.strategies}
    level = {name: _level(run, name) for name in run.strategies}
    needed = {name: reach(run, name, goal) if goal is not None else None for name in run.strategies}
    best_at = [_best([at[name][i][0] for name in run.strategies]) for i in range(len(counts))]
    fewest = min((n for n in needed.values() if n is not None), default=math.nan)
    rows: list[Sequence[object]] = []
    for name in sorted(run.strategies, key=lambda name: -np.nan_to_num(level[name], nan=-1.0)):
        row: list[object] = [name, len(run.seeds_of(name))]
        row += [cell(said, best=value == best) for (value, said), best in zip(at[name], best_at, strict=True)]
        row.append(cell(percent(level[name]), best=level[name] == _best([*level.values()])))
        if goal is not None:
            row.append(cell(_needed(needed[name]), best=needed[name] == fewest))
        if run.control is not None:
            row += [_savings(view.saved.get(name), compared.get(name)), _difference(compared.get(name))]
        rows.append(row)
    if run.bound is not None:
        rows.append(_bound(run, run.bound, counts, goal))
    return table(header, rows, caption=_caption(run, goal, corrected_for([*compared.values()])))


def _bound(run: Run, name: str, counts: Sequence[float], goal: float | None) -> list[object]:
    """The upper bound's row: where it is, and no comparison."""
    values: list[object] = [
        len(run.seeds_of(name)),
        *(_known_at(run, name, n) for n in counts),
        percent(_level(run, name)),
    ]
    values += [_needed(reach(run, name, goal))] if goal is not None else []
    values += ["", ""] if run.control is not None else []
    return [name, *(cell(value, quiet=True) for value in values)]


def _caption(run: Run, goal: float | None, corrected: int) -> str:
    parts = ["Accuracy on the test set, means over seeds" + (" with 95 % intervals." if len(run.seeds) >= 3 else ".")]
    parts.append("Mean level: area under the curve over its width.")
    if goal is not None:
        whose = run.control or run.strategies[0]
        parts.append(f"{percent(goal)} is where {whose} has made nine tenths of its gain.")
    if run.control is not None:
        many = f" at 5 %, corrected for {corrected} comparisons (Holm)" if corrected > 1 else ""
        parts.append(
            "Labels saved: on the way there, of those that random needed. "
            f"Differences of mean levels in percentage points, paired by seed; grey where not significant{many}."
        )
    if run.bound is not None:
        parts.append(f"{run.bound} chooses with the true labels; it is compared with nothing.")
    return " ".join(parts)


def _counts(run: Run) -> list[float]:
    """Some label counts that every seed of every strategy has, spread over the run."""
    shared = [set(run.curve(name, "accuracy").shared.labels.tolist()) for name in run.strategies]
    common = sorted(set.intersection(*shared))
    if not common:
        return []
    places = np.unique(np.linspace(0, len(common) - 1, min(_COLUMNS, len(common))).round().astype(int))
    return [common[place] for place in places]


def _at(run: Run, name: str, labels: float) -> tuple[float, Html]:
    shared = run.curve(name, "accuracy").shared
    values = shared.values[:, int(np.flatnonzero(shared.labels == labels)[0])]
    mean, low, high = (float(bound[0]) for bound in mean_interval(values[:, None]))
    return mean, beneath(percent(mean, (high - low) / 2), interval(low, high) if math.isfinite(low) else "")


def _known_at(run: Run, name: str, labels: float) -> Html | str:
    return _at(run, name, labels)[1] if labels in run.curve(name, "accuracy").shared.labels else ""


def _best(values: Sequence[float]) -> float:
    """The largest value; none where all are equal."""
    known = [value for value in values if math.isfinite(value)]
    return max(known) if len(set(known)) > 1 else math.nan


def _needed(labels: float | None) -> str:
    return "not reached" if labels is None else count(round(labels))


def _savings(found: Savings | None, compared: Compared | None) -> Html:
    """Labels saved at the target with their interval; grey where they may be none."""
    if found is None or (found.value is None and found.low is None and found.high is None):
        return cell("")
    known = found.low is not None and found.high is not None and found.seeds >= MIN_SEEDS
    bounds = span(found.low or 0.0, found.high or 0.0) if known else ""
    said = beneath(share(found.value), bounds)
    sure = compared is not None and compared.comparison is not None and compared.comparison.savings is not None
    return cell(said, quiet=not sure)


def _difference(compared: Compared | None) -> Html:
    if compared is None:
        return cell("")
    found = compared.comparison
    if found is None:
        return cell("not comparable", quiet=True)
    if found.difference is None:
        return cell("too few seeds", quiet=True)
    by = found.difference
    said = beneath(points(by.mean, (by.high - by.low) / 2), span(by.low, by.high))
    return cell(said, quiet=found.finding == "not distinguishable")
