"""Figures of an evaluation: what rules watched in one run, regret by arm and price, and who can be told from whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claros.experiment.stopping.arms import KINDS
from claros.experiment.stopping.evaluation import Evaluation
from claros.experiment.stopping.regret import ALL
from claros.experiment.stopping.watched import Said, Watched
from claros.report.figures import Axes, Figure, canvas, clip, panel, text_width
from claros.report.look import BLUE, INK, MUTED, VERMILION, Style, tint
from claros.report.multiples import paint_multiples
from claros.report.standings import paint_ranks, ranks_behind
from claros.report.svg import Drawing, save

__all__ = ["drawings", "write_figures"]

#: Arms of the heat map, and letters of a name.
_MOST, _LETTERS = 40, 34
_VALUE, _LIMIT, _STOP, _TRUTH = "what the rule watches", "its threshold", "its first stop", "test accuracy"
_LINES = {
    _TRUTH: Style(MUTED, "solid", ""),
    _VALUE: Style(BLUE, "solid", ""),
    _LIMIT: Style(INK, (0, (1, 1.5)), ""),
    _STOP: Style(VERMILION, (0, (6, 2)), ""),
}
#: One colour for each kind of arm, which has a line of its own, too.
_KINDS = dict(
    zip(
        KINDS,
        (
            Style(MUTED, (0, (5, 3)), "o"),
            Style(VERMILION, "solid", "D"),
            Style(BLUE, "solid", "s"),
            Style(INK, (0, (1, 1.5)), "^"),
            Style(INK, "solid", "v"),
        ),
        strict=True,
    )
)


def write_figures(found: Evaluation, out: Path) -> list[Path]:
    """Each figure as PDF and PNG, and its data beside it as Parquet; the paths of the PNGs."""
    for drawing in drawings(found):
        save(drawing, out)
    return [out / f"{drawing.name}.png" for drawing in drawings(found)]


def drawings(found: Evaluation) -> list[Drawing]:
    """The figures that can be made of what was found."""
    run = max(found.runs, key=lambda one: len(_shown(one)))
    made = [
        Drawing(
            "stopping-traces", f"What rules watched in {run.key}", lambda width: _traces(run, width), lambda: _of(run)
        ),
        Drawing(
            "stopping-regret", "Regret by arm and price", lambda width: _heat(found, width), lambda: _behind(found)
        ),
    ]
    ranks = found.ranks
    if ranks is not None:
        styles = {arm.name: _KINDS[arm.kind] for arm in found.arms}
        label = "Mean ranks of arms by regret"
        made.append(
            Drawing(
                "stopping-ranks",
                label,
                lambda width: paint_ranks(ranks, styles, width, longest=_LETTERS),
                lambda: ranks_behind(ranks),
            )
        )
    return made


def _shown(run: Watched) -> dict[str, Said]:
    """The rules that had something to say in two rounds or more."""
    return {name: said for name, said in run.said.items() if np.isfinite(said.value).sum() > 1}


def _traces(run: Watched, width: int) -> Figure:
    """A panel for each rule: its value over the labels, its threshold, its first stop; the accuracy in the first."""
    shown = _shown(run)
    names = [_TRUTH, *shown]

    def paint(axes: Axes, place: int) -> None:
        n = run.n_labeled
        axes.set_xlim(n[0], n[-1])
        if place == 0 and run.accuracy is not None:
            axes.plot(n, run.accuracy, color=_LINES[_TRUTH].colour, linewidth=2)
            return
        _paint_said(axes, run, shown[names[place]])

    return paint_multiples(names, paint, _LINES, width)


def _paint_said(axes: Axes, run: Watched, said: Said) -> None:
    for values, line, wide in ((said.threshold, _LIMIT, 1.0), (said.value, _VALUE, 2.0)):
        style = _LINES[line]
        axes.plot(run.n_labeled, values, color=style.colour, linestyle=style.line, linewidth=wide)
    if said.first is not None:
        style = _LINES[_STOP]
        axes.axvline(run.n_labeled[said.first], color=style.colour, linestyle=style.line, linewidth=1.4)


def _of(run: Watched) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"rule": [], "n_labeled": [], "value": [], "threshold": [], "stop": []}
    for name, said in _shown(run).items():
        columns["rule"] += [name] * len(run.rounds)
        columns["n_labeled"] += run.n_labeled.tolist()
        columns["value"] += said.value.tolist()
        columns["threshold"] += said.threshold.tolist()
        columns["stop"] += said.stop.tolist()
    return columns


def _cells(found: Evaluation) -> tuple[list[str], list[float], Mapping[tuple[str, float | None], float]]:
    """Arms by mean regret, the prices, and the regret of each pair; the mean under no price."""
    rows = [row for row in found.rows["regret"] if row["model"] == row["strategy"] == ALL]
    regret = {(row["arm"], row["price"]): row["regret"] for row in rows}
    means = {arm: value for (arm, price), value in regret.items() if price is None}
    return sorted(means, key=lambda arm: means[arm])[:_MOST], [*found.field.prices], regret


def _heat(found: Evaluation, width: int) -> Figure:
    """A matrix: a row an arm, the least mean regret first, a column a price; the darker the worse.

    The best in each column is bold, of those that somebody could follow.
    """
    arms, prices, regret = _cells(found)
    left = round(16 + max(text_width(clip(arm, _LETTERS), 11) for arm in arms))
    rows, columns = len(arms), [*prices, None]
    whole = canvas(width, 24 * rows + 84)
    axes = panel(whole, left, 40, width - left - 16, 24 * rows)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    values = np.array([[regret[arm, price] for price in columns] for arm in arms])
    strength = np.sqrt(np.clip(values / max(1e-9, float(np.quantile(values, 0.95))), 0, 1))
    axes.imshow(tint(VERMILION, 0.9 * strength), interpolation="none", aspect="auto")
    beyond = {arm.name for arm in found.arms if arm.kind == KINDS[4]}
    least = values[[arm not in beyond for arm in arms]].min(axis=0, initial=np.inf)
    for (row, column), value in np.ndenumerate(values):
        best = arms[row] not in beyond and value == least[column]
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=10, color=INK,
                  fontweight="bold" if best else "normal")  # fmt: skip
    axes.set_xticks(range(len(columns)), [*(f"{price:g}" for price in prices), "mean"])
    axes.xaxis.tick_top()
    axes.set_yticks(range(rows), [clip(arm, _LETTERS) for arm in arms])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlabel("price of a label over the worth of 1.00 of accuracy", color=MUTED, loc="right", labelpad=8)
    return whole


def _behind(found: Evaluation) -> dict[str, list[Any]]:
    arms, prices, regret = _cells(found)
    pairs: Sequence[tuple[str, float]] = [(arm, price) for arm in arms for price in prices]
    return {
        "arm": [arm for arm, _ in pairs],
        "price": [price for _, price in pairs],
        "regret": [regret[pair] for pair in pairs],
    }
