"""Columns of a table as lists, from formats with and without types."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from claros.errors import DataError, require

__all__ = ["SUFFIXES", "Columns", "read_columns"]

#: Endings of tables; all but Parquet also with ``.gz``.
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

#: Longest cell of a CSV file, in characters.
CELL_LIMIT = 1 << 28

#: A line of the file and the values in it; None where they cannot be made out.
_Row = tuple[int, Mapping[str, Any] | None]


@dataclass(frozen=True)
class Columns:
    """The columns asked for, as lists of ``n`` values; ``lines`` says where each row stands in a file of lines."""

    path: Path
    columns: Mapping[str, list[Any]]
    n: int
    lines: Sequence[int] | None

    def place(self, row: int) -> str:
        """Where the row is, for a person."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"


def read_columns(path: Path, *, needed: Sequence[str], optional: Sequence[str]) -> Columns:
    """The named columns; one that is needed and missing is an error that lists those there are."""
    wanted = list(dict.fromkeys([*needed, *optional]))
    try:
        if path.suffix.lower() == ".parquet":
            names, columns, lines = _parquet(path, wanted)
        else:
            names, columns, lines = _lines(path, wanted)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table in UTF-8: {error}.") from error
    for name in needed:
        if name not in names:
            raise DataError(f"{path} has no column {name!r}; its columns are: {', '.join(names) or 'none'}.")
    n = len(columns[needed[0]])
    if n == 0:
        raise DataError(f"{path} has no rows.")
    return Columns(path, {name: columns[name] for name in wanted if name in names}, n, lines)


def _parquet(path: Path, wanted: Sequence[str]) -> tuple[list[str], dict[str, list[Any]], None]:
    require("pyarrow", "data", "reading Parquet")
    import pyarrow
    import pyarrow.parquet

    try:
        names = list(pyarrow.parquet.read_schema(path).names)
        table = pyarrow.parquet.read_table(path, columns=[name for name in wanted if name in names])
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}.") from error
    return names, {name: table.column(name).to_pylist() for name in table.column_names}, None


def _lines(path: Path, wanted: Sequence[str]) -> tuple[list[str], dict[str, list[Any]], list[int]]:
    packed = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    names: dict[str, None] = {}
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    lines: list[int] = []
    with io.TextIOWrapper(gzip.open(path) if packed else path.open("rb"), encoding="utf-8-sig", newline="") as text:
        rows = _json_lines(text) if suffix in (".jsonl", ".ndjson") else _separated(text, tabs=suffix == ".tsv")
        for line, row in rows:
            lines.append(line)
            for name in row or ():
                names[name] = None
            for name, values in columns.items():
                values.append(None if row is None else row.get(name))
    return list(names), columns, lines


def _json_lines(text: TextIO) -> Iterator[_Row]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            yield number, row if isinstance(row, dict) else None


def _separated(text: TextIO, *, tabs: bool) -> Iterator[_Row]:
    """Rows of a CSV with quotes as in RFC 4180, or of a TSV, where a quote is a character like any other."""
    before = csv.field_size_limit(CELL_LIMIT)
    try:
        reader = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(text, strict=True)
        header = next(reader, [])
        for cells in reader:
            if cells:
                # A row of another length has lost or gained a separator: no telling which cell is which.
                yield reader.line_num, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None
    finally:
        csv.field_size_limit(before)
