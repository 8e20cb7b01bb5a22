"""All learning curves at a glance: a small panel for each setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from claros.report.figures import Axes
from claros.report.format import capital, count, many, percent
from claros.report.markup import details, join
from claros.report.multiples import paint_multiples
from claros.report.overview.view import BenchView
from claros.report.sections.curves import behind, draw_curve
from claros.report.sections.section import Section, View, figure
from claros.report.svg import Drawing

__all__ = ["build", "finding"]

#: Panels in one figure.
_PANELS = 32


def build(view: BenchView) -> Section:
    """Figures of at most so many panels."""
    n = math.ceil(len(view.views) / _PANELS)
    size = 4 * math.ceil(len(view.views) / n / 4)
    parts = [view.views[start : start + size] for start in range(0, len(view.views), size)]
    drawings = [_drawing(view, part, "" if len(parts) == 1 else f"-{i + 1}") for i, part in enumerate(parts)]
    note = (
        "Accuracy in percent over labels spent. Lines: means over seeds; bands: 95 % intervals of the mean. Each panel "
        "has its own axes, which start where its data start; single seeds are with each setting below."
    )
    others = join(figure(view, one) for one in drawings[1:])
    rest = details(f"The other {len(view.views) - size} settings", others) if others else ""
    body = join([figure(view, drawings[0], note), rest])
    return Section("curves", "Learning curves", finding(view), body)


def finding(view: BenchView) -> str:
    """Which arm most often ends highest."""
    ends: dict[str, int] = {}
    for one in view.views:
        final = {name: float(np.nanmean(_final(one, name))) for name in one.run.strategies if _final(one, name).size}
        if final:
            best = max(final, key=lambda name: final[name])
            ends[best] = ends.get(best, 0) + 1
    if not ends:
        return "No accuracy was measured."
    best = max(ends, key=lambda name: ends[name])
    said = f"{capital(best)} ends highest in {ends[best]} of {many(sum(ends.values()), 'setting')}"
    control = view.bench.control
    rest = f", {control} in {ends.get(control, 0)}" if control is not None and control != best else ""
    return f"{said}{rest}; differences may be noise, which the next sections weigh."


def _final(view: View, name: str) -> Any:
    final = view.run.curve(name, "accuracy").final
    return final[np.isfinite(final)]


def _drawing(view: BenchView, part: Sequence[View], suffix: str) -> Drawing:
    return Drawing(
        f"curves{suffix}",
        "Accuracy over labels spent, a panel for each setting, a line for each strategy.",
        lambda width: paint_multiples(
            [one.run.name for one in part], lambda axes, i: _paint(axes, part[i]), view.styles, width
        ),
        lambda: _behind(part),
        width=1000,
    )


def _behind(part: Sequence[View]) -> dict[str, list[Any]]:
    tables = [(one.run.name, behind(one.run, "accuracy", seeds=False)) for one in part]
    names = [*tables[0][1]]
    setting = [name for name, table in tables for _ in table["strategy"]]
    return {"setting": setting, **{name: [value for _, table in tables for value in table[name]] for name in names}}


def _paint(axes: Axes, view: View) -> None:
    for name in reversed(view.run.arms):
        draw_curve(axes, view.run.curve(name, "accuracy"), view.styles[name], thin=0, wide=1.6)
    axes.margins(x=0.01, y=0.06)
    axes.yaxis.set_major_formatter(lambda y, _: percent(y, 1.0).removesuffix(" %"))
    axes.xaxis.set_major_formatter(lambda x, _: count(x))
    axes.yaxis.get_major_locator().set_params(nbins=4, steps=[1, 2, 5, 10])
    axes.xaxis.get_major_locator().set_params(nbins=4, integer=True)
