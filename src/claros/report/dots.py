"""Dots with intervals: a row for each setting, a panel for each arm or rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from claros.report.figures import Axes, Figure, canvas, clip, columns_for, panel, text_width
from claros.report.look import INK, MUTED, RULE, Style

__all__ = ["Dot", "Panel", "paint_dots"]

_TOP, _FOOT = 30, 40


@dataclass(frozen=True)
class Dot:
    """A value in a row, with its interval if it has one; ``faint`` where it says nothing sure.

    Dots that share a row may be a little above or below its middle.
    """

    row: float
    value: float | None
    style: Style
    low: float | None = None
    high: float | None = None
    faint: bool = False


@dataclass(frozen=True)
class Panel:
    """What one panel shows."""

    title: str
    dots: Sequence[Dot]


def paint_dots(
    panels: Sequence[Panel],
    rows: Sequence[str],
    width: int,
    *,
    limits: tuple[float, float],
    label: str,
    tick: Callable[[float], str],
    zero: bool = True,
    row_height: int = 17,
) -> Figure:
    """Panels side by side while they fit, rows named at the left; what is beyond the limits ends there."""
    left = round(min(0.4 * width, 14 + max(text_width(clip(row, 30), 11) for row in rows)))
    columns = columns_for(width - left, len(panels), 190)
    each = (width - left) / columns
    height = len(rows) * row_height
    whole = canvas(width, math.ceil(len(panels) / columns) * (height + _TOP + _FOOT))
    for i, one in enumerate(panels):
        top = (i // columns) * (height + _TOP + _FOOT) + _TOP
        axes = panel(whole, left + (i % columns) * each, top, each - 34, height)
        axes.set_title(clip(one.title, 26), loc="left", fontsize=12, color=INK, pad=8)
        names = [clip(row, 30) for row in rows] if i % columns == 0 else [""] * len(rows)
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(*limits)
        if zero:
            axes.axvline(0, color=MUTED, linewidth=1)
        for dot in one.dots:
            _paint_dot(axes, dot, limits)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.xaxis.set_major_formatter(lambda x, _: tick(x))
        axes.xaxis.get_major_locator().set_params(nbins=4)
        axes.set_xlabel(label, color=MUTED, loc="right", fontsize=11, labelpad=2)
    return whole


def _paint_dot(axes: Axes, dot: Dot, limits: tuple[float, float]) -> None:
    strength = 0.45 if dot.faint else 1.0
    low, high = limits
    if dot.low is not None or dot.high is not None:
        ends = [max(low, min(high, low if dot.low is None else dot.low)),
                max(low, min(high, high if dot.high is None else dot.high))]  # fmt: skip
        axes.plot(ends, [dot.row] * 2, color=dot.style.colour, linewidth=1.4, alpha=strength, solid_capstyle="butt")
    if dot.value is not None and low <= dot.value <= high:
        filled = "none" if dot.faint else dot.style.colour
        axes.plot([dot.value], [dot.row], color=dot.style.colour, marker=dot.style.marker, markersize=6.5,
                  markerfacecolor=filled, alpha=max(strength, 0.7), clip_on=False)  # fmt: skip
