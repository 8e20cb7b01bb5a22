"""Stopping: when each rule would have stopped, and what that would have saved or cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Axes, Figure, canvas, clip, columns_for, direct_labels, panel, text_width
from claros.report.format import amount, count, join, percent, points, size
from claros.report.load import Run
from claros.report.look import INK, MUTED, Style
from claros.report.markup import Html, cell, paragraph, table
from claros.report.markup import join as together
from claros.report.sections.section import Section, View, figure, nothing
from claros.report.stops import Stops, find_stops, median_stops
from claros.report.svg import Drawing

__all__ = ["advice", "build", "finding"]

#: Strategies of which a sentence can say more than the labels.
_SAID = 3
_PANEL, _GAP, _LEFT = 210, 56, 44


def build(view: View) -> Section:
    """Every rule on every strategy, and each criterion against its threshold."""
    run = view.run
    if not run.rule_names:
        return Section("stopping", "When to stop", finding(run), nothing("Name rules with --stop or watch."))
    drawn = [rule for rule in run.rule_names if _has_values(run, rule)] if view.draws("stopping") else []
    note = "Dashed: the threshold; lines: means over seeds; a mark: the median stop."
    body = together([_table(run), *([figure(view, _drawing(view, drawn), note)] if drawn else [])])
    body = body if view.brief else together([body, _silent(run, drawn)])
    return Section("stopping", "When to stop", finding(run), body)


def advice(run: Run) -> str:
    """What the run's stopping rule says of each strategy."""
    rule = run.advice_rule
    if rule is None:
        return "No stopping rule was watched, so there is no advice on when to stop."
    said = [_told(run, name) for name in run.telling_rules]
    return " ".join(said if rule in run.telling_rules else [*said, _stops(run, rule)])


def _told(run: Run, rule: str) -> str:
    """What a rule that never stops by itself said last, of the first strategy and seed."""
    name = (run.queried or run.strategies)[0]
    said = run.rules.where(rule=rule, strategy=name, seed=run.seeds[0])
    reason = str(said["reason"][-1]).removesuffix(".")
    return f"The {rule} of {name}, which was told no price: {reason} (seed {run.seeds[0]})."


def _stops(run: Run, rule: str) -> str:
    names = run.queried or run.strategies
    every = [find_stops(run, name, rule) for name in names]
    if not any(stops.n_stopped for stops in every):
        return f"Stop advice: go on; {rule} would not have stopped {join(names, 'or')}."
    if len(names) > _SAID:
        said = median_stops(run, rule)
    else:
        said = "; ".join(_one(stops) for stops in every)
    seeds = f"; medians of {len(run.seeds)} seeds" if len(run.seeds) > 1 else ""
    return f"Stop advice of {rule}: {said}{seeds}."


def finding(run: Run) -> str:
    """Every rule in half a sentence, over all strategies but the control."""
    if not run.rule_names:
        return "No stopping rule was watched."
    if not run.stopping_rules:
        return f"No rule that can stop was watched; {join(run.telling_rules)} was given no price."
    return f"{'; '.join(_over_all(run, rule) for rule in run.stopping_rules)}."


def _one(stops: Stops) -> str:
    if stops.median is None:
        return f"{stops.strategy} never" + (f" in {stops.n_never} of {stops.n_seeds} seeds" if stops.n_stopped else "")
    there = f"{percent(float(stops.accuracy.mean()))}, {_against_end(stops.saved, stops.against_end)}"
    return f"{stops.strategy} at {count(round(stops.median))} labels ({there})"


def _against_end(saved: float, difference: float) -> str:
    if saved < 0.5:
        return "at the end of the run"
    fewer = f"{count(round(saved))} labels before the end"
    if not math.isfinite(difference):
        return fewer
    if abs(difference) < 0.0005:
        return f"{fewer} and as accurate"
    return f"{fewer} and {size(difference)} {'below' if difference < 0 else 'above'} it"


