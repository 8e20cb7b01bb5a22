"""Where the time of the whole bench went."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claros.arrays import Floats
from claros.report.format import count, percent, seconds
from claros.report.load import Run
from claros.report.markup import Html, table
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, figure
from claros.report.sections.time import PHASES, behind, paint, per_round, per_run
from claros.report.svg import Drawing

__all__ = ["build", "finding"]


def build(view: BenchView) -> Section:
    """Bars of a run of each arm, a mean over settings, and a table of what a round takes."""
    spent = {name: _mean(view, name, per_run) for name in _names(view)}
    drawing = Drawing(
        "time",
        "Seconds of each phase of a whole run, a bar for each strategy, means over settings.",
        lambda width: paint(spent, width),
        lambda: behind(spent),
    )
    shown = figure(view, drawing, "Time of a whole run, means over the settings that an arm ran in.")
    body = Html(shown + _table(view))
    return Section("time", "Time", finding(view), body)


def _names(view: BenchView) -> list[str]:
    return [name for name in view.styles if any(name in one.run.arms for one in view.views)]


def _mean(view: BenchView, name: str, measure: Callable[[Run, str], Floats]) -> Floats:
    return np.asarray(np.mean([measure(one.run, name) for one in view.views if name in one.run.arms], axis=0))


def finding(view: BenchView) -> str:
    """The phase that took most, the time of all cells together, and the arm that takes longest to choose."""
    total = np.sum([per_run(one.run, name) * len(one.run.seeds_of(name)) for one in view.views
                    for name in one.run.arms], axis=0)  # fmt: skip
    whole = float(total.sum())
    if not whole:
        return "No time was measured."
    most = int(np.argmax(total))
    slow = {name: float(_mean(view, name, per_round)[[*PHASES].index("select")]) for name in view.bench.queried}
    said = (
        f"{[*PHASES.values()][most].capitalize()} takes {percent(float(total[most]) / whole, 1.0)} of {seconds(whole)}"
    )
    if not slow:
        return f"{said}."
    name = max(slow, key=lambda one: slow[one])
    return f"{said}; choosing takes longest with {name}, {seconds(slow[name])} a round on average."


def _table(view: BenchView) -> Html:
    rows = []
    for name in _names(view):
        parts = _mean(view, name, per_round)
        cells = sum(len(one.run.seeds_of(name)) for one in view.views if name in one.run.arms)
        rows.append([name, count(cells), *(seconds(float(part)) for part in parts), seconds(float(parts.sum()))])
    caption = "Means of a round over settings and seeds. Bookkeeping: log, files and what is left."
    return table(("strategy", "runs", *PHASES.values(), "a round"), rows, caption=caption)
