"""The data behind a figure, in a file beside it: Parquet, or CSV where pyarrow is not installed."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from claros.files import write_atomically

__all__ = ["Behind", "suffix", "write_behind"]

#: Columns of equal length by name, made when they are asked for.
Behind: TypeAlias = Callable[[], Mapping[str, list[Any]]]


def suffix() -> str:
    """The kind of file that the data are in: ``parquet`` or ``csv``."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        return "csv"
    return "parquet"


def write_behind(columns: Mapping[str, list[Any]], path: Path) -> None:
    """Write columns to ``path`` with the `suffix` that fits; numbers keep all their digits."""
    kind = suffix()
    write = _parquet if kind == "parquet" else _csv
    write_atomically(path.with_name(f"{path.name}.{kind}"), write(columns))


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(columns), buffer)
    return buffer.getvalue()


def _csv(columns: Mapping[str, list[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rows = zip(*columns.values(), strict=True)
    writer.writerows(["" if value is None or value != value else value for value in row] for row in rows)
    return text.getvalue().encode()
