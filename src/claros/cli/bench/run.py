"""``claros bench run``: run every cell of a grid that is not done yet."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options as common
from claros.cli.bench import options

__all__ = ["run"]


def run(
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
    out: options.Out = None,
    db: options.Db = None,
    jobs: Annotated[int, typer.Option(help="Workers side by side, one processor each.")] = 1,
    engine: Annotated[str, typer.Option(help="Where the workers are: local, or ray.")] = "local",
    address: Annotated[str | None, typer.Option(help="The Ray cluster.  [default: one made here]")] = None,
    lease: Annotated[float, typer.Option(help="Seconds after which a silent worker's cell is free.")] = 60.0,
    track: common.Track = None,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    json: common.Json = False,
) -> None:
    """Run a grid: data sets x models x batch sizes x strategies x seeds, random always beside the strategies.

    Every cell goes on where it was killed, from the last complete round; the same command runs what is not done, and
    adds what is new. A cell that fails is recorded with its traceback, and the others go on.
    """
    given = dict(locals())
    from claros.cli.bench.outcome import show_bench
    from claros.errors import InputError
    from claros.experiment.bench import bench

    settings = options.settings_of(given)
    if out is None:
        raise InputError("Say where the tables and the report are written: --out DIR.")
    outcome = bench(settings, out, db=db, jobs=jobs, engine=engine, address=address, lease=lease, track=track or ())
    show_bench(outcome, report=report, json=json)
