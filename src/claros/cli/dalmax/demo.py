"""``claros dalmax demo``: the demo.py of DalMax's newer version."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options
from claros.cli.dalmax.options import DirResults, Model, Seed, Set

__all__ = ["demo"]


def demo(
    dir_results: DirResults = "results/dalmax",
    params_json: Annotated[
        str, typer.Option("--params_json", "--params-json", help="DalMax's file of data sets and trainings.")
    ] = "params.json",
    seed: Seed = 1,
    n_init_labeled: Annotated[
        int, typer.Option("--n_init_labeled", "--n-init-labeled", min=1, help="Images labeled before, at random.")
    ] = 100,
    n_query: Annotated[int, typer.Option("--n_query", "--n-query", min=1, help="Images selected in each round.")] = 10,
    n_round: Annotated[int, typer.Option("--n_round", "--n-round", min=0, help="Rounds.")] = 10,
    dataset_name: Annotated[
        str, typer.Option("--dataset_name", "--dataset-name", help="Which block of the file.")
    ] = "CIFAR10",
    strategy_name: Annotated[
        str,
        typer.Option("--strategy_name", "--strategy-name", help="RandomSampling, KCenterGreedy, ..., or one of ours."),
    ] = "RandomSampling",
    img_size: Annotated[
        int | None,
        typer.Option("--img_size", "--img-size", min=1, help="Side of images, pixels.  [default: the file's, or 32]"),
    ] = None,
    model: Model = "cnn",
    set_: Set = None,
    json: options.Json = False,
) -> None:
    """Run one strategy on a data set of params.json, and write the tree of results of DalMax's newer version.

    Below --dir_results: DATASET/SEED_1/NQ_10_NIL_100_NR_10_NE_20/STRATEGY with results.json, predictions.csv,
    accuracy.pdf, precision.pdf, recall.pdf, f1_score.pdf, confusion_matrix.pdf, log-dalmax.log and the model.
    """
    from claros.cli.dalmax.outcome import show_found
    from claros.experiment import dalmax

    found = dalmax.demo(
        dir_results=dir_results,
        params_json=params_json,
        seed=seed,
        n_init_labeled=n_init_labeled,
        n_query=n_query,
        n_round=n_round,
        dataset_name=dataset_name,
        strategy_name=strategy_name,
        img_size=img_size,
        model=model,
        further=set_ or (),
    )
    show_found(found, json=json)
