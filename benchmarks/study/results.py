"""What the study found, cell by cell, as a small CSV that outlives the database and can be added to.

python -m benchmarks.study.results DATABASE... --into benchmarks/study/results/network.csv
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from claros.experiment.bench import Store


class Cell(NamedTuple):
    """One arm with one seed on one set: its accuracy at every number of labels."""

    set: str
    items: int
    classes: int
    model: str
    arm: str
    own_start: bool
    seed: int
    labels: tuple[int, ...]
    accuracy: tuple[float, ...]


def load(path: Path) -> list[Cell]:
    """The complete cells of a results database, or those that a CSV keeps."""
    return list(_kept(path) if path.suffix == ".csv" else _complete(path))


def _complete(db: Path) -> Iterator[Cell]:
    with Store(f"sqlite:///{db.absolute()}") as store:
        settings = {setting.key: setting for setting in store.settings()}
        cells = {cell["id"]: cell for cell in store.cells() if cell["status"] == "done"}
        points: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for row in store.rounds():
            if row["cell"] in cells:
                points[row["cell"]].append((row["n_labeled"], row["accuracy"]))
    for name, cell in cells.items():
        config, facts = settings[cell["setting"]].config, settings[cell["setting"]].facts["data"]
        size = facts["n_pool"], len(facts["classes"])
        own = config["init"]["name"] != "random"
        what = Path(config["data"]).stem, *size, config["model"]["name"], cell["strategy"], own, cell["seed"]
        yield Cell(*what, *zip(*points[name], strict=True))


def _kept(file: Path) -> Iterator[Cell]:
    with file.open(newline="", encoding="utf-8") as sheet:
        for row in csv.DictReader(sheet):
            items, classes, seed = (int(row[name]) for name in ("items", "classes", "seed"))
            what = row["set"], items, classes, row["model"], row["arm"], row["own_start"] == "yes", seed
            yield Cell(*what, tuple(map(int, row["labels"].split())), tuple(map(float, row["accuracy"].split())))


def keep(cells: Iterable[Cell], file: Path) -> int:
    """Write the cells beside those that are there, the newest of each; how many there are then."""
    every = {cell[:7]: cell for cell in [*(load(file) if file.exists() else []), *cells]}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as sheet:
        table = csv.writer(sheet, lineterminator="\n")
        table.writerow(Cell._fields)
        for cell in sorted(every.values()):
            curve = " ".join(map(str, cell.labels)), " ".join(f"{np.round(value, 5):g}" for value in cell.accuracy)
            table.writerow([*cell[:5], "yes" if cell.own_start else "no", cell.seed, *curve])
    return len(every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("databases", nargs="+", type=Path)
    parser.add_argument("--into", type=Path, required=True, help="CSV, made or added to")
    args = parser.parse_args()
    print(f"{keep((cell for db in args.databases for cell in load(db)), args.into)} cells in {args.into}")


if __name__ == "__main__":
    main()
