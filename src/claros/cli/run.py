"""``claros run``: simulated labeling of labeled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["run"]

_AMOUNT = "a count, or a share of the pool"


def run(
    data: Annotated[str | None, typer.Option(help="Labeled data: a name, a file or a folder.")] = None,
    model: Annotated[str | None, typer.Option(help="Model: claros list models.  [default: logistic]")] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="Strategy, and again for more of them.  [default: auto]")
    ] = None,
    stop: Annotated[str | None, typer.Option(help="Stopping rule that ends a strategy's labeling.")] = None,
    watch: Annotated[
        list[str] | None, typer.Option(help="Stopping rule that is only recorded; again for more.")
    ] = None,
    start: Annotated[str | None, typer.Option(help=f"Labels before the first model: {_AMOUNT}.  [default: 20]")] = None,
    init: Annotated[
        str | None, typer.Option(help="What picks the start: random, coverage, stratified, ....  [default: random]")
    ] = None,
    batch: Annotated[str | None, typer.Option(help=f"Labels a round: {_AMOUNT}.  [default: 20]")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds after the start.  [default: 10]")] = None,
    budget: Annotated[str | None, typer.Option(help=f"Labels in all, instead of rounds: {_AMOUNT}.")] = None,
    seed: Annotated[int | None, typer.Option(help="First seed.  [default: 0]")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="How many seeds, the same for all strategies.  [default: 1]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; the same command goes on in it.")] = None,
    test: Annotated[str | None, typer.Option(help="Test data.  [default: the data's own, else a quarter]")] = None,
    test_share: Annotated[
        float | None,
        typer.Option(help="Share of the test data to test on.  [default: all; without any, a quarter]"),
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the texts.  [default: text]")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column with the labels.  [default: label]")] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of image files for the model, pixels.  [default: 32]")
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Features of the items, by claros embed or your own, to train on.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the labels that the trainer keeps to stop early; torch models.")
    ] = None,
    target: options.Target = None,
    correction: options.Correction = None,
    price: Annotated[float | None, typer.Option(help="Price of one label, for the advisor.")] = None,
    worth: Annotated[float | None, typer.Option(help="What one point of accuracy is worth, same currency.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings in a YAML file.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="One setting, as in the YAML.")
    ] = None,
    control: Annotated[bool | None, typer.Option(help="Run random beside the strategies.  [default: yes]")] = None,
    upper_bound: Annotated[bool | None, typer.Option(help="Run the greedy oracle, too.  [default: no]")] = None,
    report: Annotated[bool | None, typer.Option(help="Write report.html.  [default: yes]")] = None,
    files: Annotated[
        str | None,
        typer.Option(help="Further files for every arm and seed: dalmax (selected images, PDFs, model, ...)."),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes to run side by side; the numbers stay the same.")] = 1,
    track: options.Track = None,
    hook: Annotated[
        list[str] | None,
        typer.Option(
            help="package.module:factory, called before and after each round: it runs that code; again for more."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Simulate the labeling of a labeled data set: strategies against random, with stopping rules watched.

    Writes per round what was picked, metrics, the trainer's log and the model, then tables and a report, into --out.
    Killed or interrupted, the same command goes on where it was and ends with the same numbers. Flags come before
    --set, --set before the YAML file: --set model.parameters.epochs=5.
    """
    given = dict(locals())
    from claros import experiment
    from claros.cli.outcome import show_outcome
    from claros.errors import InputError

    flags = {name: given[name] for name in experiment.RunConfig.model_fields if name in given}
    settings = experiment.read_config(config, set_ or (), {**flags, "out": None if out is None else str(out)})
    if settings.out is None:
        raise InputError("Say where the run is written: --out DIR.")
    folder = experiment.run(settings, settings.out, jobs=jobs, track=track or (), hooks=hook or ())
    show_outcome(folder, report=settings.report, json=json)
