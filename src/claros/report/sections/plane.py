"""Where in the pool the picks lie: its items on a plane, the picks coloured by their round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.errors import require
from claros.report.embedding import Space, neighbours_map
from claros.report.figures import Axes, Figure, canvas, clip, columns_for, panel
from claros.report.format import capital, many
from claros.report.load import Run
from claros.report.look import INK, MUTED, RAMP, RULE, ramp
from claros.report.markup import join, paragraph
from claros.report.sections.section import Section, View, figure, nothing
from claros.rng import stream

__all__ = ["build", "finding"]

#: Arms that have a panel; the share of the points that are picks; points below which there is no map of neighbours.
_ARMS, _PICKED, _LEAST = 8, 0.5, 300
#: Pool items to which the nearest label is looked for.
_PROBES = 500
_GREY = "#7f7f7f"
_TITLES = {"pca": "the two widest directions", "tsne": "neighbours (t-SNE)"}


@dataclass(frozen=True)
class _Map:
    """Some items of the pool, their places on each plane (N, 2), and the round (N,) in which each arm picked them.

    Rounds are -1 where an arm did not pick an item. ``distance`` is how far pool items are from the nearest label.
    """

    items: tuple[str, ...]
    places: Mapping[str, Floats]
    rounds: Mapping[str, Indices]
    distance: Mapping[str, float]
    seed: int

    @property
    def last(self) -> int:
        """The last round of any arm."""
        return max(int(rounds.max()) for rounds in self.rounds.values())


def build(view: View) -> Section:
    """A panel for each arm and plane."""
    found = _find(view) if isinstance(view.items.space, Space) else view.items.space
    if isinstance(found, str):
        return Section("map", "Where the picks lie", "The pool cannot be drawn.", nothing(found))
    drawn, missing = found
    drawing = view.drawing(
        "map",
        "Items of the pool on a plane, those that a strategy picked coloured by their round.",
        lambda width: _paint(drawn, width),
        lambda: _behind(drawn),
    )
    planes = " and ".join(_TITLES[name] for name in drawn.places)
    note = (
        f"{many(len(drawn.items), 'item')} of the pool on {planes}; grey: not picked; in colour: picked, from blue "
        f"(round 1) to orange (round {drawn.last}). Seed {drawn.seed}."
    )
    body = join([figure(view, drawing, note), paragraph(missing, class_="note") if missing else ""])
    return Section("map", "Where the picks lie", finding(view.run, drawn.distance), body)


def finding(run: Run, distance: Mapping[str, float]) -> str:
    """Whose labels leave the pool's items farthest from a label, against the control's."""
    base = distance.get(run.control or "", math.nan)
    parts = []
    for name in run.queried or run.strategies:
        if name in distance and base > 0 and name != run.control:
            parts.append((distance[name] / base - 1, name))
    if not parts:
        return f"Where {' and '.join(distance) or 'the strategies'} looked for labels."
    more, name = max(parts, key=lambda part: abs(part[0]))
    if abs(more) < 0.02:
        return f"The labels of every strategy lie about as close to the pool's items as those of {run.control}."
    how = "farther from" if more > 0 else "closer to"
    return (
        f"{capital(name)} leaves items of the pool {100 * abs(more):.0f} % {how} the nearest label than {run.control} "
        "does, on average."
    )


def _find(view: View) -> tuple[_Map, str] | str:
    """What is drawn, and what is not; or why there is nothing."""
    run, pool, space = view.run, view.items.pool, view.items.space
    if pool is None or isinstance(space, str):
        return str(space)
    seed = run.seeds[0]
    picked = {name: run.picks.where(strategy=name, seed=seed) for name in run.strategies[-_ARMS:]}
    picked = {name: own.keep(own["round"] > 0) for name, own in picked.items()}
    picked = {name: own for name, own in picked.items() if view.items.positions(own["item"].tolist()).size}
    if not picked:
        return "Nothing was picked after the start."
    most = max(1, int(_PICKED * view.points / len(picked)))
    some = [_evenly(view.items.positions(own["item"].tolist()), most) for own in picked.values()]
    chosen = np.unique(np.concatenate(some))
    grey = stream(0, "report-map").permutation(len(pool))
    grey = grey[~np.isin(grey, chosen)][: max(0, view.points - chosen.size)]
    shown = np.concatenate([grey, chosen])
    ids = tuple(pool.ids[place] for place in shown.tolist())
    coordinates = space.place(shown)
    places: dict[str, Floats] = {"pca": _two(coordinates)}
    neighbours = neighbours_map(coordinates) if view.points >= _LEAST else "Too many settings for maps of neighbours."
    missing = neighbours if isinstance(neighbours, str) else ""
    if not isinstance(neighbours, str):
        places["tsne"] = neighbours
    rounds = {name: _rounds(own, ids) for name, own in picked.items()}
    return _Map(ids, places, rounds, _distances(view, space, seed), seed), missing


def _evenly(positions: Indices, most: int) -> Indices:
    """So many, spread evenly over the order of picking."""
    if positions.size <= most:
        return positions
    return np.asarray(positions[np.linspace(0, positions.size - 1, most).round().astype(int)])


def _two(coordinates: Floats) -> Floats:
    flat = np.zeros((len(coordinates), 2))
    flat[:, : coordinates.shape[1]] = coordinates[:, :2]
    return flat


def _rounds(picked: Any, ids: tuple[str, ...]) -> Indices:
    by_item = dict(zip(picked["item"].tolist()[::-1], picked["round"].tolist()[::-1], strict=True))
    return np.array([int(by_item.get(item, -1)) for item in ids], dtype=np.int64)


def _distances(view: View, space: Space, seed: int) -> dict[str, float]:
    """Mean distance of some pool items from the nearest label of each arm by the end, in all components."""
    run, pool = view.run, view.items.pool
    if pool is None:
        return {}
    probes = space.place(np.sort(stream(0, "report-probes").permutation(len(pool))[:_PROBES]))
    found = {}
    for name in run.strategies:
        own = view.items.positions(run.picks.where(strategy=name, seed=seed)["item"].tolist())
        if own.size:
            found[name] = float(np.mean(_nearest(probes, space.place(own))))
    return found


def _nearest(probes: Floats, labeled: Floats) -> Floats:
    """(P,) distances from each probe to the nearest of (L, K), in blocks."""
    nearest = np.full(len(probes), np.inf)
    for start in range(0, len(labeled), 500):
        block = labeled[start : start + 500]
        squares = (probes**2).sum(axis=1)[:, None] - 2 * probes @ block.T + (block**2).sum(axis=1)
        nearest = np.minimum(nearest, squares.min(axis=1))
    return np.asarray(np.sqrt(np.maximum(nearest, 0.0)))


def _behind(drawn: _Map) -> dict[str, list[Any]]:
    """Every item that is drawn: its places, and the round in which each strategy picked it, -1 if it did not."""
    places = {f"{name}_{i + 1}": at[:, i].tolist() for name, at in drawn.places.items() for i in (0, 1)}
    return {"item": [*drawn.items], **places, **{f"round {name}": own.tolist() for name, own in drawn.rounds.items()}}


def _paint(drawn: _Map, width: int) -> Figure:
    arms, planes = [*drawn.rounds], [*drawn.places]
    columns = columns_for(width, len(arms), 180 if width > 500 else 170)
    lines = math.ceil(len(arms) / columns)
    each = width / columns
    side = min(each - 14, 260.0)
    row = side + 34
    whole = canvas(width, round(lines * len(planes) * row + 24))
    for line in range(lines):
        for p, plane in enumerate(planes):
            for c, name in enumerate(arms[line * columns : (line + 1) * columns]):
                top = 24 + (line * len(planes) + p) * row
                axes = panel(whole, c * each + 2, top, side, side)
                _paint_panel(axes, drawn.places[plane], drawn.rounds[name], drawn.last)
                said = clip(name, 24) if p == 0 else ""
                axes.set_title(said, loc="left", fontsize=12, color=INK, pad=6)
                if c == 0:
                    axes.set_xlabel(_TITLES[plane], loc="left", fontsize=11, color=MUTED, labelpad=4)
    return whole


def _paint_panel(axes: Axes, places: Floats, rounds: Indices, last: int) -> None:
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(RULE)
    axes.set_xticks([])
    axes.set_yticks([])
    low, high = places.min(axis=0), places.max(axis=0)
    room = 0.04 * (high - low) + 1e-9
    axes.set_xlim(low[0] - room[0], high[0] + room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
    picked = rounds > 0
    _points(axes, places[~picked], _GREY, 3.2, 0.4)
    colours = np.array(ramp((rounds - 1) / max(1, last - 1)))
    for colour in RAMP:
        _points(axes, places[picked & (colours == colour)], colour, 5.0, 1.0)


def _points(axes: Axes, places: Floats, colour: str, size: float, strength: float) -> None:
    """All points of a colour as one path of dots, an eighth of the size that as many markers would have."""
    if not len(places):
        return
    path = require("matplotlib.path", "report", "A report").Path
    patch = require("matplotlib.patches", "report", "A report").PathPatch
    dot = 0.02 * (axes.get_xlim()[1] - axes.get_xlim()[0]) / axes.get_window_extent().width
    vertices = np.repeat(places, 2, axis=0)
    vertices[1::2, 0] += dot  # a line of no length would not be drawn everywhere
    dots = path(vertices, np.tile([path.MOVETO, path.LINETO], len(places)))
    dots.should_simplify = False
    axes.add_patch(patch(dots, facecolor="none", edgecolor=colour, linewidth=size, alpha=strength, capstyle="round"))
