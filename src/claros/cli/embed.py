"""``claros embed``: features of a pool's items, computed once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["embed"]


def embed(
    pool: Annotated[
        str, typer.Argument(metavar="POOL", help="Images, texts, sounds: a name, file or folder.", show_default=False)
    ],
    model: Annotated[
        str,
        typer.Option(
            help="What gives the features: timm:NAME, hf:NAME, texture:ssrae, texture:vctex, package.module:factory.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write, or an .npz.  [default: POOL.features]", show_default=False)
    ] = None,
    test: Annotated[str | None, typer.Option(help="Test data, if the pool has no test part of its own.")] = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels a side for the network.  [default: its own]")] = None,
    pooling: Annotated[
        str, typer.Option(help="Of hf: what an item is: mean of its hidden states, or cls, the first.")
    ] = "mean",
    max_length: Annotated[
        int | None, typer.Option(help="Of hf: most tokens of a text.  [default: the network's]")
    ] = None,
    pretrained: Annotated[
        bool,
        typer.Option("--pretrained/--no-pretrained", help="With the pretrained weights, which are downloaded once."),
    ] = True,
    untrained: Annotated[bool, typer.Option("--untrained", help="The same as --no-pretrained.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A=B", help="Argument of the network; again for more."),
    ] = None,
    skip_unreadable: Annotated[bool, typer.Option("--skip-unreadable", help="Leave out what cannot be read.")] = False,
    device: Annotated[str, typer.Option(help="Where it runs: auto, cpu, cuda, ...")] = "auto",
    chunk: Annotated[int, typer.Option(min=1, help="Items at once.")] = 64,
    json: options.Json = False,
) -> None:
    """Compute features of images, texts or sounds by a network that is not trained, once, for --features elsewhere.

    Killed or interrupted at any moment, the same command goes on with what is missing; with new items in the pool it
    computes theirs. Then claros run --data POOL --features POOL.features --model logistic trains on the features. An
    .npz is written whole and is data by itself: claros run --data FILE.npz.
    """
    from claros.cli.output import show_json
    from claros.models.encoders import embed_source

    with _bar() as progress:
        done = embed_source(
            pool,
            model,
            out,
            test=test,
            reading={"text_column": text_column, "label_column": label_column, "skip_unreadable": skip_unreadable},
            settings=set_ or (),
            image_size=image_size,
            pooling=pooling,
            max_length=max_length,
            pretrained=pretrained and not untrained,
            device=device,
            chunk=chunk,
            progress=progress,
        )
    if json:
        show_json(done)
    else:
        parts = f"{done['train']} items" + (f" and {done['test']} to test on" if done["test"] else "")
        new = "" if done["computed"] == done["train"] + done["test"] else f" ({done['computed']} computed now)"
        print(f"{parts}, {done['features']} features each, by {done['model']}{new}: {done['out']}")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal; to be called with (items done, items in all)."""
    from rich.console import Console
    from rich.progress import Progress

    from claros.cli.output import is_plain

    with Progress(console=Console(stderr=True), disable=is_plain(sys.stderr), transient=True) as progress:
        task = progress.add_task("items")
        yield lambda done, total: progress.update(task, completed=done, total=total)
