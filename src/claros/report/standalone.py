"""Figures that stand alone, outside the page: the finding is written above them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import numpy as np

from claros.report.figures import Axes, Figure, canvas, clip, direct_labels, panel, text_width
from claros.report.look import INK, MUTED, RULE, ramp

__all__ = ["HEAD", "Line", "head", "lines"]

#: A line of a figure: its name, and its values by place along the axis.
Line = tuple[str, Sequence[float], Sequence[float]]

#: Pixels that a sentence of one line takes above a figure, and every further line.
HEAD, _FURTHER = 46, 20
_LEFT, _BOTTOM, _HEIGHT = 52, 46, 300
#: Lines with a name at their end; of more, those spread evenly. Places along the axis that each have a tick.
_NAMED, _TICKS = 10, 8
#: Letters of a name.
_LONGEST = 26


def head(sentence: str, width: int, note: str = "") -> tuple[int, Callable[[Figure], None]]:
    """The height that a sentence and a quiet note need above a figure, and what writes them there."""
    said = textwrap.wrap(sentence, max(20, int(width / (13 * 0.55)))) or [""]
    noted = textwrap.wrap(note, max(20, int(width / (11 * 0.55))))
    height = HEAD + _FURTHER * (len(said) - 1) + 17 * len(noted)

    def write(figure: Figure) -> None:
        total = figure.get_size_inches()[1] * 72
        wide = figure.get_size_inches()[0] * 72
        y = total - 20.0
        for line in said:
            figure.text(10 / wide, y / total, line, color=INK, fontsize=13, va="center")
            y -= _FURTHER
        for line in noted:
            figure.text(10 / wide, y / total, line, color=MUTED, fontsize=11, va="center")
            y -= 17

    return height, write


def lines(
    drawn: Sequence[Line], *, sentence: str, note: str, across: str, form: Callable[[float], str], width: int = 640
) -> Figure:
    """Curves over one axis, the first blue and the last orange, with names at their ends; axes start where data do."""
    colours = ramp(np.linspace(0, 1, len(drawn))) if len(drawn) > 1 else ramp(np.zeros(1))
    named = {round(place) for place in np.linspace(0, len(drawn) - 1, min(_NAMED, len(drawn)))}
    right = round(min(width * 0.4, 24 + max(text_width(clip(name, _LONGEST)) for name, _, _ in drawn)))
    top, write = head(sentence, width, note)
    figure = canvas(width, top + _HEIGHT + _BOTTOM)
    axes = panel(figure, _LEFT, top + 12, width - _LEFT - right, _HEIGHT - 12)
    _limits(axes, drawn)
    ends = []
    for place, ((name, x, y), colour) in enumerate(zip(drawn, colours, strict=True)):
        last = place == len(drawn) - 1
        axes.plot(x, y, color=colour, linewidth=2.4 if last else 1.4, clip_on=False)
        shown = slice(None) if len(drawn) == 1 and len(x) <= 2 * _TICKS else slice(-1, None)
        axes.plot(x[shown], y[shown], linestyle="", color=colour, marker="o", markersize=5, clip_on=False)
        if place in named:
            ends.append((clip(name, _LONGEST), float(x[-1]), float(y[-1]), colour))
    direct_labels(axes, ends)
    axes.set_xlabel(across, color=MUTED, loc="right", labelpad=6)
    axes.yaxis.set_major_formatter(lambda value, _: form(value))
    axes.yaxis.get_major_locator().set_params(nbins=6)
    write(figure)
    return figure


def _limits(axes: Axes, drawn: Sequence[Line]) -> None:
    x = np.concatenate([np.asarray(line[1], dtype=float) for line in drawn])
    y = np.concatenate([np.asarray(line[2], dtype=float) for line in drawn])
    y = y[np.isfinite(y)] if np.isfinite(y).any() else np.array([0.0, 1.0])
    wide, high = float(np.ptp(x)) or 1.0, float(np.ptp(y)) or max(abs(float(y[0])), 1.0) * 0.1
    axes.set_xlim(float(x.min()), float(x.min()) + wide)
    low = float(y.min()) - 0.04 * high
    axes.set_ylim(max(low, 0.0) if y.min() >= 0 else low, float(y.min()) + 1.04 * high)
    if len(places := np.unique(x)) <= _TICKS:
        axes.set_xticks(places)
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines["bottom"].set_color(RULE)
