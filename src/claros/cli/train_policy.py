"""``claros train-policy``: a policy for LAL-RL, trained on labeled data sets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["train_policy"]


def train_policy(
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.", show_default=False)],
    data: Annotated[
        list[str] | None,
        typer.Option(help="Labeled data by name, file or folder; again for more. made: new sets each time.  [made]"),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Iterations of 10 episodes and 60 steps each.")] = 300,
    warm: Annotated[int, typer.Option(min=1, help="Episodes at random before the first step.")] = 128,
    measured: Annotated[int, typer.Option(min=2, help="New episodes that the policy is measured on at the end.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    json: options.Json = False,
) -> None:
    """Train what lal_rl follows, by reinforcement on labeled data sets, and measure it beside random and margin.

    Use it by --strategy 'lal_rl(policy="FILE")'. Data sets must have labels and features, as tables of numbers do. The
    same command gives the same policy; some five minutes on one processor.
    """
    from claros.cli.output import show_json
    from claros.learned.train import train_policy as train

    with _bar() as progress:
        policy = train(
            data or ["made"], out, iterations=iterations, seed=seed, warm=warm, measured=measured, progress=progress
        )
    if json:
        show_json({"policy": str(out), **policy.training})
        return
    needed = policy.training["labels_to_goal"]
    rows = ", ".join(
        f"{name} {needed[name]['mean']:.1f} ± {needed[name]['standard_error']:.1f}"
        for name in ("policy", "margin", "random")
    )
    print(f"{out}: labels until the goal in {needed['episodes']} new episodes (mean ± standard error): {rows}.")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal; to be called with (iterations done, wanted)."""
    from rich.console import Console
    from rich.progress import Progress

    from claros.cli.output import is_plain

    with Progress(console=Console(stderr=True), disable=is_plain(sys.stderr), transient=True) as progress:
        task = progress.add_task("iterations")
        yield lambda done, total: progress.update(task, completed=done, total=total)
