"""What figures are made of: a canvas in pixels, quiet panels, names at the ends of lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, TypeAlias

from claros.errors import require
from claros.report.look import MUTED, RULE

__all__ = ["Axes", "Figure", "canvas", "clip", "columns_for", "direct_labels", "key", "panel", "spread", "text_width"]

#: matplotlib's objects, which have no types of ours.
Figure: TypeAlias = Any
Axes: TypeAlias = Any


def canvas(width: int, height: int) -> Figure:
    """An empty figure of so many CSS pixels."""
    figure = require("matplotlib.figure", "report", "A report").Figure(figsize=(width / 72, height / 72), dpi=72)
    figure.patch.set_alpha(0)
    return figure


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in pixels from the top left: quiet horizontal rules, no box."""
    full_width, full_height = figure.get_size_inches() * 72
    axes = figure.add_axes(
        (left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height)
    )
    axes.patch.set_alpha(0)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(length=0, labelsize=11, labelcolor=MUTED, pad=5)
    axes.grid(axis="y", color=RULE, linewidth=1)
    axes.set_axisbelow(True)
    return axes


def columns_for(width: int, panels: int, least: int) -> int:
    """How many panels of at least so many pixels stand side by side."""
    return max(1, min(panels, width // least))


def direct_labels(axes: Axes, ends: Sequence[tuple[str, float, float, str]], *, gap: float = 15) -> None:
    """Names right of the axes, each with a hair to its line's end, pushed apart by least displacement.

    ``ends`` holds (name, x, y, colour), x and y in data; limits of the axes must be set before.
    """
    extent = axes.get_window_extent()
    low, high = axes.get_ylim()
    wanted = [(y - low) / (high - low) * extent.height for _, _, y, _ in ends]
    for (name, x, y, colour), place in zip(ends, spread(wanted, gap, 0.0, extent.height), strict=True):
        axes.annotate(
            name,
            (x, y),
            xytext=(extent.width + 14, place),
            textcoords="axes points",
            va="center",
            color=colour,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "linestyle": "solid" if x >= axes.get_xlim()[1] else (0, (1, 4)),  # a long hair is no curve
                "shrinkA": 1,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )


def key(figure: Figure, entries: Sequence[tuple[str, str, float]], *, left: float) -> None:
    """Squares of (name, colour, opacity) with their names along the top, in as many lines as they need."""
    width, height = figure.get_size_inches() * 72
    x, y = left, height - 14
    for name, colour, opacity in entries:
        if x > left and x + 20 + text_width(name, 11) > width:
            x, y = left, y - 20
        figure.text(x / width, y / height, "■", color=colour, alpha=opacity, va="center", fontsize=13)
        figure.text((x + 16) / width, y / height, name, color=MUTED, va="center", fontsize=11)
        x += 32 + text_width(name, 11)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least ``gap`` apart and as near to the wanted ones as can be (least squares), within the bounds.

    Pool-adjacent-violators on the places less their share of the gaps; O(n log n).

    >>> spread([0.0, 100.0, 101.0], gap=15, low=0.0, high=200.0)
    [0.0, 93.0, 108.0]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    blocks: list[tuple[float, int]] = []  # mean and size
    for rank, i in enumerate(order):
        blocks.append((places[i] - rank * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (first, n), (second, m) = blocks[-2], blocks[-1]
            blocks[-2:] = [((first * n + second * m) / (n + m), n + m)]
    flat = [mean for mean, size in blocks for _ in range(size)]
    ceiling = high - (len(places) - 1) * gap
    placed = [0.0] * len(places)
    for rank, i in enumerate(order):
        placed[i] = max(low, min(flat[rank], ceiling)) + rank * gap
    return placed


def text_width(line: str, size: float = 12) -> float:
    """Pixels that a line takes at most: letters of scripts written in squares count double."""
    return size * sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.62 for letter in line)


def clip(name: str, length: int = 22) -> str:
    """A name short enough for a figure; its end stays, because numbered names differ there.

    >>> clip("a species with a number, 46", 14)
    'a species… 46'
    """
    flat = " ".join(name.split())
    end = length // 4
    return flat if len(flat) <= length else f"{flat[: length - end - 1].rstrip()}…{flat[-end:]}"
