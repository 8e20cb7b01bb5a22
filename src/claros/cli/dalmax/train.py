"""``claros dalmax train``: DalMax's train.py."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from claros.cli import options
from claros.cli.dalmax.options import DirResults, DirTest, DirTrain, ImgSize, Model, Seed

__all__ = ["Mode", "train"]


class Mode(StrEnum):
    """What to train on."""

    random = "random"
    train = "train"


def train(
    dir_train: DirTrain,
    dir_test: DirTest,
    dir_results: DirResults = "results",
    type_: Annotated[
        Mode, typer.Option("--type", help="train: on what was selected; random: on as many random images.")
    ] = Mode.train,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = 10,
    img_size: ImgSize = 32,
    model: Model = "cnn",
    seed: Seed = 0,
    json: options.Json = False,
) -> None:
    """Train on what train-al labeled last in --dir_results, or on as many random images, and write DalMax's files.

    They go into the folder random or train below --dir_results. claros train does both over several seeds, and says
    whether they differ.
    """
    from claros.cli.dalmax.outcome import show_found
    from claros.experiment import dalmax

    found = dalmax.train(
        dir_train=dir_train,
        dir_test=dir_test,
        dir_results=dir_results,
        type=type_.value,
        epochs=epochs,
        img_size=img_size,
        model=model,
        seed=seed,
    )
    show_found(found, json=json)
