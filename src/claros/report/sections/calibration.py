"""Calibration: whether the last model's probabilities mean what they say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.measures.calibration import Reliability, reliability
from claros.report.figures import Figure, canvas, clip, columns_for, panel
from claros.report.format import percent, size
from claros.report.load import Run
from claros.report.look import INK, MUTED, Style
from claros.report.markup import Html, table
from claros.report.sections.section import Section, View, figure, nothing
from claros.report.tables import Table

__all__ = ["behind", "build", "finding", "means", "pooled"]

_SIDE, _GAP = 210, 74
_BINS = 15


def build(view: View) -> Section:
    """A reliability diagram for each strategy."""
    run = view.run
    found = {name: bins for name in run.strategies if (bins := pooled(run, name)) is not None}
    said = finding(run, found)
    if not found:
        missing = "The predictions on the test set were not kept; errors are those of the results' table."
        return Section("calibration", "Calibration", said, Html(nothing(missing) + _table(run, found)))
    if not view.draws("calibration"):
        return Section("calibration", "Calibration", said, _table(run, found))
    drawing = view.drawing(
        "calibration",
        "Accuracy over confidence in bins, a panel for each strategy; the diagonal is perfect calibration.",
        lambda width: _paint(found, view.styles, width),
        lambda: behind(found),
    )
    seeds = ", all seeds together" if len(run.seeds) > 1 else ""
    note = (
        f"15 bins of equal width{seeds}; a point's area is the share of test items in its bin. On the line: calibrated."
    )
    return Section("calibration", "Calibration", said, Html(figure(view, drawing, note) + _table(run, found)))


def finding(run: Run, found: Mapping[str, Reliability]) -> str:
    """Over- or underconfidence of the first strategy, with its expected calibration error."""
    name = run.strategies[0]
    error = _error(run, name)
    ece = (
        f"expected calibration error {percent(error)}" if math.isfinite(error) else "no calibration error was measured"
    )
    if name not in found:
        return f"The last model of {name}: {ece}."
    confidence, accuracy = means(found[name])
    gap = confidence - accuracy
    if abs(gap) < 0.01:
        how = "about as confident as it is right"
    else:
        how = f"{'over' if gap > 0 else 'under'}confident by {size(gap)}"
    return f"The last model of {name} is {how} ({percent(confidence)} sure, {percent(accuracy)} right; {ece})."


def pooled(run: Run, strategy: str) -> Reliability | None:
    """The bins of the last round, all seeds' predictions together; ``None`` if none were kept."""
    if run.reliability is not None:
        return _from_table(run.reliability.where(strategy=strategy))
    tables = []
    for seed in run.seeds_of(strategy):
        probs = run.test_probs(strategy, seed)
        if probs is not None and run.test_labels is not None and (run.test_labels >= 0).any():
            known = run.test_labels >= 0
            tables.append(reliability(run.test_labels[known], probs[known]))
    if not tables:
        return None
    count = np.sum([one.count for one in tables], axis=0)
    filled = np.where(count > 0, count, np.nan)
    confidence = np.nansum([one.count * one.confidence for one in tables], axis=0) / filled
    accuracy = np.nansum([one.count * one.accuracy for one in tables], axis=0) / filled
    return Reliability(tables[0].edges, confidence, accuracy, count)


def _from_table(binned: Table) -> Reliability | None:
    """Bins that are not in the table have no items."""
    if not len(binned):
        return None
    count = np.zeros(_BINS, dtype=np.int64)
    confidence, accuracy = np.full(_BINS, np.nan), np.full(_BINS, np.nan)
    places = binned["bin"].astype(np.int64)
    count[places], confidence[places], accuracy[places] = binned["n"], binned["confidence"], binned["accuracy"]
    return Reliability(np.linspace(0, 1, _BINS + 1), confidence, accuracy, count)


def behind(found: Mapping[str, Reliability]) -> dict[str, list[Any]]:
    """Bins that have items, by strategy: their number, mean confidence and accuracy."""
    columns: dict[str, list[Any]] = {name: [] for name in ("strategy", "bin", "n", "confidence", "accuracy")}
    for name, bins in found.items():
        places = np.flatnonzero(bins.count)
        columns["strategy"] += [name] * len(places)
        columns["bin"] += places.tolist()
        for column, values in (("n", bins.count), ("confidence", bins.confidence), ("accuracy", bins.accuracy)):
            columns[column] += values[places].tolist()
    return columns


def means(bins: Reliability) -> tuple[float, float]:
    """Mean confidence and accuracy over all items."""
    filled = bins.count > 0
    weights = bins.count[filled] / bins.count.sum()
    return float(weights @ bins.confidence[filled]), float(weights @ bins.accuracy[filled])


def _error(run: Run, strategy: str) -> float:
    own = run.results.where(strategy=strategy).last_rounds()["ece"]
    known = own[np.isfinite(own)]
    return float(known.mean()) if known.size else math.nan


def _table(run: Run, found: Mapping[str, Reliability]) -> Html:
    rows = []
    for name in run.strategies:
        confidence, accuracy = means(found[name]) if name in found else (math.nan, math.nan)
        rows.append((name, percent(_error(run, name)), percent(confidence), percent(accuracy)))
    header = ("strategy", "expected calibration error", "mean confidence", "accuracy")
    return table(header, rows, caption="After the last round, means over seeds.")


def _paint(found: Mapping[str, Reliability], styles: Mapping[str, Style], width: int) -> Figure:
    columns = columns_for(width, len(found), 270)
    rows = math.ceil(len(found) / columns)
    whole = canvas(width, rows * (_SIDE + _GAP))
    each = width / columns
    for i, (name, bins) in enumerate(found.items()):
        axes = panel(whole, (i % columns) * each + 40, (i // columns) * (_SIDE + _GAP) + 28, _SIDE, _SIDE)
        axes.set_title(f"{clip(name, 20)}: right, %", loc="left", fontsize=12, color=INK, pad=10)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1)
        filled = bins.count > 0
        share = bins.count[filled] / bins.count.sum()
        colour = styles[name].colour
        axes.plot(
            bins.confidence[filled], bins.accuracy[filled], color=colour, linewidth=1.2, linestyle=styles[name].line
        )
        axes.scatter(
            bins.confidence[filled],
            bins.accuracy[filled],
            s=12 + 320 * share,
            color=colour,
            linewidths=0,
            clip_on=False,
            zorder=3,
        )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence, %", color=MUTED, loc="right", fontsize=11, labelpad=3)
    return whole
