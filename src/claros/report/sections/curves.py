"""Learning curves: what each strategy reached, label by label, against random."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Axes, Figure, canvas, clip, direct_labels, panel, text_width
from claros.report.format import count, interval, join, percent
from claros.report.load import Curve, Run
from claros.report.look import INK, MUTED, Style
from claros.report.markup import Html, details, paragraph
from claros.report.means import MIN_SEEDS, mean_interval
from claros.report.sections.section import Section, View, figure
from claros.report.stops import find_stops, median_stops
from claros.report.svg import Drawing

__all__ = ["build", "finding"]

_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
#: Strategies that a sentence can name.
_SAID = 3
_LEFT, _TOP, _BOTTOM = 36, 44, 46


def build(view: View) -> Section:
    """Accuracy in full, macro-F1 behind a click."""
    accuracy, macro_f1 = (_drawing(view, metric) for metric in _NAMES)
    body = Html(
        figure(accuracy, _reading(view.run))
        + paragraph(_stop_sentence(view.run))
        + details("The same for macro-F1", figure(macro_f1, "Every class counts the same, however rare it is."))
    )
    return Section("curves", "Learning curves", finding(view.run), body, (accuracy, macro_f1))


def finding(run: Run) -> str:
    """Where the strategies ended: each, or of many the best, the worst and the control."""
    ends = {name: (curve := run.curve(name, "accuracy")).final[np.isfinite(curve.final)] for name in run.strategies}
    ends = {name: final for name, final in ends.items() if final.size}
    if not ends:
        return "No accuracy was measured."
    ranked = sorted(ends, key=lambda name: -float(ends[name].mean()))
    if len(ranked) <= _SAID:
        parts = [f"{name} is at {_at(ends[name])}" for name in ranked]
    else:
        places = {ranked[0]: "highest", ranked[-1]: "lowest"}
        said = dict.fromkeys([ranked[0], ranked[-1], run.control or ranked[0]])
        parts = [f"{name} is {places.get(name, '')} at {_at(ends[name])}".replace("  ", " ") for name in said]
    note = "; in brackets 95 % intervals of the mean" if any("(" in part for part in parts) else ""
    return f"With {_spent(run)} labels, {join(parts)}{note}."


def _at(final: Floats) -> str:
    mean, low, high = (float(bound[0]) for bound in mean_interval(final[:, None]))
    bounds = f" ({interval(low, high)})" if math.isfinite(low) else ""
    return f"{percent(mean, (high - low) / 2)}{bounds}"


def _spent(run: Run) -> str:
    ends = np.concatenate([run.curve(name, "accuracy").ends for name in run.strategies])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def _reading(run: Run) -> str:
    n = len(run.seeds)
    if n >= MIN_SEEDS:
        seeds = f"Thin lines: {n} seeds; thick: their mean; band: 95 % interval of the mean."
    elif n > 1:
        seeds = f"Thin lines: {n} seeds; thick: their mean; too few seeds for an interval."
    else:
        seeds = "One seed, so no interval."
    bound = " Thin black line: the model trained on the whole pool." if run.upper_bound("accuracy") is not None else ""
    curves = [run.curve(name, "accuracy") for name in run.strategies]
    cut = any(curve.shared.labels.size < curve.ready.labels.size for curve in curves)
    means = " A mean ends where the first of its seeds ends." if cut else ""
    return f"{seeds}{means}{bound} The axes start where the data start."


def _stop_sentence(run: Run) -> str:
    rule = run.advice_rule
    if rule is None:
        return "No stopping rule was watched."
    names = run.queried or run.strategies
    if all(find_stops(run, name, rule).median is None for name in names):
        return f"{rule} would not have stopped {join(names, 'or')}, so there is no vertical rule."
    said = median_stops(run, rule)
    seeds = f" (medians of {len(run.seeds)} seeds)" if len(run.seeds) > 1 else ""
    return f"Vertical rules, marked like the lines' ends, show where {rule} would have stopped: {said}{seeds}."


def _drawing(view: View, metric: str) -> Drawing:
    label = f"{_NAMES[metric]} on the test set over labels spent, a line for each strategy."
    return Drawing(metric, label, lambda width: _paint(view.run, view.styles, metric, width), width=1000)


def _paint(run: Run, styles: Mapping[str, Style], metric: str, width: int) -> Figure:
    bound = run.upper_bound(metric)
    names = [*run.strategies, *(["all labels"] if bound is not None else [])]
    right = round(min(width * 0.36, 20 + max(text_width(clip(name)) for name in names)))
    height = 440 if width > 500 else 330
    figure = canvas(width, height)
    axes = panel(figure, _LEFT, _TOP, width - _LEFT - right, height - _TOP - _BOTTOM)
    curves = {name: run.curve(name, metric) for name in run.strategies}
    _set_limits(axes, curves, bound)
    _mark_stops(axes, run, styles)
    ends = []
    for name in reversed(run.strategies):
        end = _draw_curve(axes, curves[name], styles[name])
        if end is not None:
            ends.append((clip(name), *end, styles[name].colour))
    if bound is not None:
        axes.axhline(bound, color=INK, linewidth=1)
        ends.append(("all labels", axes.get_xlim()[1], bound, INK))
    direct_labels(axes, ends)
    axes.set_xlabel("labels spent", color=MUTED, loc="right", labelpad=6)
    lowest = percent(axes.get_ylim()[0]).replace(".0", "")
    title = f"{_NAMES[metric]}, % (the axis starts at {lowest})"
    axes.annotate(title, (0, height - 14), xycoords="figure points", va="center", color=MUTED)
    return figure


def _set_limits(axes: Axes, curves: Mapping[str, Curve], bound: float | None) -> None:
    """Axes from where the data start."""
    values = np.concatenate([curve.values.ravel() for curve in curves.values()] + [[bound or np.nan]])
    values = values[np.isfinite(values)] if np.isfinite(values).any() else np.array([0.0, 1.0])
    low, high = math.floor(values.min() * 50) / 50, float(values.max())
    axes.set_ylim(low, max(high + 0.04 * (high - low), low + 0.02))
    labels = np.concatenate([curve.labels for curve in curves.values()])
    first, last = float(labels.min()), float(labels.max())
    if first == last:  # one round only
        axes.set_xlim(first - 1, last)
        axes.set_xticks([first])
    else:
        axes.set_xlim(first, last)
        axes.set_xticks(_ticks(first, last, 8 if axes.get_window_extent().width > 400 else 4))
    axes.xaxis.set_major_formatter(lambda x, _: count(x))
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g}")
    axes.yaxis.get_major_locator().set_params(nbins=7, steps=[1, 2, 5, 10])


def _ticks(first: float, last: float, most: int) -> list[float]:
    """The start itself, then round numbers that keep clear of it."""
    raw = (last - first) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = max(1.0, next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw))
    ticks = np.arange(math.ceil(first / step), math.floor(last / step) + 1) * step
    return [first, *(float(tick) for tick in ticks if tick - first > 0.6 * step)]


def _draw_curve(axes: Axes, curve: Curve, style: Style) -> tuple[float, float] | None:
    """Seeds, band and mean; returns where the mean ends, if there is one."""
    single = curve.n_seeds == 1
    if not single:
        for row in curve.values:
            axes.plot(curve.labels, row, color=style.colour, alpha=0.2, linewidth=1)
    shared = curve.shared
    if not shared.labels.size:
        return None
    mean, low, high = mean_interval(shared.values)
    if np.isfinite(low).all():
        axes.fill_between(shared.labels, low, high, color=style.colour, alpha=0.18, linewidth=0)
    axes.plot(shared.labels, mean, color=style.colour, linewidth=2.4, linestyle=style.line)
    axes.plot(shared.labels[-1:], mean[-1:], color=style.colour, marker=style.marker, markersize=6, clip_on=False)
    return float(shared.labels[-1]), float(mean[-1])


def _mark_stops(axes: Axes, run: Run, styles: Mapping[str, Style]) -> None:
    if run.advice_rule is None:
        return
    for name in run.queried or run.strategies:
        median = find_stops(run, name, run.advice_rule).median
        if median is not None:
            style = styles[name]
            axes.axvline(median, color=style.colour, linewidth=1.2, linestyle=(0, (2, 2)))
            top = axes.get_xaxis_transform()
            axes.plot(
                [median], [1], transform=top, marker=style.marker, color=style.colour, markersize=6, clip_on=False
            )