def _over_all(run: Run, rule: str) -> str:
    every = [find_stops(run, name, rule) for name in run.queried or run.strategies]
    cells, stopped = sum(stops.n_seeds for stops in every), sum(stops.n_stopped for stops in every)
    if not stopped:
        return f"{rule} never stopped"
    saved = float(np.median(np.concatenate([stops.end_labels - stops.labels for stops in every])))
    lost = float(np.concatenate([stops.accuracy - stops.end_accuracy for stops in every]).mean())
    times = f" in {stopped} of {cells} runs" if cells > 1 else ""
    return f"{rule} stopped{times}, {_against_end(saved, lost)}"


def _table(run: Run) -> Html:
    header = (
        "rule",
        "strategy",
        "stopped",
        "labels (median)",
        "range",
        "accuracy there",
        "labels saved",
        "against the end",
        "against the best",
    )
    rows = [
        _row(find_stops(run, name, rule), quiet=name == run.control, first=i == 0)
        for rule in run.stopping_rules
        for i, name in enumerate(run.strategies)
    ]
    caption = (
        "Medians of labels, means of accuracies and of their differences in percentage points. A seed in which the "
        "rule never stopped counts as labeled to its end. Labels saved count from the stop to that end."
    )
    return table(header, rows, caption=caption, words=2)


def _row(stops: Stops, *, quiet: bool, first: bool) -> list[object]:
    values: list[str] = [stops.strategy, f"{stops.n_stopped} of {stops.n_seeds}"]
    if stops.n_stopped:
        at = stops.labels[stops.stopped]
        low, high = float(at.min()), float(at.max())
        values += [
            count(round(stops.median)) if stops.median is not None else "mostly never",
            count(low) if low == high else f"{count(low)} to {count(high)}",
            percent(float(stops.accuracy.mean())),
            count(round(stops.saved)),
            points(stops.against_end),
            points(stops.against_best),
        ]
    else:
        values += ["never", *[""] * 5]
    return [stops.rule if first else "", *(cell(value, quiet=quiet, word=i == 0) for i, value in enumerate(values))]


def _has_values(run: Run, rule: str) -> bool:
    return bool(np.isfinite(run.rules.where(rule=rule)["value"]).any())


def _silent(run: Run, drawn: list[str]) -> Html:
    silent = [rule for rule in run.rule_names if rule not in drawn]
    return paragraph(f"Without a criterion to draw: {join(silent)}.", class_="note") if silent else Html()


def _drawing(view: View, rules: list[str]) -> Drawing:
    label = f"The criterion of {join(rules)} over labels spent, with the threshold, a line for each strategy."
    return view.drawing(
        "stopping", label, lambda width: _paint(view.run, view.styles, rules, width), lambda: _behind(view.run, rules)
    )


def _behind(run: Run, rules: list[str]) -> dict[str, list[Any]]:
    """Every rule's criterion and threshold, by strategy, seed and round, and whether it said stop."""
    watched = run.rules.keep(np.isin(run.rules["rule"].astype(str), rules))
    names = ("rule", "strategy", "seed", "n_labeled", "value", "threshold", "stop")
    return {name: watched[name].tolist() for name in names}


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
    axes.set_title(clip(rule, 44), loc="left", fontsize=12, color=INK, pad=10)
    ends = []
    for name in reversed(run.strategies):
        curve = run.rule_curve(name, rule, "value").ready
        if curve.labels.size:
            mean = np.nanmean(curve.values, axis=0)
            axes.plot(curve.labels, mean, color=styles[name].colour, linewidth=2, linestyle=styles[name].line)
            ends.append((clip(name, 16), float(curve.labels[-1]), float(mean[-1]), styles[name].colour))
            _mark(axes, find_stops(run, name, rule), curve.labels, mean, styles[name])
    threshold = run.rule_curve(run.strategies[0], rule, "threshold").ready
    if threshold.labels.size:
        height = np.nanmean(threshold.values, axis=0)
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
