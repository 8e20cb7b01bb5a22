"""When the stopping rules would have stopped, over all settings."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.report.dots import Dot, Panel, paint_dots
from claros.report.format import capital, count, percent, points, size
from claros.report.markup import Html, cell, join, table
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, View, figure, nothing
from claros.report.stops import Stops, find_stops, runs_of
from claros.report.svg import Drawing

__all__ = ["build", "finding"]

_TITLE = "When to stop"
#: Pixels of a row, and the share of it that the marks of all arms take.
_ROW, _SPREAD = 26, 0.6


def build(view: BenchView) -> Section:
    """A panel for each rule: where it stopped, as a share of the labels that were spent; and a table."""
    rules = _rules(view)
    if not rules:
        return Section("stopping", _TITLE, "No stopping rule was watched.", nothing("Name rules with --stop or watch."))
    rows = [one.run.name for one in view.views]
    panels = [one for rule in rules if (one := Panel(rule, _dots(view, rule))).dots]
    if not panels:
        return Section("stopping", _TITLE, finding(view, rules), _table(view, rules))
    drawing = Drawing(
        "stopping",
        "Where each rule stopped, as a share of all labels, a row for each setting, a panel for each rule.",
        lambda width: paint_dots(
            panels, rows, width, limits=(0.0, 1.02),
            label="of the labels, %", tick=lambda x: f"{100 * x:.0f}", zero=False, row_height=_ROW,
        ),
        lambda: _behind(view, rules),
        width=1000,
    )  # fmt: skip
    note = "Medians over seeds; no mark where the rule did not stop most seeds. Colours and marks as above."
    body = join([figure(view, drawing, note), _table(view, rules)])
    return Section("stopping", _TITLE, finding(view, rules), body)


def _rules(view: BenchView) -> list[str]:
    return [*dict.fromkeys(rule for one in view.views for rule in one.run.stopping_rules)]


def finding(view: BenchView, rules: list[str]) -> str:
    """Every rule in half a sentence, over all settings and arms but the control."""
    return f"{capital('; '.join(_say(view, rule) for rule in rules[:3]))}."


def _say(view: BenchView, rule: str) -> str:
    every = [stops for one in view.views for name in one.run.queried or one.run.strategies
             if (stops := _stops(one, name, rule)) is not None]  # fmt: skip
    cells, stopped = sum(stops.n_seeds for stops in every), sum(stops.n_stopped for stops in every)
    if not stopped:
        control = view.bench.control if view.bench.queried else None
        only = [stops for one in view.views if control in one.run.strategies
                if (stops := _stops(one, str(control), rule)) is not None and stops.n_stopped]  # fmt: skip
        return f"{rule} stopped {control} only" if only else f"{rule} never stopped"
    times = f"{count(stopped)} of {count(cells)} runs{runs_of(view.bench.queried, view.bench.control)}"
    saved, lost = _price(every)
    at = (
        "as accurate as at the end"
        if abs(lost) < 0.0005
        else f"{size(lost)} {'above' if lost > 0 else 'below'} the end"
    )
    return f"{rule} stopped in {times}, sparing {percent(saved, 1.0)} of the labels in the median, {at}"


def _price(every: list[Stops]) -> tuple[float, float]:
    """Median share of labels spared, and mean accuracy against the end; seeds that never stopped spare nothing."""
    ends = np.concatenate([stops.end_labels for stops in every])
    saved = 1 - np.concatenate([stops.labels for stops in every]) / ends
    lost = np.concatenate([stops.accuracy - stops.end_accuracy for stops in every])
    return float(np.median(saved)), float(lost.mean())


def _stops(view: View, name: str, rule: str) -> Stops | None:
    found = find_stops(view.run, name, rule) if rule in view.run.rule_names else None
    return found if found is not None and found.labels.size else None


def _dots(view: BenchView, rule: str) -> list[Dot]:
    dots = []
    for row, one in enumerate(view.views):
        names = one.run.strategies
        for place, name in enumerate(names):
            stops = _stops(one, name, rule)
            if stops is not None and stops.median is not None:
                share = stops.median / float(np.median(stops.end_labels))
                aside = (place - (len(names) - 1) / 2) * _SPREAD / max(1, len(names) - 1)
                dots.append(Dot(row + aside, share, view.styles[name]))
    return dots


def _behind(view: BenchView, rules: list[str]) -> dict[str, list[Any]]:
    names = ("rule", "setting", "strategy", "seeds", "stopped", "labels", "end_labels", "accuracy", "end_accuracy")
    rows = []
    for rule in rules:
        for one in view.views:
            for name in one.run.strategies:
                stops = _stops(one, name, rule)
                if stops is not None:
                    ends = float(np.median(stops.end_labels)), float(stops.end_accuracy.mean())
                    rows.append((rule, one.run.name, name, stops.n_seeds, stops.n_stopped, stops.median, ends[0],
                                 float(stops.accuracy.mean()), ends[1]))  # fmt: skip
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _table(view: BenchView, rules: list[str]) -> Html:
    rows = []
    for rule in rules:
        for i, name in enumerate(view.bench.strategies):
            every = [stops for one in view.views if (stops := _stops(one, name, rule)) is not None]
            if not every:
                continue
            saved, lost = _price(every)
            cells, stopped = sum(stops.n_seeds for stops in every), sum(stops.n_stopped for stops in every)
            values = [name, f"{count(stopped)} of {count(cells)}", percent(saved, 1.0), points(lost)]
            quiet = name == view.bench.control
            words = [cell(value, quiet=quiet, word=j == 0) for j, value in enumerate(values)]
            rows.append([rule if i == 0 else "", *words])
    caption = (
        "Over all settings and seeds: median share of the labels that stopping spares, and mean difference in accuracy "
        "from the end, in percentage points. A seed in which the rule never stopped counts as labeled to its end."
    )
    return table(("rule", "strategy", "stopped", "labels spared", "against the end"), rows, caption=caption, words=2)
