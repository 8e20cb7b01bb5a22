"""The tables of a run: what its cells wrote round by round, as CSV, and as Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from claros.errors import CorruptLogError
from claros.files import write_atomically

__all__ = ["TABLES", "TIMES", "Cell", "csv_bytes", "read_round", "rounds_done", "write_tables"]

#: The phases of a round, each a column ``seconds_...`` of the results.
TIMES = ("train", "predict", "select", "evaluate", "rest")
CELL = ("strategy", "seed", "round")

#: Columns of the tables, in order.
TABLES: Mapping[str, tuple[str, ...]] = {
    "results": (*CELL, "n_labeled", "accuracy", "macro_f1", "nll", "ece", *(f"seconds_{name}" for name in TIMES)),
    "per_class": (*CELL, "n_labeled", "class", "precision", "recall", "f1", "n_picked"),
    "picks": (*CELL, "item", "class", "source", "score", "probability"),
    "rules": (*CELL, "n_labeled", "rule", "ready", "stop", "value", "threshold", "reason"),
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
    """Write every table of the run, rows in the order of the cells; O(rows) time."""
    gathered: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for cell in cells:
        for number in range(rounds_done(cell)):
            for name, rows in _rows(cell, number):
                gathered[name].extend(rows)
    arrow = _arrow()
    for name, rows in gathered.items():
        write_atomically(out / f"{name}.csv", csv_bytes(TABLES[name], rows))
        if arrow is not None:
            write_atomically(out / f"{name}.parquet", _parquet_bytes(arrow, TABLES[name], rows))


def csv_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV: numbers with all their digits, nothing where there is no value, true and false as JSON has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(cell: Cell, number: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    metrics = read_round(cell, number)
    key = {"strategy": cell.strategy, "seed": cell.seed, "round": number}
    spent = {**key, "n_labeled": metrics["n_labeled"]}
    times = {f"seconds_{name}": metrics["seconds"][name] for name in TIMES}
    yield "results", [{**metrics, **key, **times}]
    yield "per_class", [{**spent, **row} for row in metrics["per_class"]]
    yield "rules", [{**spent, "rule": rule, **decision} for rule, decision in metrics["decisions"].items()]
    yield "picks", [{**key, **row} for row in _read_batch(cell.round_folder(number) / "batch.csv")]


def _read_batch(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        for column in ("score", "probability"):
            row[column] = float(row[column]) if row[column] else None
    return rows


def _arrow() -> ModuleType | None:
    """pyarrow, where it is installed."""
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError:
        return None


def _parquet_bytes(arrow: ModuleType, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    table = arrow.table({column: [row.get(column) for row in rows] for column in columns})
    arrow.parquet.write_table(table, buffer)
    return buffer.getvalue()
