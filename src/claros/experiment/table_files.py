"""Tables on disk as they grow: CSV, and Parquet where pyarrow is installed; whole or not at all."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self, TextIO

from claros.errors import StorageError

__all__ = ["Tables", "as_text"]

#: Rows of a table that are held before they are written.
BLOCK = 20_000

#: Columns that hold texts, whole numbers and truth values; all others hold numbers.
_TEXTS_OF_RUNS = "setting strategy item class source rule reason status error true predicted"
_TEXTS_OF_STOPS = "data model arm kind form verdict why"
TEXTS = frozenset(f"{_TEXTS_OF_RUNS} {_TEXTS_OF_STOPS}".split())
WHOLE = frozenset(
    ("seed", "round", "rounds", "n_labeled", "n_picked", "n", "n_right", "bin", "end_labels", "sets", "runs", "stops")
)
TRUTHS = frozenset(("ready", "stop", "stopped"))


class Tables:
    """A context manager that takes rows, table by table, and puts the files into place when it ends without error."""

    def __init__(self, out: Path, columns: Mapping[str, Sequence[str]]) -> None:
        self._out = out
        self._columns = columns
        self._rows: dict[str, list[Mapping[str, Any]]] = {name: [] for name in columns}

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._files: list[Path] = []
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._sheets = {name: self._csv(name) for name in self._columns}
            arrow = _arrow()
            self._books = {name: self._parquet(arrow, name) for name in self._columns} if arrow is not None else {}
        except OSError as error:
            raise self._failed(error) from error
        return self

    def write(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows to a table; what a row has beyond the table's columns is left out, what it lacks is empty."""
        waiting = self._rows[table]
        waiting.extend(rows)
        if len(waiting) >= BLOCK:
            self._flush(table)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                for table in self._columns:
                    self._flush(table)
            self._open.close()
            if kind is None:
                for file in self._files:
                    file.replace(file.with_name(file.name.removesuffix(".partial").removeprefix(".")))
        except OSError as problem:
            raise self._failed(problem) from problem
        finally:
            for file in self._files:
                file.unlink(missing_ok=True)

    def _partial(self, name: str) -> Path:
        path = self._out / f".{name}.partial"
        self._files.append(path)
        return path

    def _csv(self, table: str) -> TextIO:
        file = self._open.enter_context(self._partial(f"{table}.csv").open("w", newline="", encoding="utf-8"))
        csv.writer(file, lineterminator="\n").writerow(self._columns[table])
        return file

    def _parquet(self, arrow: ModuleType, table: str) -> Any:
        schema = arrow.schema([(column, _type(arrow, column)) for column in self._columns[table]])
        return self._open.enter_context(arrow.parquet.ParquetWriter(str(self._partial(f"{table}.parquet")), schema))

    def _flush(self, table: str) -> None:
        rows, columns = self._rows[table], self._columns[table]
        self._rows[table] = []
        try:
            lines = ([as_text(row.get(column)) for column in columns] for row in rows)
            csv.writer(self._sheets[table], lineterminator="\n").writerows(lines)
            if table in self._books and rows:
                book = self._books[table]
                arrow = importlib.import_module("pyarrow")
                values = {column: [row.get(column) for row in rows] for column in columns}
                book.write_table(arrow.table(values, schema=book.schema))
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"The tables could not be written to {self._out}: {error.strerror or error}. Those that were there stay."
        )


def as_text(value: Any) -> str:
    """A value in a CSV: numbers with all their digits, nothing where there is none, true and false as in JSON."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(arrow: ModuleType, column: str) -> Any:
    if column in TEXTS:
        return arrow.string()
    if column in WHOLE:
        return arrow.int64()
    return arrow.bool_() if column in TRUTHS else arrow.float64()


def _arrow() -> ModuleType | None:
    """pyarrow, where it is installed."""
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError:
        return None
