"""The tables of a run or a bench, also of one that is not finished."""

from __future__ import annotations

from pathlib import Path

from claros.experiment.bench import Store, database, export
from claros.experiment.run import gather_run

__all__ = ["gather"]


def gather(out: str | Path, db: str | None = None) -> None:
    """Write the tables of what is complete, as `claros.report` reads them; without a complete round, nothing.

    Of a bench they come from its results database: ``bench.sqlite`` in the folder, or ``db``. Where a bench's database
    is elsewhere and not given, the tables that the folder has are left as they are.
    """
    out = Path(out)
    if db is not None or (out / "bench.sqlite").is_file():
        with Store(database(out, db, existing=True)) as store:
            export(store, out)
    elif not (out / "bench.json").is_file():
        gather_run(out)
