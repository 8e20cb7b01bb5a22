"""``claros train-policy``: a policy for LAL-RL, trained on labeled data sets, or a regressor for LAL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["train_policy"]


class Kind(StrEnum):
    """What can be trained."""

    LAL_RL = "lal_rl"
    LAL = "lal"


def train_policy(
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.", show_default=False)],
    data: Annotated[
        list[str] | None,
        typer.Option(help="Labeled data by name, file or folder; again for more. made: new sets each time.  [made]"),
    ] = None,
    kind: Annotated[Kind, typer.Option(help="Whose: of lal_rl, or the regressor of lal.")] = Kind.LAL_RL,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Of lal_rl, iterations of 10 episodes and 60 steps each.  [300]")
    ] = None,
    warm: Annotated[
        int | None, typer.Option(min=1, help="Of lal_rl, episodes at random before the first step.  [128]")
    ] = None,
    tasks: Annotated[
        int | None, typer.Option(min=2, help="Of lal, made-up tasks of two Gaussian classes.  [1500]")
    ] = None,
    measured: Annotated[
        int, typer.Option(min=2, help="New episodes or tasks that it is measured on at the end.")
    ] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    json: options.Json = False,
) -> None:
    """Train what lal_rl follows, by reinforcement on labeled data sets, and measure it beside random and margin.

    Use it by --strategy 'lal_rl(policy="FILE")'. Data sets must have labels and features, as tables of numbers do. The
    same command gives the same policy; some five minutes on one processor. With --kind lal, the regressor of lal on
    made-up tasks, in three to six minutes: --strategy 'lal(regressor="FILE")'.
    """
    if kind is Kind.LAL:
        _refuse(kind, {"--data": data, "--iterations": iterations, "--warm": warm})
        _train_lal(out, 1500 if tasks is None else tasks, measured, seed, json)
        return
    _refuse(kind, {"--tasks": tasks})
    from claros.cli.output import show_json
    from claros.learned.train import train_policy as train

    with _bar() as progress:
        policy = train(
            data or ["made"],
            out,
            iterations=300 if iterations is None else iterations,
            seed=seed,
            warm=128 if warm is None else warm,
            measured=measured,
            progress=progress,
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


def _refuse(kind: Kind, given: Mapping[str, object]) -> None:
    """Options of the other kind are no mistake to pass over."""
    from claros.errors import InputError

    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise InputError(
            f"--kind {kind.value} has no {' and no '.join(wrong)}; leave it out, or choose the other kind."
        )


def _train_lal(out: Path, tasks: int, measured: int, seed: int, json: bool) -> None:
    from claros.cli.output import show_json
    from claros.learned.lal_training import train_regressor

    with _bar("tasks") as progress:
        regressor = train_regressor(out, tasks=tasks, seed=seed, measured=measured, progress=progress)
    if json:
        show_json({"regressor": str(out), **regressor.training})
        return
    errors = regressor.training["error_after_20_labels"]
    rows = ", ".join(
        f"{name} {errors[name]['mean']:.3f} ± {errors[name]['standard_error']:.3f}"
        for name in ("lal", "margin", "random")
    )
    print(f"{out}: error after 20 labels in {errors['tasks']} new tasks (mean ± standard error): {rows}.")


@contextmanager
def _bar(what: str = "iterations") -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal; to be called with (done, wanted)."""
    from rich.console import Console
    from rich.progress import Progress

    from claros.cli.output import is_plain

    with Progress(console=Console(stderr=True), disable=is_plain(sys.stderr), transient=True) as progress:
        task = progress.add_task(what)
        yield lambda done, total: progress.update(task, completed=done, total=total)
