"""Where the time went: seconds of each phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Figure, canvas, clip, key, panel, text_width
from claros.report.format import percent, seconds
from claros.report.load import Run
from claros.report.look import INK, MUTED
from claros.report.markup import Html, cell, table
from claros.report.sections.section import Section, View, figure

__all__ = ["PHASES", "behind", "build", "finding", "paint", "per_round", "per_run"]

#: Phases of a round, and what they are called.
PHASES = {
    "train": "training",
    "predict": "prediction",
    "select": "choosing",
    "evaluate": "evaluation",
    "rest": "bookkeeping",
}
#: Greys, because colours belong to strategies; light enough for ink to be read on them, on white and on black.
_STRENGTH = (0.62, 0.42, 0.85, 0.26, 0.12)
_BAR = 46


def build(view: View) -> Section:
    """Bars of whole runs, and a table of what a round takes."""
    spent = {name: per_run(view.run, name) for name in view.run.arms}
    drawing = view.drawing(
        "time",
        "Seconds of each phase of a whole run, a bar for each strategy.",
        lambda width: paint(spent, width),
        lambda: behind(spent),
        width=760,
    )
    seeds = ", means over seeds" if len(view.run.seeds) > 1 else ""
    body = Html(figure(view, drawing, f"Time of a whole run{seeds}.") + _table(view.run, spent))
    return Section("time", "Time", finding(view.run), body)


def behind(spent: Mapping[str, Floats]) -> dict[str, list[Any]]:
    """Seconds of a whole run by strategy and phase."""
    columns: dict[str, list[Any]] = {"strategy": [*spent]}
    return columns | {f"seconds_{phase}": [float(own[i]) for own in spent.values()] for i, phase in enumerate(PHASES)}


def finding(run: Run) -> str:
    """The phase that took most, and what choosing took."""
    total = np.sum([per_run(run, name) for name in run.strategies], axis=0)
    whole = float(total.sum())
    if not whole:
        return "No time was measured."
    shares = dict(zip(PHASES.values(), (total / whole).tolist(), strict=True))
    most = max(shares, key=lambda phase: shares[phase])
    own = [per_round(run, name)[[*PHASES].index("select")] for name in run.queried or run.strategies]
    choosing = "" if most == "choosing" else f"; choosing takes {percent(shares['choosing'])}"
    slowest = seconds(float(np.max(own)))
    return f"{most.capitalize()} takes {percent(shares[most])} of the time{choosing}, {slowest} a round at most."


def per_run(run: Run, strategy: str) -> Floats:
    """(5,) seconds of each phase of a whole run, a mean over seeds."""
    own = run.results.where(strategy=strategy)
    sums = np.array([np.nansum(own[f"seconds_{phase}"]) for phase in PHASES])
    return np.asarray(sums / len(run.seeds_of(strategy)))


def per_round(run: Run, strategy: str) -> Floats:
    """(5,) seconds of each phase of a round, a mean over rounds and seeds."""
    rounds = len(run.results.where(strategy=strategy)) / len(run.seeds_of(strategy))
    return np.asarray(per_run(run, strategy) / rounds)


def _table(run: Run, spent: Mapping[str, Floats]) -> Html:
    caption = "Means of a round; the last column is the sum of all rounds. Bookkeeping: log, files and what is left."
    header = ("strategy", *PHASES.values(), "a round", "a whole run")
    rows = [
        [
            name,
            *(seconds(float(part)) for part in per_round(run, name)),
            cell(seconds(float(per_round(run, name).sum()))),
            cell(seconds(float(total.sum()))),
        ]
        for name, total in spent.items()
    ]
    return table(header, rows, caption=caption)


def paint(spent: Mapping[str, Floats], width: int) -> Figure:
    """A stacked bar for each arm."""
    left = round(min(130.0, 14 + max(text_width(clip(name, 18)) for name in spent)))
    height = len(spent) * _BAR
    top = 56 if width < 500 else 34
    whole = canvas(width, height + top + 46)
    axes = panel(whole, left, top, width - left - 14, height)
    axes.grid(visible=False)
    for row, total in enumerate(spent.values()):
        starts = np.concatenate([[0.0], np.cumsum(total)[:-1]])
        for start, part, strength in zip(starts, total, _STRENGTH, strict=True):
            axes.barh(row, part, left=start, height=0.6, color=INK, alpha=strength, linewidth=0)
    longest = max(float(total.sum()) for total in spent.values())
    axes.set_xlim(0, longest * 1.02 or 1.0)
    axes.set_ylim(len(spent) - 0.5, -0.5)
    axes.set_yticks(range(len(spent)), [clip(name, 18) for name in spent])
    axes.tick_params(axis="y", labelcolor=INK, labelsize=12)
    axes.xaxis.set_major_formatter(lambda x, _: seconds(x))
    axes.xaxis.get_major_locator().set_params(nbins=5)
    entries = [(name, INK, strength) for name, strength in zip(PHASES.values(), _STRENGTH, strict=True)]
    key(whole, entries, left=6 if width < 500 else left)
    axes.set_xlabel("a whole run", color=MUTED, loc="right", labelpad=4)
    return whole
