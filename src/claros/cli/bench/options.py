"""Options that the commands of a bench share: what spans the grid, and where its results are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from claros.experiment import RunConfig

__all__ = [
    "Batch",
    "Budget",
    "Config",
    "Data",
    "Db",
    "Features",
    "Grid",
    "Init",
    "Model",
    "Out",
    "Rounds",
    "Seeds",
    "Set",
    "Start",
    "Strategy",
    "UpperBound",
    "Watch",
    "settings_of",
]

Data = Annotated[list[str] | None, typer.Option(help="Labeled data: a name, a file or a folder; again for more.")]
Features = Annotated[
    str | None, typer.Option(help="Features of the data's items, by claros embed or your own, to train on.")
]
Model = Annotated[list[str] | None, typer.Option(help="Model; again for more.  [default: logistic]")]
Strategy = Annotated[list[str] | None, typer.Option(help="Strategy; again for more.  [default: auto]")]
Batch = Annotated[list[str] | None, typer.Option(help="Labels a round; again for more sizes.  [default: 20]")]
Start = Annotated[str | None, typer.Option(help="Labels before the first model.  [default: 20]")]
Init = Annotated[list[str] | None, typer.Option(help="What picks the start; again for more.  [default: random]")]
UpperBound = Annotated[bool | None, typer.Option(help="Run the greedy oracle, too.  [default: where cells are small]")]
Rounds = Annotated[int | None, typer.Option(help="Rounds after the start.  [default: 10]")]
Budget = Annotated[str | None, typer.Option(help="Labels in all, instead of rounds.")]
Watch = Annotated[list[str] | None, typer.Option(help="Stopping rule to record in every cell; again for more.")]
Seeds = Annotated[int | None, typer.Option(help="Paired seeds of every arm.  [default: 1]")]
Config = Annotated[Path | None, typer.Option(help="The grid in a YAML file.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="One setting, as in the YAML.")]
Grid = Annotated[
    list[str] | None, typer.Option(metavar="A.B=C,D", help="Several values of a setting: --grid batch=5,20.")
]
Db = Annotated[
    str | None,
    typer.Option(help="Results database: a file, or a URL as postgresql+psycopg://....  [default: in --out]"),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the tables and the report.")]


def settings_of(given: Mapping[str, Any]) -> list[RunConfig]:
    """The settings of the grid that a command line describes."""
    from claros.experiment import RunConfig
    from claros.experiment.bench import read_grid

    fields = set(RunConfig.model_fields) - {"out", "report"}
    flags = {name: given[name] for name in fields if given.get(name) is not None}
    return read_grid(given["config"], given["set_"] or (), given["grid"] or (), flags)
