"""What is on the page: the sections of a run, or those of a bench and of each of its settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from claros.report.bench import Bench
from claros.report.compared import compare_all
from claros.report.items import Items, find_items
from claros.report.load import UPPER_BOUND, Run
from claros.report.look import Style, styles
from claros.report.overview import about as about_bench
from claros.report.overview import answer as answer_bench
from claros.report.overview import calibration as calibrations
from claros.report.overview import cells, pairs, profiles, ranks, savings, settings
from claros.report.overview import curves as all_curves
from claros.report.overview import stopping as all_stops
from claros.report.overview import table as levels
from claros.report.overview import time as times
from claros.report.overview.view import BenchView
from claros.report.sections import (
    about,
    answer,
    calibration,
    confusion,
    curves,
    followed,
    overlap,
    picked,
    plane,
    shift,
    stopping,
    table,
    time,
)
from claros.report.sections import pairs as pairs_of_run
from claros.report.sections.section import Section, View

if TYPE_CHECKING:
    from claros.data import Split

__all__ = ["bench_view", "build"]

#: The order of a run's page.
_RUN = (
    answer,
    curves,
    table,
    pairs_of_run,
    followed,
    shift,
    stopping,
    picked,
    overlap,
    plane,
    confusion,
    calibration,
    time,
    about,
)
#: The order of a bench's page; its cells stand before the last.
_BENCH = (answer_bench, all_curves, savings, ranks, pairs, profiles, levels, all_stops, calibrations, times, settings)

#: What all settings of a bench share: items that are pictured, bytes of the pictures, points on the maps. And what a
#: setting has at least, or at most.
_SHOWN, _WEIGHT, _POINTS = 360, 3_000_000, 6000
#: Sections of a setting that have a figure, what is missed most first, and the figures of all settings together.
_DRAWN = ("curves", "picked", "overlap", "map", "stopping", "calibration", "confusion", "shift")
_FIGURES = 100
_LEAST_SHOWN, _MOST_SHOWN, _MOST_POINTS = 8, 60, 1000


def build(source: Run | Bench, data: Split | None = None, *, figures: Path | None = None) -> list[Section]:
    """All sections; ``data`` is what a run was on, without it what its settings name.

    Files of the figures are written into the folder ``figures`` if there is one.
    """
    if isinstance(source, Bench) and len(source.settings) > 1:
        view = bench_view(source, figures=figures)
        sections = [module.build(view) for module in _BENCH]
        return [*sections, cells.build(source), about_bench.build(view)]
    run = source if isinstance(source, Run) else source.settings[0]
    compared, looks = tuple(compare_all(run)), styles(run.arms, run.control)
    view_of_run = View(run, looks, find_items(run, data), compared, figures=figures)
    wanted = [module for module in _RUN if module.__name__.rpartition(".")[2] not in run.lacks]
    found = [module.build(view_of_run) for module in wanted]
    return found if isinstance(source, Run) else [*found, cells.build(source)]


def bench_view(bench: Bench, *, items: bool = True, figures: Path | None = None) -> BenchView:
    """The settings of a bench as its sections need them; settings on the same data share what is read of them.

    Without ``items``, no data are opened.
    """
    arms = [*bench.strategies, *([UPPER_BOUND] if any(run.bound for run in bench.settings) else [])]
    looks = styles(arms, bench.control)
    known: dict[str, Items] = {}
    views = []
    for place, run in enumerate(bench.settings):
        source = json.dumps([run.config.get(name) for name in ("data", "test", *_data_settings())])
        if source not in known:
            known[source] = find_items(run) if items else Items(None)
        views.append(_view(run, place, len(bench.settings), looks, known[source], figures))
    return BenchView(bench, looks, tuple(views), figures)


def _view(run: Run, place: int, n: int, looks: dict[str, Style], items: Items, figures: Path | None) -> View:
    return View(
        run,
        looks,
        items,
        tuple(compare_all(run)),
        brief=True,
        prefix=f"setting-{place + 1:0{len(str(n))}}-",
        shown=max(_LEAST_SHOWN, min(_MOST_SHOWN, _SHOWN // n)),
        weight=_WEIGHT // n,
        points=min(_MOST_POINTS, _POINTS // n),
        figures=figures,
        drawn=frozenset(_DRAWN[: _FIGURES // n]),
    )


def _data_settings() -> tuple[str, ...]:
    from claros.experiment.setting import DATA_SETTINGS

    return DATA_SETTINGS
