"""The tables of a run's folder, by column."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.errors import DataError

__all__ = ["TABLES", "Table", "read_table"]

Column = npt.NDArray[Any]

_TEXT, _NUMBER, _FLAG = "text", "number", "flag"
_CELL = {"strategy": _TEXT, "seed": _NUMBER, "round": _NUMBER}
#: The columns that the report reads, and what they hold.
TABLES: Mapping[str, Mapping[str, str]] = {
    "results": {
        **_CELL,
        **dict.fromkeys(("n_labeled", "accuracy", "macro_f1", "nll", "ece"), _NUMBER),
        **{f"seconds_{phase}": _NUMBER for phase in ("train", "predict", "select", "evaluate", "rest")},
    },
    "per_class": {
        **_CELL,
        "n_labeled": _NUMBER,
        "class": _TEXT,
        **dict.fromkeys(("precision", "recall", "f1", "n_picked"), _NUMBER),
    },
    "picks": {**_CELL, "item": _TEXT, "class": _TEXT, "source": _TEXT, "score": _NUMBER, "probability": _NUMBER},
    "rules": {
        **_CELL,
        "n_labeled": _NUMBER,
        "rule": _TEXT,
        "ready": _FLAG,
        "stop": _FLAG,
        "value": _NUMBER,
        "threshold": _NUMBER,
        "reason": _TEXT,
    },
}


@dataclass(frozen=True)
class Table:
    """Columns of equal length: text as objects, numbers as float64, NaN where nothing was written, flags as bool."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def where(self, **equal: object) -> Table:
        """The rows whose columns equal all given values."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in equal.items():
            keep &= self.columns[name] == value
        return Table({name: column[keep] for name, column in self.columns.items()})

    def last_rounds(self) -> Table:
        """The rows of each strategy's and seed's last round."""
        cells = [*zip(self["strategy"].tolist(), self["seed"].tolist(), strict=True)]
        last: dict[tuple[str, float], float] = {}
        for cell, number in zip(cells, self["round"].tolist(), strict=True):
            last[cell] = max(number, last.get(cell, number))
        keep = self["round"] == np.array([last[cell] for cell in cells])
        return Table({name: column[keep] for name, column in self.columns.items()})

    def distinct(self, name: str) -> list[Any]:
        """The values of a column, in order of first appearance."""
        return list(dict.fromkeys(self.columns[name].tolist()))


def read_table(path: Path, kinds: Mapping[str, str]) -> Table:
    """Named columns of a CSV file with a header; other columns are left out."""
    if not path.is_file():
        raise DataError(
            f"{path.parent} should hold {path.name}, which `claros run --out` writes; it is not there. "
            "Finish the run with the same command, or name its folder."
        )
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        missing = [name for name in kinds if name not in header]
        if missing:
            raise DataError(f"{path} should have a column {missing[0]}; it has {', '.join(header) or 'no header'}.")
        records = [row for row in rows if row]
    for line, row in enumerate(records, start=2):
        if len(row) != len(header):
            raise DataError(f"{path} line {line} should have {len(header)} values; it has {len(row)}. It is damaged.")
    return Table(
        {name: _column(path, name, kind, (row[header.index(name)] for row in records)) for name, kind in kinds.items()}
    )


def _column(path: Path, name: str, kind: str, values: Iterable[str]) -> Column:
    if kind == _TEXT:
        return np.array([*values], dtype=object)
    if kind == _FLAG:
        return np.array([value.strip().lower() in {"true", "1", "1.0"} for value in values], dtype=bool)
    try:
        return np.array([float(value) if value else np.nan for value in values], dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path} should have numbers in column {name}: {error}. The file is damaged.") from error
