"""Calibration in all settings: a small reliability diagram for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.measures.calibration import Reliability
from claros.report.figures import Axes
from claros.report.format import join, percent, size
from claros.report.look import MUTED
from claros.report.markup import Html, table
from claros.report.markup import join as together
from claros.report.multiples import paint_multiples
from claros.report.overview.view import BenchView
from claros.report.sections.calibration import behind, means, pooled
from claros.report.sections.section import Section, figure, nothing
from claros.report.svg import Drawing

__all__ = ["build", "finding"]

_TITLE = "Calibration"
#: Settings that have a panel, and the share of the items that a bin must have to be drawn.
_PANELS, _FEW = 24, 0.01

Found = Mapping[str, Mapping[str, Reliability]]


def build(view: BenchView) -> Section:
    """Small multiples, and the errors of each arm."""
    found = {one.run.name: _bins(one.run) for one in view.views}
    found = {setting: bins for setting, bins in found.items() if bins}
    if not found:
        said = "No predictions on test data were kept."
        return Section("calibration", _TITLE, said, nothing("The table of reliability has no rows."))
    shown = [*found][:_PANELS]
    looks = {name: view.styles[name] for name in view.bench.strategies}
    drawing = Drawing(
        "calibration",
        "Accuracy over confidence in bins, a panel for each setting, a line for each strategy.",
        lambda width: paint_multiples(
            shown, lambda axes, i: _paint(axes, view, found[shown[i]]), looks, width, height=150
        ),
        lambda: _behind(found),
        width=1000,
    )
    note = (
        "Right, in percent, over confidence, in percent, all seeds together; bins with fewer than a hundredth of the "
        "items are left out. On the line: calibrated."
    )
    if len(shown) < len(found):
        note += f" The first {len(shown)} of {len(found)} settings; the others are in the file."
    body = together([figure(view, drawing, note), _table(view, found)])
    return Section("calibration", _TITLE, finding(found), body)


def _bins(run: Any) -> dict[str, Reliability]:
    return {name: bins for name in run.strategies if (bins := pooled(run, name)) is not None}


def finding(found: Found) -> str:
    """How many last models are sure too much or too little, and by how much on average."""
    gaps = [confidence - accuracy for bins in found.values() for confidence, accuracy in map(means, bins.values())]
    over, under = sum(gap > 0.01 for gap in gaps), sum(gap < -0.01 for gap in gaps)
    parts = [f"{n} are {how}" for n, how in ((over, "overconfident"), (under, "underconfident")) if n]
    mean = float(np.mean(gaps))
    about = f"on average by {size(mean)} {'too sure' if mean > 0 else 'not sure enough'}"
    if not parts:
        return f"All {len(gaps)} last models (a setting, a strategy) are about as sure as they are right."
    return f"Of {len(gaps)} last models (a setting, a strategy), {join(parts)} by more than a point; {about}."


def _behind(found: Found) -> dict[str, list[Any]]:
    tables = [(setting, behind(bins)) for setting, bins in found.items()]
    names = [*tables[0][1]]
    setting = [name for name, columns in tables for _ in columns["strategy"]]
    return {"setting": setting, **{name: [value for _, columns in tables for value in columns[name]] for name in names}}


def _table(view: BenchView, found: Found) -> Html:
    rows = []
    for name in view.bench.strategies:
        own = [means(bins[name]) for bins in found.values() if name in bins]
        confidence, accuracy = np.mean(own, axis=0).tolist() if own else (math.nan, math.nan)
        errors = [one.run.results.where(strategy=name).last_rounds()["ece"] for one in view.views
                  if name in one.run.strategies]  # fmt: skip
        error = [float(np.nanmean(values)) for values in errors if np.isfinite(values).any()]
        rows.append((name, percent(float(np.mean(error)) if error else None), percent(confidence), percent(accuracy)))
    header = ("strategy", "expected calibration error", "mean confidence", "accuracy")
    return table(header, rows, caption="After the last round, means over settings.")


def _paint(axes: Axes, view: BenchView, bins: Mapping[str, Reliability]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1)
    for name, own in reversed([*bins.items()]):
        filled = own.count > _FEW * own.count.sum()
        style = view.styles[name]
        axes.plot(own.confidence[filled], own.accuracy[filled], color=style.colour, linewidth=1.4, linestyle=style.line,
                  marker=style.marker, markersize=3)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0, 0.5, 1], ["0", "50", "100"])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
