"""``claros evaluate``: the models of recorded rounds on other test data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["evaluate"]


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or a campaign.", show_default=False)],
    test: Annotated[str, typer.Option(help="Labeled data: a name, a file or a folder.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The .csv to write.  [default: RUN/evaluations/TEST.csv]")] = None,
    arm: Annotated[str | None, typer.Option(help="Of a run, one arm.  [default: all]")] = None,
    features: Annotated[str | None, typer.Option(help="Features of the test data, if models read features.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the texts.  [default: as in the run]")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column with the labels.  [default: as in the run]")] = None,
    database: Annotated[str | None, typer.Option(help="A campaign's log, if it is not in its folder.")] = None,
    json: options.Json = False,
) -> None:
    """Score the model of every recorded round on other test data: accuracy, macro-F1, log loss, calibration, confusion.

    Models that were kept are loaded, others trained again on the labels of their round. Writes a row for each round of
    each arm and seed, means over seeds with intervals (..._means.csv), and a .json with everything; the same command
    goes on where it was ended. A model named package.module:factory is code that is run.
    """
    from claros.cli.output import show_json
    from claros.experiment.evaluate import evaluate

    given = {"features": features, "text_column": text_column, "label_column": label_column}
    where = out or run / "evaluations" / f"{Path(test).name.split('.')[0] or 'test'}.csv"
    with _bar() as progress:
        found = evaluate(
            run,
            test,
            arm=arm,
            out=where,
            reading={name: value for name, value in given.items() if value is not None},
            database=database,
            progress=progress,
        )
    if json:
        show_json(found.to_json())
    else:
        print(f"{found}\nTables: {where}")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal; to be called with (rounds done, rounds in all)."""
    from rich.console import Console
    from rich.progress import Progress

    from claros.cli.output import is_plain

    with Progress(console=Console(stderr=True), disable=is_plain(sys.stderr), transient=True) as progress:
        task = progress.add_task("rounds")
        yield lambda done, total: progress.update(task, completed=done, total=total)
