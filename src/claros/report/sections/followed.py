"""Whom the strategies that learn followed: each arm's share of the batches, and what it was thought to be worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.report.figures import Axes, Figure, canvas, clip, direct_labels, panel, text_width
from claros.report.format import capital, percent
from claros.report.load import Run
from claros.report.look import BLUE, CYCLE, INK, MUTED, VARIABLES, Style
from claros.report.markup import Html, cell, details, table
from claros.report.sections.section import Section, View, figure
from claros.report.tables import Table

__all__ = ["Followed", "build", "find", "finding"]

#: Height of a panel, and what is above and below it.
_PANEL, _ABOVE, _BELOW = 170, 34, 42
_COLOURS = {name: code for code, name in VARIABLES.items()}


@dataclass(frozen=True)
class Followed:
    """One strategy's arms over its rounds: (A, R) means over seeds, NaN where no seed has the round."""

    strategy: str
    arms: Sequence[str]
    rounds: Sequence[int]
    shares: Floats
    values: Floats

    @property
    def most(self) -> int:
        """The arm with the largest share of all picks."""
        return int(np.argmax(np.nanmean(self.shares, axis=1)))


def build(view: View) -> Section:
    """Lines of shares and of values for each strategy that has arms."""
    found = find(view.run)
    drawing = view.drawing(
        "arms",
        "Each arm's share of a round's batch, and its value, round by round, for each strategy that learns.",
        lambda width: _paint(found, view.styles, width),
        lambda: _behind(found),
        width=900,
    )
    seeds = f"; means over {len(view.run.seeds)} seeds" if len(view.run.seeds) > 1 else ""
    note = (
        f"Left: the share of a round's picks that an arm made. Right: its value, by which the strategy drew: the "
        f"expected reward of tailor, the probability of albl and exp3{seeds}."
    )
    body = Html(figure(view, drawing, note) + (Html() if view.brief else _table(found)))
    return Section("followed", "Whom the bandits followed", finding(found), body)


def find(run: Run) -> list[Followed]:
    """Every strategy that has arms, in the order of the run."""
    return [_of(name, run.followed.where(strategy=name)) for name in run.arms if len(run.followed.where(strategy=name))]


def _of(strategy: str, rows: Table) -> Followed:
    arms, rounds = [str(name) for name in rows.distinct("arm")], sorted({int(number) for number in rows["round"]})
    shares, values = (np.full((len(arms), len(rounds)), np.nan) for _ in range(2))
    for (arm, number), own in rows.by("arm", "round").items():
        place = arms.index(str(arm)), rounds.index(int(number))
        shares[place], values[place] = np.mean(own["share"]), np.mean(own["value"])
    return Followed(strategy, arms, rounds, shares, values)


def finding(found: Sequence[Followed]) -> str:
    """The arm that each strategy followed most, at first and at last."""
    said = []
    for one in found:
        name, shares = one.arms[one.most], one.shares[one.most]
        third = max(1, len(one.rounds) // 3)
        first, last = float(np.nanmean(shares[:third])), float(np.nanmean(shares[-third:]))
        moved = f"{percent(last, 1.0)} of its picks"
        if len(one.rounds) > 2:
            moved = (
                f"{percent(first, 1.0)} of its picks in the first third of the rounds, {percent(last, 1.0)} in the last"
            )
        said.append(f"{one.strategy} followed {name} most ({moved})")
    return f"{capital('; '.join(said))}."


def _behind(found: Sequence[Followed]) -> dict[str, list[Any]]:
    """Shares and values by strategy, round and arm."""
    rows = [
        (one.strategy, number, arm, float(one.shares[place, at]), float(one.values[place, at]))
        for one in found
        for at, number in enumerate(one.rounds)
        for place, arm in enumerate(one.arms)
    ]
    return {name: [row[i] for row in rows] for i, name in enumerate(("strategy", "round", "arm", "share", "value"))}


def _colours(found: Sequence[Followed], styles: Mapping[str, Style]) -> dict[str, str]:
    """An arm that is also a strategy of the run keeps its colour; the others take those that are free."""
    arms = [*dict.fromkeys(arm for one in found for arm in one.arms)]
    chosen = {arm: styles[arm].colour for arm in arms if arm in styles}
    taken = {style.colour for style in styles.values()}
    free = [code for name in CYCLE if (code := _COLOURS[name]) not in taken] or [BLUE]
    others = [arm for arm in arms if arm not in chosen]
    return {**chosen, **{arm: free[place % len(free)] for place, arm in enumerate(others)}}


def _paint(found: Sequence[Followed], styles: Mapping[str, Style], width: int) -> Figure:
    colours = _colours(found, styles)
    stacked = width < 600
    names = [arm for one in found for arm in one.arms]
    right = min(150.0, 26 + max(text_width(clip(name, 18)) for name in names))
    left, gap = 44, 62
    each = width - left - right if stacked else (width - left - right - gap) / 2
    row = (2 if stacked else 1) * (_ABOVE + _PANEL + _BELOW)
    whole = canvas(width, row * len(found))
    for place, one in enumerate(found):
        top = place * row + _ABOVE
        first = panel(whole, left, top, each, _PANEL)
        _lines(first, one, one.shares, f"{clip(one.strategy, 24)}: share of the batch", colours, named=stacked)
        first.yaxis.set_major_formatter(lambda y, _: percent(y, 1.0))
        below = top + _ABOVE + _PANEL + _BELOW
        second = (
            panel(whole, left, below, each, _PANEL) if stacked else panel(whole, left + each + gap, top, each, _PANEL)
        )
        _lines(second, one, one.values, "value", colours, named=True)
    return whole


def _lines(axes: Axes, one: Followed, table: Floats, title: str, colours: Mapping[str, str], *, named: bool) -> None:
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=8)
    for arm, row in zip(one.arms, table, strict=True):
        axes.plot(one.rounds, row, color=colours[arm], linewidth=1.6, marker="o", markersize=3)
    axes.set_xlim(one.rounds[0] - 0.3, one.rounds[-1] + 0.3)
    axes.margins(y=0.08)
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=8)
    axes.yaxis.get_major_locator().set_params(nbins=5)
    axes.set_xlabel("round", color=MUTED, loc="right", fontsize=11, labelpad=2)
    axes.set_ylim(*axes.get_ylim())
    if named:
        ends = [_end(one, clip(arm, 18), row, colours[arm]) for arm, row in zip(one.arms, table, strict=True)]
        direct_labels(axes, ends)


def _end(one: Followed, name: str, row: Floats, colour: str) -> tuple[str, float, float, str]:
    last = int(np.flatnonzero(np.isfinite(row))[-1])
    return name, float(one.rounds[last]), float(row[last]), colour


def _table(found: Sequence[Followed]) -> Html:
    """Each arm's share of all picks, and its value at first and at last."""
    rows = [
        [one.strategy, arm, cell(percent(float(np.nanmean(share)), 1.0)), f"{value[0]:.3g}", f"{value[-1]:.3g}"]
        for one in found
        for arm, share, value in zip(one.arms, one.shares, one.values, strict=True)
    ]
    header = ("strategy", "arm", "share of the picks", "value at first", "at last")
    return details("The arms in numbers", table(header, rows, words=2))
