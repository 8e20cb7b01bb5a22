"""Where recorded runs are found: a run, a bench, a campaign, or a folder of such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from claros.errors import DataError
from claros.experiment.stopping.from_benches import check_bench, from_bench, is_bench
from claros.experiment.stopping.from_campaigns import from_campaign
from claros.experiment.stopping.from_runs import from_run
from claros.experiment.stopping.recorded import Recorded

__all__ = ["recorded"]

#: How the file of a results database may end, where it is looked for in a folder.
DATABASES = (".sqlite", ".sqlite3", ".db")


def recorded(places: Iterable[str | Path]) -> Iterator[Recorded]:
    """Every run that is recorded at these places, one after another, read when its turn comes.

    A place is the folder of a run or of a bench, a bench's results database (a file, or its URL), a campaign's folder,
    or a folder that holds such, however deep. Raises a `DataError` for a place that holds nothing of the kind.
    """
    found = [one for place in places for one in _at(place)]
    for one in found:
        if not isinstance(one, Path):
            check_bench(one)  # before anything is replayed
    for one in found:
        if not isinstance(one, Path):
            yield from from_bench(one)
        else:
            yield from from_run(one) if (one / "run.json").is_file() else from_campaign(one)


def _at(place: str | Path) -> list[str | Path]:
    """What is there: folders of runs and campaigns as paths, databases as texts."""
    if "://" in str(place):
        return [str(place)]
    path = Path(place)
    if not path.exists():
        raise DataError(f"There is nothing at {path}; give the folder of a run, a bench or a campaign.")
    found = list(_found(path)) if path.is_dir() else [path]
    if not found:
        raise DataError(
            f"{path} holds no recorded run: neither run.json of claros run, nor bench.sqlite of claros bench, nor a "
            "campaign's items and log."
        )
    return [str(one) if one.is_file() else one for one in found]


def _found(folder: Path) -> Iterator[Path]:
    """Folders of runs and campaigns, and files of databases, in this folder; what is inside of one belongs to it."""
    if (folder / "run.json").is_file() or (folder / "items").is_dir():
        yield folder
        return
    if (folder / "bench.json").is_file() and not (folder / "bench.sqlite").is_file():
        raise DataError(
            f"{folder} has the tables of a bench, but not its results database; give that: a file or a URL."
        )
    for inside in sorted(folder.iterdir()):
        if inside.name.startswith("."):
            continue
        if inside.is_dir():
            yield from _found(inside)
        elif inside.suffix in DATABASES and is_bench(inside):
            yield inside
