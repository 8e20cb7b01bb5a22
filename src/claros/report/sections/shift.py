"""Label shift: how often each class is in the target, against the first labels, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Axes, Figure, canvas, clip, direct_labels, panel, text_width
from claros.report.format import capital, count, join, percent
from claros.report.load import Run
from claros.report.look import CYCLE, INK, MUTED, VARIABLES, Style
from claros.report.markup import Html, cell, paragraph, table
from claros.report.sections.section import Section, View, figure
from claros.report.tables import Table

__all__ = ["Found", "build", "find", "finding"]

#: Strategies with a panel, and classes with a line in it: those whose weights are farthest from 1.
_PANELS, _LINES = 4, 8
_HEIGHT, _ABOVE, _BELOW, _LEFT = 190, 34, 44, 44
_COLOURS = {name: code for code, name in VARIABLES.items()}


@dataclass(frozen=True)
class Found:
    """What one strategy found, over the rounds R that all seeds have: means over seeds, NaN where there is nothing.

    ``weights``, ``low`` and ``high`` (R, C) are target share over source share; ``error`` (R,) is the sum over classes
    of |estimated - true| target share, where a simulation knows it; ``active`` the share of rounds and seeds that were
    corrected, and ``why`` what the last round of the first seed said.
    """

    strategy: str
    classes: Sequence[str]
    labels: Floats
    weights: Floats
    low: Floats
    high: Floats
    error: Floats
    active: float
    why: str

    @property
    def farthest(self) -> list[int]:
        """Classes by how far their last weights are from 1, the farthest first."""
        distance = np.abs(np.log(np.maximum(self.weights[-1], 1e-3)))
        return [int(place) for place in np.argsort(-np.nan_to_num(distance, nan=-1.0), kind="stable")]


def build(view: View) -> Section:
    """Weights over labels spent for each strategy, how wrong the class shares are, and why it was corrected or not."""
    found = find(view.run)
    told = [one for one in found if np.isfinite(one.weights).any()][:_PANELS]
    body = Html()
    if told and view.draws("shift"):
        drawing = view.drawing(
            "shift",
            "Weights of classes over labels spent for each strategy, with intervals, and the error of class shares.",
            lambda width: _paint(told, found, view.styles, width),
            lambda: _behind(found),
            width=900,
        )
        body = figure(view, drawing, _note(view.run, found, told))
    left = [one.strategy for one in found if one not in told]
    more = paragraph(f"Without a panel here: {join(left)}.", class_="note") if told and left and body else Html()
    return Section("shift", "Label shift", finding(found), Html(body + more + _table(found)))


def find(run: Run) -> list[Found]:
    """Every strategy that looked for a label shift, in the order of the run."""
    rows = run.shift
    if rows is None or not len(rows):
        return []
    return [_of(name, own) for name in run.arms if len(own := rows.where(strategy=name))]


def _of(strategy: str, rows: Table) -> Found:
    seeds = len(rows.by("seed"))
    whole = [key for key, own in rows.by("round").items() if len(own.by("seed")) == seeds]
    rounds, classes = sorted(int(number) for (number,) in whole), [str(name) for name in rows.distinct("class")]
    weights, low, high = (np.full((len(rounds), len(classes)), np.nan) for _ in range(3))
    for (number, name), own in rows.by("round", "class").items():
        if int(number) in rounds:
            place = rounds.index(int(number)), classes.index(str(name))
            for values, column in ((weights, "weight"), (low, "low"), (high, "high")):
                values[place] = np.mean(own[column])
    of_rounds = [rows.where(round=float(number)) for number in rounds]
    labels = np.array([np.mean(own["n_labeled"]) for own in of_rounds])
    error = np.array([np.mean(own["prior_error"]) for own in of_rounds])
    first = rows.where(seed=min(rows["seed"]))
    why = str(first["why"][int(np.argmax(first["round"]))])
    return Found(strategy, classes, labels, weights, low, high, error, float(np.mean(rows["active"])), why)


def finding(found: Sequence[Found]) -> str:
    """Which strategies corrected, which did not, and how wrong their class shares were at the end."""
    active = [one.strategy for one in found if one.active > 0.5]
    passive = [one.strategy for one in found if one.active <= 0.5]
    said = [f"label shift was corrected for in {join(active)}"] if active else []
    said += [f"nothing was corrected in {join(passive)}"] if passive else []
    known = [one for one in found if np.isfinite(one.error[-1:]).any()]
    end = ""
    if known:
        best = min(known, key=lambda one: float(one.error[-1]))
        end = f" The target's class shares were off by {best.error[-1]:.2f} in all at the end for {best.strategy}"
        worst = max(known, key=lambda one: float(one.error[-1]))
        end += f", by {worst.error[-1]:.2f} for {worst.strategy}." if worst is not best else "."
    return capital("; ".join(said)) + "." + end


def _note(run: Run, found: Sequence[Found], told: Sequence[Found]) -> str:
    seeds = f"; means over {len(run.seeds)} seeds" if len(run.seeds) > 1 else ""
    some = f" The {_LINES} classes farthest from 1 are drawn." if len(told[0].classes) > _LINES else ""
    known = any(np.isfinite(one.error).any() for one in found)
    last = " Last: the sum over classes of how far estimated shares are from the true ones." if known else ""
    return (
        f"A weight is a class's share in the target over its share in what it is compared with; 1 (dashed) is no "
        f"shift; bands: 95 % intervals{seeds}.{some}{last}"
    )


def _behind(found: Sequence[Found]) -> dict[str, list[Any]]:
    names = ("strategy", "n_labeled", "class", "weight", "low", "high", "prior_error")
    rows = [
        (one.strategy, float(one.labels[r]), name, *(float(t[r, c]) for t in (one.weights, one.low, one.high)), error)
        for one in found
        for r, error in enumerate(one.error.tolist())
        for c, name in enumerate(one.classes)
    ]
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _paint(told: Sequence[Found], found: Sequence[Found], styles: Mapping[str, Style], width: int) -> Figure:
    known = [one for one in found if np.isfinite(one.error).all()]
    panels = len(told) + (1 if known else 0)
    columns = 2 if width >= 700 and panels > 1 else 1
    rows = -(-panels // columns)
    each, row = width / columns, _ABOVE + _HEIGHT + _BELOW
    names = [*(name for one in told for name in one.classes), *(one.strategy for one in known)]
    right = round(min(140.0, 24 + max(text_width(clip(name, 16)) for name in names)))
    whole = canvas(width, row * rows)
    for place in range(panels):
        left, top = (place % columns) * each + _LEFT, (place // columns) * row + _ABOVE
        axes = panel(whole, left, top, each - _LEFT - right, _HEIGHT)
        if place < len(told):
            _weights(axes, told[place])
        else:
            _errors(axes, known, styles)
        axes.set_xlabel("labels spent", color=MUTED, loc="right", fontsize=11, labelpad=2)
        axes.xaxis.set_major_formatter(lambda x, _: count(x))
        axes.xaxis.get_major_locator().set_params(nbins=5, integer=True)
    return whole


def _weights(axes: Axes, one: Found) -> None:
    axes.set_title(f"{clip(one.strategy, 30)}: weights", loc="left", fontsize=12, color=INK, pad=8)
    ends = []
    for place, code in enumerate(sorted(one.farthest[:_LINES])):
        colour, values = _COLOURS[CYCLE[place % len(CYCLE)]], one.weights[:, code]
        axes.plot(one.labels, values, color=colour, linewidth=1.6, marker="o", markersize=3)
        if np.isfinite(one.low[:, code]).all():
            axes.fill_between(one.labels, one.low[:, code], one.high[:, code], color=colour, alpha=0.1, linewidth=0)
        ends.append((clip(one.classes[code], 16), float(one.labels[-1]), float(values[-1]), colour))
    axes.axhline(1.0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    _finish(axes, ends)


def _errors(axes: Axes, known: Sequence[Found], styles: Mapping[str, Style]) -> None:
    axes.set_title("error of the target's class shares", loc="left", fontsize=12, color=INK, pad=8)
    ends = []
    for one in known:
        look = styles[one.strategy]
        axes.plot(one.labels, one.error, color=look.colour, linewidth=2, linestyle=look.line)
        ends.append((clip(one.strategy, 16), float(one.labels[-1]), float(one.error[-1]), look.colour))
    axes.set_ylim(bottom=0)
    _finish(axes, ends)


def _finish(axes: Axes, ends: list[tuple[str, float, float, str]]) -> None:
    axes.margins(x=0.0, y=0.08)
    axes.autoscale_view()
    axes.yaxis.get_major_locator().set_params(nbins=5)
    direct_labels(axes, [end for end in ends if np.isfinite(end[2])])


def _table(found: Sequence[Found]) -> Html:
    """What each strategy did, and why; its farthest weight with the interval; and how wrong the shares are."""
    header = ("strategy", "corrected", "why, at last", "farthest weight", "error of the shares")
    caption = "Corrected: the share of rounds and seeds. The reason is that of the last round of the first seed."
    return table(header, [_row(one) for one in found], caption=caption, words=3)


def _row(one: Found) -> list[object]:
    weight = ""
    if np.isfinite(one.weights[-1]).any():
        code = one.farthest[0]
        weight = f"{clip(one.classes[code], 16)} {one.weights[-1, code]:.2f}"
        if np.isfinite(one.low[-1, code]):
            weight += f" ({one.low[-1, code]:.2f} to {one.high[-1, code]:.2f})"
    error = f"{one.error[-1]:.2f}" if np.isfinite(one.error[-1]) else ""
    words = [one.strategy, percent(one.active, 1.0), one.why, weight, error]
    return [cell(value, quiet=one.active == 0, word=place < 3) for place, value in enumerate(words)]
