"""``claros verify``: one round done again, and whether it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["verify"]


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or a campaign.", show_default=False)],
    round_: Annotated[int | None, typer.Option("--round", help="The round.  [default: the last complete one]")] = None,
    arm: Annotated[str | None, typer.Option(help="Of a run, the arm.  [default: the first]")] = None,
    seed: Annotated[int | None, typer.Option(help="Of a run, the seed.  [default: the first]")] = None,
    tolerance: Annotated[
        float, typer.Option(help="Numbers are the same if they differ by no more; 0 asks for the same bits.")
    ] = 1e-6,
    database: Annotated[str | None, typer.Option(help="A campaign's log, if it is not in its folder.")] = None,
    json: options.Json = False,
) -> None:
    """Do one round again from its records, and say whether it is the same; nothing is changed.

    Compares the picks with their scores, the predictions that were kept, and of a run the labels told, the test
    predictions, the metrics and the tables; names the versions and thread counts that changed. Exit code 0 if it is the
    same, 1 if not. A model named package.module:factory is code that is run.
    """
    from claros.cli.output import show_json
    from claros.experiment.verify import verify

    found = verify(run, round=round_, arm=arm, seed=seed, tolerance=tolerance, database=database)
    if json:
        show_json(found.to_json())
    else:
        print(found)
    if not found:
        raise typer.Exit(1)
