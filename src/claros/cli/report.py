"""``claros report``: the page of a run or a bench, written again."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["report"]


def report(
    out: Annotated[Path, typer.Argument(help="Folder of a run or a bench.", show_default=False)],
    open_: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    db: Annotated[str | None, typer.Option(help="A bench's results database, if it is not in its folder.")] = None,
    json: options.Json = False,
) -> None:
    """Make one self-contained HTML page of a run or a bench, finished or not, and say what it shows."""
    from claros import experiment
    from claros.cli.outcome import show_outcome

    experiment.gather(out, db)
    show_outcome(out, report=True, json=json)
    if open_ and (out / "report.html").exists():
        webbrowser.open((out / "report.html").resolve().as_uri())
