"""``claros dalmax train-al``: DalMax's train_al.py."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options
from claros.cli.dalmax.options import DirResults, DirTest, DirTrain, ImgSize, Model, Seed, Set

__all__ = ["train_al"]


def train_al(
    dir_train: DirTrain,
    dir_test: DirTest,
    dir_results: DirResults = "results",
    type_: Annotated[
        str, typer.Option("--type", help="uncertainty_sampling, query_by_committee, ..., or a strategy of ours.")
    ] = "uncertainty_sampling",
    batch_size: Annotated[
        int, typer.Option("--batch_size", "--batch-size", min=1, help="Images selected in each iteration.")
    ] = 10,
    iterations: Annotated[int, typer.Option(min=1, help="How often images are selected.")] = 5,
    test_size: Annotated[
        float, typer.Option("--test_size", "--test-size", help="Share of the test tree that is used, up to 1.")
    ] = 0.9,
    start: Annotated[
        float, typer.Option(help="Images labeled before, at random: a share of the training tree, or a count.")
    ] = 0.1,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the labeled images.  [default: the model's]")
    ] = None,
    img_size: ImgSize = 32,
    model: Model = "cnn",
    seed: Seed = 0,
    set_: Set = None,
    json: options.Json = False,
) -> None:
    """Select images, iteration by iteration, train on them and write DalMax's files, for any strategy.

    Writes selected_images, confusion_matrix.pdf, training_accuracy_plot.pdf, training_loss_plot.pdf,
    final_accuracy.txt, infos.txt, results.json, predictions.csv and the model. The same command again goes on where it
    was, or writes the files again.
    """
    from claros.cli.dalmax.outcome import show_found
    from claros.experiment import dalmax

    found = dalmax.train_al(
        dir_train=dir_train,
        dir_test=dir_test,
        dir_results=dir_results,
        type=type_,
        batch_size=batch_size,
        iterations=iterations,
        test_size=test_size,
        start=start,
        epochs=epochs,
        img_size=img_size,
        model=model,
        seed=seed,
        further=set_ or (),
    )
    show_found(found, json=json)
