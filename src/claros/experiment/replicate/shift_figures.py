"""Figures of runs under label shift: accuracy, and how wrong the target's class shares are, against labels bought."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from claros.arrays import Floats
from claros.experiment.replicate.blocks import BASE, Block
from claros.report.figures import Axes, Figure, canvas, direct_labels, panel
from claros.report.look import INK, MUTED, Style, styles
from claros.report.svg import Drawing, save

__all__ = ["mean_and_interval", "write_figures"]

_WIDTH, _HEIGHT, _TOP, _LEFT, _NAMES = 1100, 420, 46, 44, 178
#: Arms in the order in which they take colours: those that a reader compares first have colours of their own.
_FIRST = ("default", "prediction", "MALLS as coded", "weights", "quotas", "oracle")


def write_figures(blocks: Iterable[Block], folder: Path) -> list[Path]:
    """A figure of each block as PDF and PNG, with the data behind it, into the folder; the paths of the PDFs."""
    found = []
    for block in blocks:
        drawing = _drawing(block)
        save(drawing, folder)
        found.append(folder / f"{drawing.name}.pdf")
    return found


def mean_and_interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Mean over draws (rounds,), and Student's interval of it; the mean itself where there is one draw.

    >>> mean, low, high = mean_and_interval(np.array([[1.0], [3.0]]))
    >>> mean.tolist(), (high - mean).round(3).tolist()  # 12.706 * sqrt(2) / sqrt(2)
    ([2.0], [12.706])
    """
    mean, n = values.mean(axis=0), len(values)
    if n < 2:
        return mean, mean, mean
    half = float(stdtrit(n - 1, (1 + level) / 2)) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def _paired(values: Floats, base: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean (rounds,), and around it the interval of the difference to the uncorrected arm, paired by draw.

    Draws differ far more than arms do: an interval of the level would show the draws.
    """
    between, low, high = mean_and_interval(values - base)
    mean = values.mean(axis=0)
    return mean, mean + low - between, mean + high - between


def _drawing(block: Block) -> Drawing:
    name = re.sub(r"[^a-z0-9.]+", "-", f"{block.data} {block.law} {block.alpha:g} {block.model}".lower()).strip("-.")
    label = f"Accuracy and the error of the target's class shares against labels bought: {block.name}."
    return Drawing(name, label, lambda width: _paint(block, width), lambda: _behind(block), _WIDTH)


def _behind(block: Block) -> dict[str, list[Any]]:
    """Mean and interval of every arm and round, as columns."""
    names = ("arm", "what", "bought", "mean", "low", "high", "draws")
    rows = [
        (arm, what, *numbers, len(values))
        for what, tables in (("accuracy", block.accuracy), ("prior_error", block.prior_error))
        for arm, values in tables.items()
        if np.isfinite(values).all()
        for numbers in zip(*map(np.ndarray.tolist, (block.bought, *_paired(values, tables[BASE]))), strict=True)
    ]
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _paint(block: Block, width: int) -> Figure:
    order = sorted(block.accuracy, key=lambda arm: _FIRST.index(arm) if arm in _FIRST else len(_FIRST))
    looks = {**styles([arm for arm in order if arm != BASE], "random"), BASE: Style(INK, "solid", "")}
    side = width >= 2 * (_LEFT + _NAMES + 180)
    each = width / 2 if side else width
    whole = canvas(width, _HEIGHT if side else 2 * _HEIGHT)
    whole.text(8 / width, 1 - 14 / (_HEIGHT if side else 2 * _HEIGHT), _title(block), fontsize=13, va="center")
    panels = (("accuracy, %", block.accuracy, 100.0), ("error of the target's class shares", block.prior_error, 1.0))
    for place, (what, tables, scale) in enumerate(panels):
        left, top = (each * place, 0) if side else (0, _HEIGHT * place)
        axes = panel(whole, left + _LEFT, top + _TOP + 14, each - _LEFT - _NAMES, _HEIGHT - _TOP - 62)
        _lines(axes, block.bought, {arm: scale * values for arm, values in tables.items()}, looks)
        axes.set_title(what, loc="left", fontsize=11, color=MUTED)
        axes.set_xlabel("labels bought", color=MUTED, loc="right", fontsize=11)
    return whole


def _title(block: Block) -> str:
    draws = "one draw"
    if block.draws > 1:
        draws = f"means of {block.draws} draws; bands: 95 % intervals of the difference to {BASE}, paired by draw"
    return f"{block.name}: {draws}"


def _lines(axes: Axes, bought: Floats, tables: Mapping[str, Floats], looks: Mapping[str, Style]) -> None:
    ends, levels = [], []
    for arm, values in tables.items():
        if not np.isfinite(values).all():
            continue
        mean, low, high = _paired(values, tables[BASE])
        levels += [float(mean.min()), float(mean.max())]
        look = looks[arm]
        axes.plot(bought, mean, color=look.colour, linestyle=look.line, linewidth=2)
        axes.fill_between(bought, low, high, color=look.colour, alpha=0.08, linewidth=0)
        ends.append((arm, float(bought[-1]), float(mean[-1]), look.colour))
    axes.set_xlim(float(bought[0]), max(float(bought[-1]), float(bought[0]) + 1))
    if levels:
        around = 0.1 * (max(levels) - min(levels)) or 0.1
        axes.set_ylim(min(levels) - around, max(levels) + around)
    direct_labels(axes, ends)
