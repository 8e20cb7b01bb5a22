"""``claros embed``: features of images, computed once."""

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
    pool: Annotated[str, typer.Argument(metavar="POOL", help="Images: a name, file or folder.", show_default=False)],
    model: Annotated[str, typer.Option(help="Network that gives the features: timm:NAME.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The .npz to write.", show_default=False)],
    test: Annotated[str | None, typer.Option(help="Test data, if the pool has no test part of its own.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels a side for the network.  [default: its own]")] = None,
    pretrained: Annotated[bool, typer.Option(help="Use the pretrained weights, which timm downloads once.")] = True,
    device: Annotated[str, typer.Option(help="Where it runs: auto, cpu, cuda, ...")] = "auto",
    chunk: Annotated[int, typer.Option(min=1, help="Images at once.")] = 64,
    json: options.Json = False,
) -> None:
    """Compute features of images with a pretrained network, without training it, into a file for every command.

    Pool and test part, labels and classes are kept: the file is data for claros run, bench and replicate --features.
    """
    from claros.cli.output import show_json
    from claros.data import load
    from claros.models.embed import encoder, native_size, write_features

    train, rest = load(pool, test=test, test_share=0.0, image_size=image_size or native_size(model))
    network = encoder(model, like=train, image_size=image_size, pretrained=pretrained, device=device)
    with _bar() as progress:
        written = write_features(train, rest, network, out, chunk=chunk, progress=progress)
    if json:
        show_json(written)
    else:
        parts = f"{written['train']} items" + (f" and {written['test']} to test on" if written["test"] else "")
        print(f"{parts}, {written['features']} features each, by {written['model']}: {out}")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal; to be called with (images done, images in all)."""
    from rich.console import Console
    from rich.progress import Progress

    from claros.cli.output import is_plain

    with Progress(console=Console(stderr=True), disable=is_plain(sys.stderr), transient=True) as progress:
        task = progress.add_task("images")
        yield lambda done, total: progress.update(task, completed=done, total=total)
