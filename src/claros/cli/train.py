"""``claros train``: what a selection is worth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["Mode", "train"]


class Mode(StrEnum):
    """What to train on."""

    random = "random"
    active = "active"
    both = "both"


def train(
    run: Annotated[Path, typer.Option(help="Folder of a run, or of a campaign.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder to write; another mode joins what is there.", show_default=False)],
    mode: Annotated[Mode, typer.Option(help="On the selection, on as many random items, or both.")] = Mode.both,
    strategy: Annotated[
        str | None, typer.Option(help="Whose selection, in a run of several.  [default: the first]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model by name.  [default: that of the run]")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the items, exactly.  [default: the model's]")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Trainings a mode.  [default: one a selection, 6 at least]")
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Draw random items in the selection's numbers of each class.")
    ] = False,
    test: Annotated[str | None, typer.Option(help="Test data, for a campaign without a test part.")] = None,
    json: options.Json = False,
) -> None:
    """Train a model on what was selected and on as many random items, seed by seed, and say whether they differ.

    Each seed has the same weights and data order in both modes. Writes training.json, training.csv, training.pdf and
    the models of the first seed; the same command goes on where it was, and one mode may follow the other.
    """
    from claros.cli.training import show_progress, show_training
    from claros.experiment.training import train_on

    found = train_on(
        run,
        out,
        mode=mode.value,
        strategy=strategy,
        test=test,
        model=model,
        epochs=epochs,
        seeds=seeds,
        per_class=per_class,
        report=show_progress,
    )
    show_training(found, json=json)
