"""``claros demo``: the whole of it on data that scikit-learn brings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo"),
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds each strategy gets.")] = 10,
    jobs: Annotated[int, typer.Option(min=1, help="Processes to run side by side.")] = 2,
    json: options.Json = False,
) -> None:
    """See it work: auto, margin and random on scikit-learn's digits, in about a minute, offline.

    Logistic regression starts with 20 labeled digits and gets 20 more a round. The report shows whether the strategies
    beat random, what they picked, and when the stopping rules would have stopped.
    """
    from claros import experiment
    from claros.cli.outcome import show_outcome

    folder = experiment.run(experiment.demo(seeds), out, jobs=jobs)
    show_outcome(folder, report=True, json=json)
