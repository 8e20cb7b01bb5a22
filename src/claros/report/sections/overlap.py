"""Whether strategies pick the same items: what two of them share, by the end and round by round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.report.figures import Axes, Figure, canvas, clip, direct_labels, panel, text_width
from claros.report.format import capital, percent
from claros.report.load import Run
from claros.report.look import BLUE, INK, MUTED, Style, tint
from claros.report.overlap import Overlap, find_overlap
from claros.report.sections.section import Section, View, figure, nothing

__all__ = ["build", "finding"]

#: Pairs that are named at the ends of their lines, and arms of which the matrix has room for numbers.
_NAMED, _WRITTEN = 3, 12
_TOP = 34


def build(view: View) -> Section:
    """A matrix, and a line for each pair."""
    found = find_overlap(view.run)
    if found is None:
        said = "There are no two strategies that picked anything after the start."
        return Section("overlap", "The same picks", said, nothing("There is nothing to compare."))
    drawing = view.drawing(
        "overlap",
        "Share of picked items that two strategies have in common: a matrix after the last round, lines by round.",
        lambda width: _paint(found, view.styles, width),
        lambda: _behind(found),
    )
    seeds = f", means over {len(view.run.seeds)} seeds" if len(view.run.seeds) > 1 else ""
    chance = " Dotted: two random draws of as many." if found.chance is not None else ""
    note = (
        f"Of the items that either strategy picked, those that both did, in percent{seeds}; the start, which they "
        f"share, is not counted. First: by the end. Then: round by round.{chance}"
    )
    return Section("overlap", "The same picks", finding(view.run, found), figure(view, drawing, note))


def finding(run: Run, found: Overlap) -> str:
    """The pair that shares most, and the one that shares least."""
    final, pairs = found.final, [pair for pair in found.pairs() if np.isfinite(found.final[pair])]
    if not pairs:
        return "No two strategies ran with the same seed."

    def named(pair: tuple[int, int]) -> str:
        return f"{found.names[pair[0]]} and {found.names[pair[1]]}"

    most, least = pairs[0], pairs[-1]
    chance = f" (by chance {percent(found.chance, 1.0)})" if found.chance is not None else ""
    share = f"share {percent(final[most], 1.0)} of what they picked by the end{chance}"
    if most == least:
        return f"{capital(named(most))} {share}."
    return f"{capital(named(most))} agree most: they {share}; {named(least)} least, {percent(final[least], 1.0)}."


def _behind(found: Overlap) -> dict[str, list[Any]]:
    """Shares by pair and round."""
    rows = [
        (found.names[i], found.names[j], number, float(found.shares[i, j, r]))
        for i, j in found.pairs()
        for r, number in enumerate(found.rounds)
        if np.isfinite(found.shares[i, j, r])
    ]
    return {name: [row[i] for row in rows] for i, name in enumerate(("strategy", "other", "round", "share"))}


def _paint(found: Overlap, styles: Mapping[str, Style], width: int) -> Figure:
    names = [clip(found.names[i], 16) for i in found.order]
    left = round(14 + max(text_width(name, 11) for name in names))
    stacked = width < 600
    side = min(36 * len(names) + 40, (width - left - 10) if stacked else (width - left) * 0.42)
    foot = round(20 + max(text_width(name, 11) for name in names)) if side / len(names) < left else 30
    height = _TOP + side + foot
    lines = 230
    whole = canvas(width, round(height + lines + 80) if stacked else round(max(height, lines + 80)))
    _paint_matrix(panel(whole, left, _TOP, side, side), found, names)
    start = 40 if stacked else left + side + 70
    right = min(170.0, 20 + max(text_width(clip(_pair(found, pair), 24)) for pair in found.pairs()[:_NAMED]))
    top = height + _TOP if stacked else _TOP
    _paint_lines(panel(whole, start, top, width - start - right, lines), found)
    return whole


def _paint_matrix(axes: Axes, found: Overlap, names: list[str]) -> None:
    order = found.order
    shares = found.final[np.ix_(order, order)]
    np.fill_diagonal(shares, np.nan)
    darkest = float(np.nanmax(shares, initial=0.01))
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.imshow(tint(BLUE, np.nan_to_num(shares) / darkest), interpolation="none", aspect="auto")
    axes.set_title("by the end, %", loc="left", fontsize=12, color=INK, pad=8)
    long = max(text_width(name, 11) for name in names) > axes.get_window_extent().width / len(names)
    axes.set_xticks(range(len(names)), names, rotation=90 if long else 0)
    axes.set_yticks(range(len(names)), names)
    if len(names) <= _WRITTEN:
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=11, color=INK)


def _paint_lines(axes: Axes, found: Overlap) -> None:
    axes.set_title("round by round, %", loc="left", fontsize=12, color=INK, pad=8)
    ends = []
    drawn = [found.shares[pair] for pair in found.pairs()]
    for place, (i, j) in enumerate(found.pairs()):
        known = np.isfinite(found.shares[i, j])
        if not known.any():
            continue
        x, y = np.array(found.rounds)[known], found.shares[i, j][known]
        named = place < _NAMED
        axes.plot(x, y, color=BLUE if named else MUTED, linewidth=2 if named else 1, alpha=1 if named else 0.5)
        axes.plot(x[-1:], y[-1:], color=BLUE if named else MUTED, marker="o", markersize=4 if named else 2)
        if named:
            ends.append((clip(_pair(found, (i, j)), 24), float(x[-1]), float(y[-1]), INK))
    if found.chance is not None:
        axes.plot([found.rounds[-1]], [found.chance], color=MUTED, marker="_", markersize=10)
        axes.axhline(found.chance, color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    axes.set_xlim(found.rounds[0] - (0.5 if len(found.rounds) == 1 else 0), found.rounds[-1])
    axes.set_ylim(0, 1.1 * max(0.02, found.chance or 0.0, *(float(np.nanmax(y, initial=0.0)) for y in drawn)))
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.3g}")
    axes.xaxis.get_major_locator().set_params(nbins=6, integer=True)
    axes.set_xlabel("round", color=MUTED, loc="right", fontsize=11, labelpad=2)
    direct_labels(axes, ends)


def _pair(found: Overlap, pair: tuple[int, int]) -> str:
    return f"{found.names[pair[0]]} & {found.names[pair[1]]}"
