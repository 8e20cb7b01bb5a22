"""``claros stop bench``: stopping rules weighed by what their stops cost."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options as common
from claros.cli.bench import options as grid_options
from claros.cli.stop import options

__all__ = ["bench"]


def bench(
    runs: options.Places = None,
    from_: Annotated[list[str] | None, typer.Option("--from", help="The same as RUN; again for more.")] = None,
    data: grid_options.Data = None,
    features: grid_options.Features = None,
    model: grid_options.Model = None,
    strategy: grid_options.Strategy = None,
    batch: grid_options.Batch = None,
    start: grid_options.Start = None,
    init: grid_options.Init = None,
    rounds: grid_options.Rounds = None,
    budget: grid_options.Budget = None,
    seeds: grid_options.Seeds = None,
    config: grid_options.Config = None,
    set_: grid_options.Set = None,
    grid: grid_options.Grid = None,
    out: options.Out = None,
    db: grid_options.Db = None,
    jobs: Annotated[int, typer.Option(help="Workers side by side, one processor each.")] = 1,
    rule: options.Rule = None,
    prices: Annotated[
        str, typer.Option(help="Prices of a label over the worth of 1.00 of accuracy.")
    ] = "1e-5,3e-5,1e-4,3e-4,1e-3,3e-3",
    figures: Annotated[bool, typer.Option(help="Draw the figures, as PDF and PNG.")] = True,
    json: common.Json = False,
) -> None:
    """Compare stopping rules by what their stops cost, on recorded runs or on a grid that is run first.

    Writes tables of stops, correlations with the true accuracy, regret, constants, first stops and intervals. The same
    command goes on where it was stopped.
    """
    given = {**locals(), "upper_bound": False}
    from claros.cli.stop.outcome import finish
    from claros.experiment.stopping import weigh

    places = [*(runs or ()), *(from_ or ())]
    settings = () if places else grid_options.settings_of(given)
    found = weigh(places, settings, out, rules=rule or (), prices=options.numbers(prices), db=db, jobs=jobs)
    finish(found, out, figures=figures, json=json)
