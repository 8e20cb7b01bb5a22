"""A bench from its settings to its tables: plan, work, export."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claros.errors import DataError, InputError, UnknownNameError, suggest
from claros.experiment.bench.cluster import on_ray
from claros.experiment.bench.export import export
from claros.experiment.bench.grid import planned
from claros.experiment.bench.local import LOOK, Crew, here
from claros.experiment.bench.progress import Display
from claros.experiment.bench.store import Store
from claros.experiment.bench.worker import LEASE
from claros.experiment.config import RunConfig
from claros.experiment.setting import Setting
from claros.track import Trackers

__all__ = ["ENGINES", "Outcome", "assist", "bench", "database", "follow", "plan"]

#: Where cells can be run.
ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Outcome:
    """Where the tables of a bench are, and what became of its cells."""

    out: Path
    counts: dict[str, int]
    failures: tuple[dict[str, Any], ...]
    """Cells that failed: setting, strategy, seed, error and traceback."""

    def __str__(self) -> str:
        n, failed = sum(self.counts.values()), len(self.failures)
        if not failed:
            return f"All {n} cells are done."
        first = str(self.failures[0]["error"]).splitlines()[0]
        alike = sum(str(cell["error"]).splitlines()[0] == first for cell in self.failures)
        which = f"All {n}" if failed == n else f"{failed} of {n}"
        same = "" if alike == failed else f" (so {alike} of them)"
        return f"{which} cells failed: {first.rstrip('.')}{same}."


def database(out: str | Path | None, db: str | None, *, existing: bool = False) -> str:
    """The URL of the results database: ``db`` if given, a URL or a file's path; else ``bench.sqlite`` in ``out``.

    A file that should be ``existing`` and is not there is a `DataError`.
    """
    if db is not None and "://" in db:
        return db
    if db is None and out is None:
        raise InputError("Say where the results are kept: --out DIR, or --db URL.")
    path = Path(db) if db is not None else Path(str(out)) / "bench.sqlite"
    if existing and not path.is_file():
        raise DataError(f"There is no results database {path}; claros bench run makes it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{path.absolute()}"


def plan(configs: Iterable[RunConfig], store: Store) -> int:
    """Read the data, check that every arm can work, and have the cells in the database; how many are new.

    Whatever cannot work is raised before anything is trained, and then nothing is added.
    """
    settings, cells = [], []
    last = None
    for config in configs:
        last = Setting.load(config, last)
        last.check()
        some, more = planned(last)
        settings.append(some)
        cells.extend(more)
    return store.add(settings, cells)


def bench(
    configs: Iterable[RunConfig],
    out: str | Path,
    *,
    db: str | None = None,
    jobs: int = 1,
    engine: str = "local",
    address: str | None = None,
    lease: float = LEASE,
    track: Sequence[str] = (),
    quiet: bool = False,
) -> Outcome:
    """Run every cell of the settings that is not done yet, write the tables into ``out``, and say what became of them.

    ``db`` is the results database, a SQLAlchemy URL or a file (``bench.sqlite`` in ``out`` unless given). ``jobs``
    workers run side by side here, or as tasks of a Ray cluster (``engine="ray"``, at ``address``); others may work on
    the same database at the same time. The same call goes on where an earlier one ended, however it ended, with the
    same numbers; more seeds, arms or settings are added to what is there. ``track`` names trackers that hear of every
    round (`claros.track`). A cell that fails is recorded and does not
    stop the others; the next call tries it again.
    """
    if jobs < 1:
        raise InputError(f"jobs must be at least 1; got {jobs}.")
    if engine not in ENGINES:
        raise UnknownNameError(suggest(engine, ENGINES, "engine"))
    Trackers(track, Path(out) / "track")  # an unknown name and a missing package are said before anything runs
    store, out = Store(database(out, db)), Path(out)
    try:
        plan(configs, store)
        with nullcontext() if quiet else Display(store) as display:
            crew = Crew(jobs, lease, display or _nobody, (track, out) if track else None)
            if engine == "ray":
                on_ray(store, crew, address)
            else:
                here(store, crew)
        export(store, out)
        failures = tuple(cell for cell in store.cells() if cell["status"] == "failed")
        return Outcome(out, store.counts(), failures)
    finally:
        store.close()


def assist(store: Store, *, jobs: int = 1, lease: float = LEASE) -> dict[str, int]:
    """Work on the cells of a database that others planned, until none is left; how many there are of each status."""
    if not store.settings():
        raise DataError(f"The results database {store.place} has no cells; claros bench run puts them there.")
    with Display(store) as display:
        here(store, Crew(jobs, lease, display))
    return store.counts()


def follow(store: Store) -> None:
    """Show how far the cells of a database are, until none waits or runs."""
    with Display(store) as display:
        while any(store.counts().get(status) for status in ("waiting", "running")):
            display()
            time.sleep(LOOK)


def _nobody() -> None:
    """Nobody looks on."""
