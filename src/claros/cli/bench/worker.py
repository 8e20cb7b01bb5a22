"""``claros bench worker``: help with the cells of a results database, from this or another machine."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli.bench import options

__all__ = ["worker"]


def worker(
    db: options.Db = None,
    out: options.Out = None,
    jobs: Annotated[int, typer.Option(help="Workers side by side, one processor each.")] = 1,
    lease: Annotated[float, typer.Option(help="Seconds after which a silent worker's cell is free.")] = 60.0,
) -> None:
    """Work on the cells that claros bench run put into a database, until none is left.

    Start as many as you like, on as many machines as reach the database and have the data at the same paths; none
    ever works on another's cell. A worker that is killed loses at most its current round.
    """
    from claros.experiment.bench import Store, assist, database

    counts = assist(Store(database(out, db, existing=True)), jobs=jobs, lease=lease)
    print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
