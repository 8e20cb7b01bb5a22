"""Small multiples: the same small picture for every setting, so that they can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from claros.report.figures import Axes, Figure, canvas, clip, columns_for, panel, text_width
from claros.report.look import INK, Style

__all__ = ["paint_multiples"]

_LEFT, _TOP, _FOOT = 34, 34, 34


def paint_multiples(
    names: Sequence[str],
    paint: Callable[[Axes, int], None],
    styles: Mapping[str, Style],
    width: int,
    *,
    height: int = 130,
    least: int = 225,
) -> Figure:
    """A panel for each name, painted by its place; what the lines are stands along the top."""
    columns = columns_for(width, len(names), least) if width > 500 else 2
    each = min(width / columns, 1.5 * least)
    lines = _key_lines(styles, width)
    key = 12 + 20 * len(lines)
    row = _TOP + height + _FOOT
    whole = canvas(width, key + math.ceil(len(names) / columns) * row)
    _paint_key(whole, lines, styles)
    for i, name in enumerate(names):
        axes = panel(whole, (i % columns) * each + _LEFT, key + (i // columns) * row + _TOP, each - _LEFT - 14, height)
        axes.set_title(clip(name, round((each - 10) / 7.2)), loc="left", fontsize=12, color=INK, pad=10, x=-0.02)
        paint(axes, i)
    return whole


def _key_lines(styles: Mapping[str, Style], width: int) -> list[list[str]]:
    """Names of the lines, as many beside each other as fit."""
    lines: list[list[str]] = [[]]
    used = 0.0
    for name in styles:
        wide = 52 + text_width(clip(name), 12)
        if lines[-1] and used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append(name)
        used += wide
    return lines


def _paint_key(whole: Figure, lines: Sequence[Sequence[str]], styles: Mapping[str, Style]) -> None:
    width = whole.get_size_inches()[0] * 72
    axes = panel(whole, 0, 0, width, 12 + 20 * len(lines))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(12 + 20 * len(lines), 0)
    for line, names in enumerate(lines):
        x, y = 4.0, 12 + 20 * line
        for name in names:
            style = styles[name]
            axes.plot([x, x + 26], [y, y], color=style.colour, linewidth=2 if style.marker else 1, linestyle=style.line)
            axes.plot([x + 26], [y], color=style.colour, marker=style.marker, markersize=5)
            axes.text(x + 34, y, clip(name), va="center", fontsize=12, color=style.colour)
            x += 52 + text_width(clip(name), 12)
