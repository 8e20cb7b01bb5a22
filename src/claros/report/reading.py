"""Tables from files: Parquet where it is there and can be read, else CSV."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from claros.errors import DataError
from claros.report.tables import FLAG, LATER, NUMBER, TEXT, Column, Table

__all__ = ["read_table"]

#: Lines of a CSV file that are Python objects at a time.
_BLOCK = 20_000
_TRUE = frozenset({"true", "1", "1.0"})


def read_table(path: Path, kinds: Mapping[str, str]) -> Table:
    """Named columns of a table with a header; other columns are left out.

    ``path`` is the CSV file; the Parquet file beside it is read instead unless it is older, as it may be where the
    table was written again without pyarrow. A table among `LATER` has no rows where it is not there.
    """
    if path.stem in LATER and not path.is_file():
        return Table.empty(kinds)
    if not path.is_file():
        raise DataError(
            f"{path.parent} should hold {path.name}, which `claros run --out` and `claros bench run --out` write; it "
            "is not there. Finish the run with the same command, or name its folder."
        )
    faster = path.with_suffix(".parquet")
    if faster.is_file() and faster.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        try:
            importlib.import_module("pyarrow.parquet")
        except ImportError:
            pass
        else:
            return _from_parquet(faster, kinds)
    return _from_csv(path, kinds)


def _from_parquet(path: Path, kinds: Mapping[str, str]) -> Table:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            _check_header(path, kinds, file.schema_arrow.names)
            read = file.read(columns=[*kinds], use_threads=False)
        return Table({name: _arrow_column(arrow, read[name], kind) for name, kind in kinds.items()})
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as a table ({error}). The file is damaged.") from error


def _arrow_column(arrow: Any, column: Any, kind: str) -> Column:
    if kind == NUMBER:
        numbers = column.cast(arrow.float64()).to_numpy()
        return np.array(numbers, dtype=np.float64)
    words = column.cast(arrow.string()).combine_chunks().dictionary_encode()
    known = np.array([*words.dictionary.to_pylist(), ""], dtype=object)
    if kind == FLAG:
        known = np.array([word.lower() in _TRUE for word in known], dtype=bool)
    return np.asarray(known[words.indices.fill_null(len(known) - 1).to_numpy()])


def _from_csv(path: Path, kinds: Mapping[str, str]) -> Table:
    parts: dict[str, list[Column]] = {name: [] for name in kinds}
    words: dict[str, str] = {}  # one object a word, however often it is there
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        _check_header(path, kinds, header)
        for block in _blocks(rows, path, len(header)):
            columns = [*zip(*block, strict=True)]
            for name, kind in kinds.items():
                parts[name].append(_csv_column(path, name, kind, columns[header.index(name)], words))
    nothing = Table.empty(kinds)
    return Table({name: np.concatenate([nothing[name], *parts[name]]) for name in kinds})


def _blocks(rows: Iterator[list[str]], path: Path, width: int) -> Iterator[list[list[str]]]:
    line = 2
    filled = (row for row in rows if row)
    while block := [*islice(filled, _BLOCK)]:
        for row in block:
            if len(row) != width:
                raise DataError(f"{path} line {line} should have {width} values; it has {len(row)}. It is damaged.")
            line += 1
        yield block


def _check_header(path: Path, kinds: Mapping[str, str], header: Sequence[str]) -> None:
    missing = [name for name in kinds if name not in header]
    if missing:
        raise DataError(f"{path} should have a column {missing[0]}; it has {', '.join(header) or 'no header'}.")


def _csv_column(path: Path, name: str, kind: str, values: Sequence[str], words: dict[str, str]) -> Column:
    if kind == TEXT:
        column = np.empty(len(values), dtype=object)
        column[:] = [words.setdefault(value, value) for value in values]
        return column
    if kind == FLAG:
        return np.array([value.strip().lower() in _TRUE for value in values], dtype=bool)
    try:
        return np.array([float(value) if value else np.nan for value in values], dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path} should have numbers in column {name}: {error}. The file is damaged.") from error
