"""Performance profiles: how often an arm needs at most so many times the fewest labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.experiment.compare import Profiles
from claros.report.across import costs
from claros.report.figures import Figure, canvas, clip, direct_labels, panel, text_width
from claros.report.format import capital, many, percent
from claros.report.look import MUTED, Style
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, figure, nothing
from claros.report.svg import Drawing

__all__ = ["build", "finding"]

_TITLE = "How far from the best"
#: Times the fewest labels at which the axis ends at the latest.
_MOST = 4.0
_LEFT, _TOP, _FOOT = 40, 40, 46


def build(view: BenchView) -> Section:
    """A step line for each arm."""
    blocks, control = view.blocks, view.bench.control
    found = costs(blocks, control) if blocks is not None and control is not None else None
    if blocks is None or found is None:
        said = "Labels to a common target cannot be compared between settings."
        return Section("profiles", _TITLE, said, nothing("No setting has all arms and a control that gains."))
    drawing = Drawing(
        "profiles",
        "Share of settings in which a strategy needs at most so many times the fewest labels, a line for each.",
        lambda width: _paint(found, view.styles, width),
        lambda: _behind(found),
    )
    note = (
        f"Up: share of {many(found.n, 'setting')} in which an arm reaches the target (nine tenths of {control}'s gain) "
        "with at most so many times the labels of the best arm there. At 1: how often it is the best; where a line "
        f"ends: how often it gets there at all (Dolan and Moré 2002).{blocks.said}"
    )
    return Section("profiles", _TITLE, finding(found), figure(view, drawing, note))


def finding(found: Profiles) -> str:
    """How often the best arm is the best, and how far it falls behind."""
    best = int(np.argmax(found.shares[:, 0] + 1e-6 * found.shares.mean(axis=1)))
    name = found.names[best]
    first = f"{capital(name)} needs the fewest labels in {percent(float(found.shares[best, 0]), 1.0)} of settings"
    reached = found.shares[best, -1]
    if reached < 1:
        return f"{first} and reaches the target in {percent(float(reached), 1.0)}."
    worst = float(found.ratios[int(np.argmax(found.shares[best] >= 1))])
    if worst <= 1:
        return f"{first}."
    return f"{first}, and at worst {100 * (worst - 1):.0f} % more than the fewest."


def _behind(found: Profiles) -> dict[str, list[Any]]:
    names = [name for name in found.names for _ in found.ratios]
    ratios = found.ratios.tolist() * len(found.names)
    return {"strategy": names, "times_the_fewest": ratios, "share": found.shares.ravel().tolist()}


def _paint(found: Profiles, styles: Mapping[str, Style], width: int) -> Figure:
    right = round(20 + max(text_width(clip(name)) for name in found.names))
    height = 330 if width > 500 else 280
    whole = canvas(width, height)
    axes = panel(whole, _LEFT, _TOP, width - _LEFT - right, height - _TOP - _FOOT)
    end = min(_MOST, max(1.1, 1.03 * float(found.ratios[-1])))
    axes.set_xlim(1, end)
    axes.set_ylim(0, 1.02)
    shown = found.ratios <= end
    ends = []
    for name, shares in reversed([*zip(found.names, found.shares, strict=True)]):
        style = styles[name]
        x, y = np.append(found.ratios[shown], end), np.append(shares[shown], shares[shown][-1])
        axes.step(x, y, where="post", color=style.colour, linewidth=2, linestyle=style.line)
        axes.plot([end], y[-1:], color=style.colour, marker=style.marker, markersize=6, clip_on=False)
        ends.append((clip(name), end, float(y[-1]), style.colour))
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f}")
    axes.xaxis.get_major_locator().set_params(nbins=6)
    axes.set_xlabel("times the fewest labels", color=MUTED, loc="right", labelpad=4)
    axes.annotate("settings, %", (0, height - 14), xycoords="figure points", va="center", color=MUTED)
    direct_labels(axes, ends)
    return whole
