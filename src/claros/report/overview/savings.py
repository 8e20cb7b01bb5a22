"""Labels that each arm saves in each setting, with intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from claros.experiment.compare import Savings
from claros.report.dots import Dot, Panel, paint_dots
from claros.report.format import join, many, share
from claros.report.means import MIN_SEEDS
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, figure, nothing
from claros.report.svg import Drawing

__all__ = ["build", "finding"]

#: What is saved can be no more than all; what is lost can be anything, and is cut off here.
_LOWEST = -1.0


def build(view: BenchView) -> Section:
    """A row for each setting, those in which most is saved first; a panel for each arm."""
    found = _found(view)
    said = finding(view, found)
    if not any(_said(one) for arms in found.values() for one in arms.values()):
        return Section("savings", "Labels saved", said, nothing("There is nothing to draw."))
    drawing = Drawing(
        "savings",
        "Share of the control's labels that each strategy saves, a row for each setting, a panel for each strategy.",
        lambda width: paint_dots(_panels(view, found), _rows(found), width, limits=_limits(found),
                                 label="labels saved, %", tick=lambda x: share(x).removesuffix(" %")),
        lambda: _behind(found),
        width=1000,
    )  # fmt: skip
    note = (
        f"Share of {view.bench.control}'s labels saved on the way to nine tenths of its gain; left of the line: more "
        "were needed. Bars: 95 % intervals over seeds, cut off at the edge; filled: called by the setting's test. A "
        "bar without a dot: the arm does not reach the target with the labels it had."
    )
    return Section("savings", "Labels saved", said, figure(view, drawing, note))


def finding(view: BenchView, found: dict[str, dict[str, Savings | None]]) -> str:
    """The median saving of every arm."""
    parts = []
    for name in view.bench.queried:
        values = [value for arms in found.values() if (value := _value(arms.get(name))) is not None]
        if values:
            median = float(np.median(values))
            parts.append((median, f"{name} {_say(median)}"))
    if not parts or view.bench.control is None:
        return "What was saved cannot be said: no arm and the control reach the same level."
    parts.sort(key=lambda part: -part[0])
    said = join([words for _, words in parts])
    return f"Of {view.bench.control}'s labels, in the median over {many(len(found), 'setting')}: {said}."


def _value(one: Savings | None) -> float | None:
    """The share saved; minus infinity where only the control reaches the target, None where neither says."""
    if one is None or one.control_labels is None:
        return None
    return -math.inf if one.value is None else one.value


def _say(median: float) -> str:
    if median == -math.inf:
        return "mostly does not reach the target"
    if abs(median) < 0.005:
        return "saves none"
    return f"{'saves' if median > 0 else 'costs'} {share(abs(median))}"


def _found(view: BenchView) -> dict[str, dict[str, Savings | None]]:
    """Savings by setting and arm, the settings in which most is saved first."""
    found = {one.run.name: dict(one.saved) for one in view.views}

    def mean(setting: str) -> float:
        values = [value for one in found[setting].values() if (value := _value(one)) is not None]
        return float(np.mean([max(value, _LOWEST) for value in values])) if values else -math.inf

    return {setting: found[setting] for setting in sorted(found, key=lambda setting: -mean(setting))}


def _rows(found: dict[str, dict[str, Savings | None]]) -> list[str]:
    return [*found]


def _said(one: Savings | None) -> bool:
    return one is not None and (one.value is not None or one.low is not None or one.high is not None)


def _limits(found: dict[str, dict[str, Savings | None]]) -> tuple[float, float]:
    every = [one for arms in found.values() for one in arms.values() if one is not None]
    low = min((bound for one in every for bound in (one.low, one.value) if bound is not None), default=0.0)
    high = max((bound for one in every for bound in (one.high, one.value) if bound is not None), default=0.5)
    return max(_LOWEST, min(low, -0.05) - 0.02), min(1.0, max(high, 0.1) + 0.02)


def _panels(view: BenchView, found: dict[str, dict[str, Savings | None]]) -> list[Panel]:
    called = {
        (one.run.name, arm.name)
        for one in view.views
        for arm in one.compared
        if arm.comparison is not None and arm.comparison.finding in ("better", "worse")
    }
    panels = []
    for name in view.bench.queried:
        dots = [
            Dot(row, one.value, view.styles[name], *_bounds(one), faint=(setting, name) not in called)
            for row, (setting, arms) in enumerate(found.items())
            if (one := arms.get(name)) is not None and _said(one)
        ]
        panels.append(Panel(name, dots))
    return panels


def _bounds(one: Savings) -> tuple[float | None, float | None]:
    """The interval, open to the left where there is no lower bound; none on too few seeds."""
    if one.seeds < MIN_SEEDS:
        return None, None
    return one.low, one.high


def _behind(found: dict[str, dict[str, Savings | None]]) -> dict[str, list[Any]]:
    rows = [(setting, name, one) for setting, arms in found.items() for name, one in arms.items() if one is not None]
    fields = ("value", "low", "high", "seeds", "target", "labels", "control_labels")
    columns: dict[str, list[Any]] = {"setting": [row[0] for row in rows], "strategy": [row[1] for row in rows]}
    return columns | {name: [getattr(row[2], name) for row in rows] for name in fields}
