"""Learning curves: what each strategy reached, label by label, against random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

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

__all__ = ["behind", "build", "draw_curve", "finding"]

_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
#: Strategies that a sentence can name.
_SAID = 3
_LEFT, _TOP, _BOTTOM = 36, 44, 46
#: A seed or the mean, labels, values, and the bounds of the mean.
_Line: TypeAlias = tuple[str, Floats, Floats, tuple[Floats, Floats] | None]
#: Seeds with a line of their own: of an arm, and of all arms together.
_THIN, _THIN_IN_ALL = 10, 60


def build(view: View) -> Section:
    """Accuracy in full; macro-F1 behind a click, but not in a bench."""
    drawings = [_drawing(view, metric) for metric in (["accuracy"] if view.brief else _NAMES)]
    body = figure(view, drawings[0], _reading(view.run)) + paragraph(_stop_sentence(view.run))
    if not view.brief:
        note = "Every class counts the same, however rare it is."
        again = paragraph(finding(view.run, "macro_f1")) + figure(view, drawings[1], note)
        body += details("The same for macro-F1", Html(again))
    return Section("curves", "Learning curves", finding(view.run), Html(body))


def finding(run: Run, metric: str = "accuracy") -> str:
    """Where the strategies ended: each, or of many the best, the worst and the control."""
    ends = {name: (curve := run.curve(name, metric)).final[np.isfinite(curve.final)] for name in run.strategies}
    ends = {name: final for name, final in ends.items() if final.size}
    if not ends:
        return f"No {_NAMES[metric]} was measured."
    ranked = sorted(ends, key=lambda name: -float(ends[name].mean()))
    said = ranked
    if len(ranked) <= _SAID:
        parts = [f"{name} is at {_at(ends[name])}" for name in ranked]
    else:
        places = {ranked[0]: "highest", ranked[-1]: "lowest"}
        said = [*dict.fromkeys([ranked[0], ranked[-1], run.control or ranked[0]])]
        parts = [f"{name} is {places.get(name, '')} at {_at(ends[name])}".replace("  ", " ") for name in said]
    note = "; in brackets 95 % intervals of the mean" if any(_bounded(ends[name]) for name in said) else ""
    what = "" if metric == "accuracy" else f" in {_NAMES[metric]}"
    return f"With {_spent(run)} labels, {join(parts)}{what}{note}."


def _at(final: Floats) -> str:
    mean, low, high = (float(bound[0]) for bound in mean_interval(final[:, None]))
    bounds = f" ({interval(low, high)})" if _bounded(final) else ""
    return f"{percent(mean, (high - low) / 2)}{bounds}"


def _bounded(final: Floats) -> bool:
    """Whether there are seeds enough for an interval."""
    return len(final) >= MIN_SEEDS


def _spent(run: Run) -> str:
    ends = np.concatenate([run.curve(name, "accuracy").ends for name in run.strategies])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def _reading(run: Run) -> str:
    n, drawn = len(run.seeds), _most_seeds(run)
    some = f"{drawn} of {n} seeds, from the lowest to the highest" if drawn < n else f"{n} seeds"
    if n >= MIN_SEEDS:
        seeds = f"Thin lines: {some}; thick: the mean of all; band: its 95 % interval."
    elif n > 1:
        seeds = f"Thin lines: {some}; thick: the mean; too few seeds for an interval."
    else:
        seeds = "One seed, so no interval."
    bound = " Thin black line: the model trained on the whole pool." if run.upper_bound("accuracy") is not None else ""
    if run.bound is not None:
        bound += " Thin black curve: what choosing with the true labels could have had, one step ahead."
    curves = [run.curve(name, "accuracy") for name in run.strategies]
    cut = any(curve.shared.labels.size < curve.ready.labels.size for curve in curves)
    means = " A mean ends where the first of its seeds ends." if cut else ""
    return f"{seeds}{means}{bound} The axes start where the data start."


def _stop_sentence(run: Run) -> str:
    rule = run.advice_rule
    if rule is None:
        return "No stopping rule was watched."
    names = run.queried or run.strategies
    every = [find_stops(run, name, rule) for name in names]
    if not any(stops.n_stopped for stops in every):
        return f"{rule} would not have stopped {join(names, 'or')}, so there is no vertical line."
    said = median_stops(run, rule)
    if all(stops.median is None for stops in every):
        return f"{rule} would have stopped no more than half of the seeds, so there is no vertical line: {said}."
    seeds = f" (medians of {len(run.seeds)} seeds)" if len(run.seeds) > 1 else ""
    return f"Vertical lines, with a mark on their curves, show where {rule} would have stopped: {said}{seeds}."


def _drawing(view: View, metric: str) -> Drawing:
    label = f"{_NAMES[metric]} on the test set over labels spent, a line for each strategy."
    return view.drawing(
        metric, label, lambda width: _paint(view.run, view.styles, metric, width), lambda: behind(view.run, metric)
    )


def behind(run: Run, metric: str, *, seeds: bool = True) -> dict[str, list[Any]]:
    """The curves as columns: every seed if wanted, and the mean with its interval where all seeds are."""
    columns: dict[str, list[Any]] = {name: [] for name in ("strategy", "seed", "n_labeled", metric, "low", "high")}
    for name in run.arms:
        curve = run.curve(name, metric)
        every = _by_seed(run, name, curve) if seeds else ()
        rows: list[_Line] = [(str(seed), labels, row, None) for seed, labels, row in every]
        shared = curve.shared
        if shared.labels.size:
            mean, low, high = mean_interval(shared.values)
            rows.append(("mean", shared.labels, mean, (low, high)))
        for seed, labels, values, bounds in rows:
            nothing = [None] * len(labels)
            columns["strategy"] += [name] * len(labels)
            columns["seed"] += [seed] * len(labels)
            columns["n_labeled"] += labels.tolist()
            columns[metric] += values.tolist()
            columns["low"] += nothing if bounds is None else bounds[0].tolist()
            columns["high"] += nothing if bounds is None else bounds[1].tolist()
    return columns


def _by_seed(run: Run, strategy: str, curve: Curve) -> Iterator[tuple[int, Floats, Floats]]:
    for seed, row in zip(run.seeds_of(strategy), curve.values, strict=True):
        known = np.isfinite(row)
        yield seed, curve.labels[known], row[known]


def _paint(run: Run, styles: Mapping[str, Style], metric: str, width: int) -> Figure:
    bound = run.upper_bound(metric)
    names = [*run.arms, *(["all labels"] if bound is not None else [])]
    right = round(min(width * 0.36, 20 + max(text_width(clip(name)) for name in names)))
    height = 440 if width > 500 else 330
    figure = canvas(width, height)
    axes = panel(figure, _LEFT, _TOP, width - _LEFT - right, height - _TOP - _BOTTOM)
    curves = {name: run.curve(name, metric) for name in run.arms}
    _set_limits(axes, curves, bound)
    _mark_stops(axes, run, styles, curves)
    ends = []
    for name in reversed(run.arms):
        end = draw_curve(axes, curves[name], styles[name], thin=_most_seeds(run) if name != run.bound else 0)
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


def _most_seeds(run: Run) -> int:
    """How many seeds of an arm have a line of their own: few enough to be told apart."""
    return min(len(run.seeds), _THIN, max(3, _THIN_IN_ALL // len(run.strategies)))


def draw_curve(axes: Axes, curve: Curve, style: Style, *, thin: int, wide: float = 2.4) -> tuple[float, float] | None:
    """Some seeds, band and mean; returns where the mean ends, if there is one."""
    if curve.n_seeds > 1:
        for row in _spread_out(curve, thin):
            axes.plot(curve.labels, row, color=style.colour, alpha=0.2, linewidth=1)
    shared = curve.shared
    if not shared.labels.size:
        return None
    mean, low, high = mean_interval(shared.values)
    if style.marker and np.isfinite(low).all():
        axes.fill_between(shared.labels, low, high, color=style.colour, alpha=0.18, linewidth=0)
    axes.plot(shared.labels, mean, color=style.colour, linewidth=wide if style.marker else 1.0, linestyle=style.line)
    axes.plot(
        shared.labels[-1:], mean[-1:], color=style.colour, marker=style.marker, markersize=2.5 * wide, clip_on=False
    )
    return float(shared.labels[-1]), float(mean[-1])


def _spread_out(curve: Curve, most: int) -> Floats:
    """The rows of so many seeds, spread evenly from the lowest to the highest mean level."""
    if len(curve.values) <= most:
        return curve.values
    filled = np.isfinite(curve.values)
    levels = np.where(filled, curve.values, 0.0).sum(axis=1) / np.maximum(filled.sum(axis=1), 1)
    order = np.argsort(levels, kind="stable")
    return np.asarray(curve.values[np.sort(order[np.linspace(0, len(order) - 1, most).round().astype(int)])])


def _mark_stops(axes: Axes, run: Run, styles: Mapping[str, Style], curves: Mapping[str, Curve]) -> None:
    """A vertical line at each median stop, and a mark on the curve there."""
    if run.advice_rule is None:
        return
    for name in run.queried or run.strategies:
        median = find_stops(run, name, run.advice_rule).median
        if median is not None:
            style, shared = styles[name], curves[name].shared
            axes.axvline(median, color=style.colour, linewidth=1.2, linestyle=(0, (2, 2)))
            if shared.labels.size and median <= shared.labels[-1]:
                height = np.interp(median, shared.labels, shared.values.mean(axis=0))
                axes.plot([median], [height], marker=style.marker, color=style.colour, markersize=7, zorder=4)
