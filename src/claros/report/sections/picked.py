"""What was picked: classes by round, counts by class, and the first items of every round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Figure, canvas, clip, columns_for, panel, text_width
from claros.report.format import capital, count, percent
from claros.report.load import Run
from claros.report.look import BLUE, INK, MUTED, tint
from claros.report.markup import Html, cell, details, table
from claros.report.markup import join as together
from claros.report.picks import Picks, count_picks
from claros.report.sections.gallery import gallery
from claros.report.sections.section import Section, View, figure

__all__ = ["build", "finding"]

#: Classes in the heat map; of more, those that were asked most.
_MOST_CLASSES = 40
_ROW = 17
#: Strategies that a sentence can name; of more, only the one that is farthest off.
_SAID = 2


def build(view: View) -> Section:
    """Heat maps, counts, and the items themselves."""
    run = view.run
    picks = [count_picks(run, name) for name in run.strategies]
    shown = _order(picks)
    drawing = view.drawing(
        "picks",
        "Share of each class in each round's batch, a panel for each strategy.",
        lambda width: _paint(picks, shown, run.classes, width),
        lambda: _behind(picks, run.classes),
    )
    counts = Html() if view.brief else _counts(view, picks)
    body = together([figure(view, drawing, _reading(run, picks, shown)), counts, gallery(view)])
    return Section("picked", "What was picked", finding(run, view.items.class_counts()), body)


def _behind(picks: Sequence[Picks], classes: Sequence[str]) -> dict[str, list[Any]]:
    """Mean counts of picks by strategy, round and class."""
    rows = [
        (one.strategy, number, name, float(counts[code]))
        for one in picks
        for number, counts in zip(one.rounds, one.counts, strict=True)
        for code, name in enumerate(classes)
    ]
    names = ("strategy", "round", "class", "picked")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def finding(run: Run, in_pool: Mapping[str, int]) -> str:
    """The class that each strategy asked for most beyond its share in the pool."""
    parts = [part for name in run.queried or run.strategies if (part := _asked_most(run, name, in_pool))]
    if not parts:
        return "No item of a known class was picked."
    said = parts if len(parts) <= _SAID else [max(parts)]
    return f"{capital('; '.join(part.sentence for part in said))}."


class _Excess(NamedTuple):
    """How far a strategy's share of a class is above the reference, and the sentence that says so."""

    excess: float
    sentence: str


def _asked_most(run: Run, strategy: str, in_pool: Mapping[str, int]) -> _Excess | None:
    shares = count_picks(run, strategy).shares
    if not shares.sum():
        return None
    reference, whose = _reference(run, in_pool)
    most = int(np.argmax(shares - reference))
    mine, theirs = float(shares[most]), float(reference[most])
    if mine - theirs < 0.01:
        return _Excess(mine - theirs, f"{strategy} asked for every class about as often as it is {whose}")
    shown = f"{percent(mine)} of its picks, {percent(theirs)} {whose}"
    return _Excess(mine - theirs, f"{strategy} asked most beyond its share for {run.classes[most]} ({shown})")


def _reference(run: Run, in_pool: Mapping[str, int]) -> tuple[Floats, str]:
    """Shares to compare with: the pool's, else those of the control's picks, else equal ones."""
    counts = np.array([in_pool.get(name, 0) for name in run.classes], dtype=np.float64)
    if counts.sum():
        return counts / counts.sum(), "in the pool"
    if run.control is not None and count_picks(run, run.control).shares.sum():
        return count_picks(run, run.control).shares, f"with {run.control}"
    return np.full(len(run.classes), 1 / max(1, len(run.classes))), "if all were equal"


def _order(picks: Sequence[Picks]) -> list[int]:
    """Classes to show, the most asked first if they are too many, else in their own order."""
    total = np.sum([one.chosen for one in picks], axis=0)
    if total.size <= _MOST_CLASSES:
        return [*range(total.size)]
    return [int(code) for code in np.argsort(-total, kind="stable")[:_MOST_CLASSES]]


def _reading(run: Run, picks: Sequence[Picks], shown: Sequence[int]) -> str:
    seeds = f"; means over {len(run.seeds)} seeds" if len(run.seeds) > 1 else ""
    left_out = (
        f" The {len(shown)} of {len(run.classes)} classes that were asked most."
        if len(shown) < len(run.classes)
        else ""
    )
    most = percent(_darkest(picks))
    return (
        f"The stronger the colour, the larger the class's share of the round's batch (at most {most}){seeds}. "
        f"Round 0 is the start.{left_out}"
    )


def _darkest(picks: Sequence[Picks]) -> float:
    return max((float(_shares(one).max()) for one in picks if one.counts.size), default=1.0)


def _shares(picks: Picks) -> Floats:
    totals = picks.counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(picks.counts, totals, out=np.zeros_like(picks.counts), where=totals > 0))


def _paint(picks: Sequence[Picks], shown: Sequence[int], classes: Sequence[str], width: int) -> Figure:
    names = [clip(classes[code], 18) for code in shown]
    left = round(min(150.0, 12 + max((text_width(name, 11) for name in names), default=0.0)))
    columns = columns_for(width, len(picks), 185)
    height = max(2, len(shown)) * _ROW
    rows = math.ceil(len(picks) / columns)
    whole = canvas(width, rows * (height + 76))
    each = (width - left) / columns
    darkest = _darkest(picks)
    for i, one in enumerate(picks):
        axes = panel(whole, left + (i % columns) * each, (i // columns) * (height + 76) + 28, each - 18, height)
        axes.grid(visible=False)
        axes.set_title(clip(one.strategy, 30), loc="left", fontsize=12, color=INK, pad=8)
        image = tint(BLUE, _shares(one)[:, shown].T / darkest)
        extent = (-0.5, max(0.5, len(one.rounds) - 0.5), len(shown) - 0.5, -0.5)
        if one.counts.size:
            axes.imshow(image, aspect="auto", interpolation="none", extent=extent)
        axes.set_yticks(range(len(shown)), names if i % columns == 0 else [""] * len(shown))
        ticks = _round_ticks(len(one.rounds))
        axes.set_xticks(ticks, [str(one.rounds[tick]) for tick in ticks])
        axes.set_xlabel("round", color=MUTED, loc="right", fontsize=11, labelpad=2)
    return whole


def _round_ticks(n: int) -> list[int]:
    step = max(1, math.ceil(n / 8))
    return [*range(0, n, step)]


def _counts(view: View, picks: Sequence[Picks]) -> Html:
    """Mean picks per seed of every class, the start left out, beside what the pool has."""
    in_pool = view.items.class_counts()
    header = ["class", *(["in the pool"] if in_pool else []), *(one.strategy for one in picks)]
    rows = [
        [
            name,
            *([count(in_pool.get(name, 0))] if in_pool else []),
            *(cell(count(one.chosen[code]), quiet=one.strategy == view.run.control) for one in picks),
        ]
        for code, name in enumerate(view.run.classes)
    ]
    counted = table(header, rows, caption="Picks after the start, by class; means over seeds.")
    return details(f"Counts for {len(rows)} classes", counted)
