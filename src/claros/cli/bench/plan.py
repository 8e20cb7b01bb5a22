"""``claros bench plan``: what a grid would run, and how long it would take."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options as common
from claros.cli.bench import options
from claros.cli.output import show_json, show_table

__all__ = ["plan"]


def plan(
    data: options.Data = None,
    features: options.Features = None,
    model: options.Model = None,
    strategy: options.Strategy = None,
    batch: options.Batch = None,
    start: options.Start = None,
    init: options.Init = None,
    rounds: options.Rounds = None,
    budget: options.Budget = None,
    watch: options.Watch = None,
    seeds: options.Seeds = None,
    upper_bound: options.UpperBound = None,
    config: options.Config = None,
    set_: options.Set = None,
    grid: options.Grid = None,
    jobs: Annotated[int, typer.Option(help="Workers that there will be.")] = 1,
    json: common.Json = False,
) -> None:
    """List the cells of a grid and estimate the time, by running one round of every arm; nothing is kept."""
    given = dict(locals())
    from claros.experiment.bench.estimate import estimates
    from claros.experiment.bench.progress import duration

    timed = estimates(options.settings_of(given))
    seconds, n = sum(one.total for one in timed) / jobs, sum(one.seeds for one in timed)
    if json:
        rows = [{**one._asdict(), "total": one.total} for one in timed]
        show_json({"cells": n, "seconds": seconds, "jobs": jobs, "arms": rows})
        return
    show_table(
        ("setting", "strategy", "cells"),
        [
            (one.setting, one.strategy, f"{one.seeds} cells of {one.rounds} rounds, {duration(one.seconds)} each")
            for one in timed
        ],
    )
    print(
        f"{n} cells, about {duration(seconds)} with {jobs} worker{'s' if jobs > 1 else ''} of a machine like this one."
    )
