"""``claros stop replay``: when each rule would have stopped a recorded run."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options as common
from claros.cli.stop import options

__all__ = ["replay"]


def replay(
    runs: options.Places = None,
    rule: options.Rule = None,
    price: Annotated[
        float | None, typer.Option(help="What one label costs, for rules that weigh it; else what each run was told.")
    ] = None,
    worth: Annotated[float | None, typer.Option(help="What one point of accuracy is worth, in the same money.")] = None,
    out: options.Out = None,
    json: common.Json = False,
) -> None:
    """Say when each stopping rule would have stopped, what it would have kept and saved.

    Accuracy kept is that at the stop over that at the end of the run; labels saved are the share of the run's labels
    that would not have been bought. A rule that the run cannot feed is listed with the reason.
    """
    from claros.cli.stop.outcome import show_replays
    from claros.errors import InputError
    from claros.experiment.stopping import replays

    if not runs:
        raise InputError("Say what to replay: claros stop replay RUN, the folder of a run, a bench or a campaign.")
    found = replays(runs, rule or (), price=price, worth=worth)
    if out is not None:
        found.write(out)
    show_replays(found, out, json=json)
