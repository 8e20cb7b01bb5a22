"""The pictures of the section on stopping: each rule's criterion, and what the advisor foresees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Axes, Figure, canvas, clip, columns_for, direct_labels, panel, text_width
from claros.report.format import amount, count, join
from claros.report.load import Run
from claros.report.look import INK, MUTED, Style
from claros.report.sections.section import View
from claros.report.stops import Stops, find_stops
from claros.report.svg import Drawing

__all__ = ["drawing"]

_PANEL, _GAP, _LEFT = 210, 56, 44


def drawing(view: View, rules: list[str]) -> Drawing:
    """A panel a rule, a line a strategy."""
    label = f"What {join(rules)} went by over labels spent, with the threshold, a line for each strategy."
    return view.drawing(
        "stopping", label, lambda width: _paint(view.run, view.styles, rules, width), lambda: _behind(view.run, rules)
    )


def _behind(run: Run, rules: list[str]) -> dict[str, list[Any]]:
    """Every rule's criterion and threshold, by strategy, seed and round, whether it said stop, and what it foresaw."""
    watched = run.rules.keep(np.isin(run.rules["rule"].astype(str), rules))
    names = ("rule", "strategy", "seed", "n_labeled", "value", "threshold", "stop")
    columns = {name: watched[name].tolist() for name in names}
    foreseen = np.full((3, len(watched)), np.nan)
    for rule in rules:
        advisor, mine = run.advisor(rule), watched["rule"].astype(str) == rule
        if advisor is not None:
            foreseen[:, mine] = advisor.foreseen(watched["value"][mine], watched["n_labeled"][mine])
    return columns | dict(zip(("gain", "gain_low", "gain_high"), foreseen.tolist(), strict=True))


def _paint(run: Run, styles: Mapping[str, Style], rules: list[str], width: int) -> Figure:
    columns = columns_for(width, len(rules), 380)
    rows = math.ceil(len(rules) / columns)
    right = round(min(150.0, 20 + max(text_width(clip(name, 16)) for name in run.strategies)))
    whole = canvas(width, rows * (_PANEL + _GAP) - 4)
    each = width / columns
    for i, rule in enumerate(rules):
        left, top = (i % columns) * each + _LEFT, (i // columns) * (_PANEL + _GAP) + 30
        axes = panel(whole, left, top, each - _LEFT - right, _PANEL - 24)
        _paint_rule(axes, run, styles, rule)
    return whole


def _paint_rule(axes: Axes, run: Run, styles: Mapping[str, Style], rule: str) -> None:
    advisor = run.advisor(rule)
    title = f"{rule}: what twice the labels would bring, points" if advisor else rule
    axes.set_title(clip(title, 60), loc="left", fontsize=12, color=INK, pad=10)
    ends = []
    for name in reversed(run.strategies):
        curve = run.rule_curve(name, rule, "value").ready
        if curve.labels.size:
            mean = np.nanmean(curve.values, axis=0)
            if advisor is not None:
                mean, low, high = (100 * part for part in advisor.foreseen(mean, curve.labels))
                if name != run.control:
                    axes.fill_between(curve.labels, low, high, color=styles[name].colour, alpha=0.1, linewidth=0)
            alone = "." if curve.labels.size == 1 else ""  # a line of one point is not seen
            axes.plot(
                curve.labels, mean, color=styles[name].colour, linewidth=2, linestyle=styles[name].line, marker=alone
            )
            ends.append((clip(name, 16), float(curve.labels[-1]), float(mean[-1]), styles[name].colour))
            _mark(axes, find_stops(run, name, rule), curve.labels, mean, styles[name])
    threshold = run.rule_curve(run.strategies[0], rule, "threshold").ready
    if threshold.labels.size:
        height = np.nanmean(threshold.values, axis=0)
        height = height if advisor is None else 100 * advisor.foreseen(height, threshold.labels)[0]
        axes.plot(threshold.labels, height, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.margins(x=0.0, y=0.08)
    axes.set_xlabel("labels spent", color=MUTED, loc="right", fontsize=11, labelpad=4)
    axes.xaxis.set_major_formatter(lambda x, _: count(x))
    axes.yaxis.set_major_formatter(lambda y, _: amount(y))
    axes.yaxis.get_major_locator().set_params(nbins=4)
    axes.xaxis.get_major_locator().set_params(nbins=5, integer=True)
    axes.autoscale_view()
    direct_labels(axes, ends)


def _mark(axes: Axes, stops: Stops, labels: Floats, mean: Floats, style: Style) -> None:
    if stops.median is not None:
        height = np.interp(stops.median, labels, mean)
        axes.plot([stops.median], [height], color=style.colour, marker=style.marker, markersize=7, zorder=4)
