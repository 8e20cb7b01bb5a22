"""The tables of a run: what its cells wrote round by round, as CSV, and as Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from claros.errors import CorruptLogError
from claros.experiment.table_files import Tables, as_text

__all__ = ["TABLES", "TIMES", "Cell", "csv_bytes", "read_round", "rounds_done", "rows_of", "write_tables"]

#: The phases of a round, each a column ``seconds_...`` of the results.
TIMES = ("train", "predict", "select", "evaluate", "rest")
CELL = ("strategy", "seed", "round")

#: Columns of the tables, in order.
TABLES: Mapping[str, tuple[str, ...]] = {
    "results": (*CELL, "n_labeled", "accuracy", "macro_f1", "nll", "ece", *(f"seconds_{name}" for name in TIMES)),
    "per_class": (*CELL, "n_labeled", "class", "precision", "recall", "f1", "n_picked"),
    "picks": (*CELL, "item", "class", "source", "score", "probability"),
    "rules": (*CELL, "n_labeled", "rule", "ready", "stop", "value", "threshold", "reason"),
    "arms": (*CELL, "n_labeled", "arm", "share", "value"),
    "pseudo_labels": (*CELL, "n_labeled", "threshold", "n", "n_right"),
    "shift": (
        *(*CELL, "n_labeled", "active", "why", "p_value", "gain", "prior_error"),
        *("class", "target_share", "true_share", "weight", "low", "high"),
    ),
}


class Cell(NamedTuple):
    """One arm with one seed, and the folder of its campaign."""

    strategy: str
    seed: int
    folder: Path

    def round_folder(self, number: int) -> Path:
        """Where the files of a round are."""
        return self.folder / "rounds" / f"{number:04d}"


def rounds_done(cell: Cell) -> int:
    """How many rounds are complete: a round's metrics are its last file, so it is complete when they are there."""
    number = 0
    while (cell.round_folder(number) / "metrics.json").is_file():
        number += 1
    return number


def read_round(cell: Cell, number: int) -> dict[str, Any]:
    """The metrics of a complete round."""
    path = cell.round_folder(number) / "metrics.json"
    try:
        metrics: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CorruptLogError(
            f"{path} cannot be read ({error}); restore it from a copy, or run again elsewhere."
        ) from error
    return metrics


def write_tables(out: Path, cells: Sequence[Cell]) -> None:
    """Write every table of the run, rows in the order of the cells; O(rows) time, in blocks."""
    with Tables(out, TABLES) as tables:
        for cell in cells:
            for number in range(rounds_done(cell)):
                key = {"strategy": cell.strategy, "seed": cell.seed, "round": number}
                metrics = read_round(cell, number)
                batch = _read_batch(cell.round_folder(number) / "batch.csv")
                for name, rows in rows_of(key, metrics, metrics, batch):
                    tables.write(name, rows)


def rows_of(
    key: Mapping[str, Any], metrics: Mapping[str, Any], details: Mapping[str, Any], batch: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A round's rows, table by table; ``key`` says whose round it is, ``details`` has classes and decisions."""
    spent = {**key, "n_labeled": metrics["n_labeled"]}
    times = {f"seconds_{name}": metrics["seconds"][name] for name in TIMES}
    yield "results", [{**metrics, **key, **times}]
    yield "per_class", [{**spent, **row} for row in details["per_class"]]
    yield "rules", [{**spent, "rule": rule, **decision} for rule, decision in details["decisions"].items()]
    yield "arms", [{**spent, **arm} for arm in details.get("arms", ())]
    if details.get("pseudo_labels"):
        yield "pseudo_labels", [{**spent, **details["pseudo_labels"]}]
    if details.get("shift"):
        yield "shift", [{**spent, **row} for row in _of_shift(details["shift"], details["per_class"])]
    yield "picks", [{**key, **row} for row in batch]


def _of_shift(found: Mapping[str, Any], classes: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was found of a label shift, a row for each class."""
    names = {
        "target_share": "target_prior",
        "true_share": "true_prior",
        "weight": "weights",
        "low": "low",
        "high": "high",
    }
    for code, one in enumerate(classes):
        of_class = {name: found[origin][code] for name, origin in names.items() if found.get(origin) is not None}
        yield {**found, "class": one["class"], **{name: of_class.get(name) for name in names}}


def csv_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV: numbers with all their digits, nothing where there is no value, true and false as JSON has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([as_text(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()


def _read_batch(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        for column in ("score", "probability"):
            row[column] = float(row[column]) if row[column] else None
    return rows
