"""Mean levels of all arms in all settings, as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from claros.report.compared import Compared, areas
from claros.report.format import capital, join, percent, points, span
from claros.report.load import UPPER_BOUND
from claros.report.markup import Html, beneath, cell, table
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, View

__all__ = ["build", "finding"]


def build(view: BenchView) -> Section:
    """A row for each setting, a column for each arm."""
    levels = {one.run.name: _levels(one) for one in view.views}
    return Section("table", "In numbers", finding(view, levels), _table(view, levels))


def finding(view: BenchView, levels: Mapping[str, Mapping[str, float]]) -> str:
    """In how many settings each arm has the highest mean level."""
    best = [max(known, key=lambda name: known[name]) for own in levels.values() if (known := _known(own))]
    if not best:
        return "No accuracy was measured."
    first, *others = sorted({*best}, key=lambda name: (-best.count(name), name))
    rest = f", {join([f'{name} in {best.count(name)}' for name in others])}" if others else ""
    return f"{capital(first)} has the highest mean level in {best.count(first)} of {len(best)} settings{rest}."


def _levels(view: View) -> dict[str, float]:
    """Mean over seeds of the mean level of each arm."""
    own = {name: areas(view.run, name) for name in view.run.arms}
    return {name: float(np.mean(levels)) if levels.size else math.nan for name, levels in own.items()}


def _known(levels: Mapping[str, float]) -> dict[str, float]:
    return {name: level for name, level in levels.items() if math.isfinite(level) and name != UPPER_BOUND}


def _table(view: BenchView, levels: Mapping[str, Mapping[str, float]]) -> Html:
    names = [*view.bench.strategies, *([UPPER_BOUND] if UPPER_BOUND in view.styles else [])]
    rows = []
    for one in view.views:
        own, compared = levels[one.run.name], {arm.name: arm for arm in one.compared}
        known = _known(own)
        best = max(known.values(), default=math.nan)
        cells = [_cell(own.get(name), compared.get(name), best=name in known and own[name] == best) for name in names]
        rows.append([one.run.name, len(one.run.seeds), *cells])
    rows.append(["mean", "", *(percent(_mean([own.get(name) for own in levels.values()])) for name in names)])
    caption = (
        "Mean level: area under the accuracy curve over its width. Beneath: difference from the control in percentage "
        "points and its 95 % interval; grey where the setting's test, corrected for its arms (Holm), does not call it. "
        "Bold: the highest in the setting. The mean is over the settings that an arm ran in."
    )
    return table(["setting", "seeds", *names], rows, caption=caption)


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _cell(level: float | None, compared: Compared | None, *, best: bool) -> Html:
    if level is None:
        return cell("")
    found = compared.comparison if compared is not None else None
    by = found.difference if found is not None else None
    if found is None or by is None:
        return cell(percent(level), best=best)
    said = f"{points(by.mean, (by.high - by.low) / 2)} ({span(by.low, by.high)})"
    return cell(beneath(percent(level), said), best=best, quiet=found.finding == "not distinguishable" and not best)
