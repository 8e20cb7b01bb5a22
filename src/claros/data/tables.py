"""Pools of text tables: CSV, TSV, JSON lines (each also gzipped) and Parquet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Indices
from claros.data.attached import attach_to
from claros.data.columns import Columns, read_columns
from claros.data.labels import encode, encode_annotations
from claros.data.options import PARTS, Options, by_part, rows_to_keep
from claros.data.pool import Pool, Split, derive, new_pool
from claros.data.readers import Texts
from claros.errors import DataError

__all__ = ["open_table", "text_table", "whole_table"]


def text_table(
    path: str | Path,
    *,
    text_column: str = "text",
    label_column: str | None = "label",
    id_column: str | None = None,
    classes: Collection[str] | None = None,
    skip_unreadable: bool = False,
    features: str | Path | None = None,
) -> Pool:
    """A pool of all rows of a CSV, TSV, JSON lines or Parquet file.

    Arguments:
        path: the file.
        text_column: the column with the texts.
        label_column: the column with classes' names or codes; empty or null is unknown. For "label", which may be
            missing, names come from a column ``label_name`` if there is one, in the order of the codes.
        id_column: the column with ids, which must differ; by default ``id`` if it is there and all differ, else row
            numbers.
        classes: names in the order of their codes; another label is an error. By default what occurs, sorted.
        skip_unreadable: leave out rows that cannot be read, and list them in ``pool.skipped``.
        features: features of the texts, for models to read in their place; see `claros.data.with_features`.
    """
    options = Options(
        text_column=text_column,
        label_column=label_column,
        id_column=id_column,
        split_column=None,
        classes=None if classes is None else tuple(classes),
        skip_unreadable=skip_unreadable,
        features=None if features is None else str(Path(features).resolve()),
    )
    return whole_table("text_table", path, options)


def whole_table(by: str, path: str | Path, options: Options, verify: bool = True) -> Pool:
    """What the function called ``by`` returns."""
    pool = attach_to(_read(Path(path), options)[0], options.features, verify=verify)
    where = str(Path(path).resolve())
    return derive(pool, source={"by": by, "path": where, "options": options.to_json(), "skipped": [*pool.skipped]})


def open_table(path: Path, options: Options) -> Split:
    """The table, and its parts if a column says which row belongs to which."""
    return by_part(*_read(path, options))


def _read(path: Path, options: Options) -> tuple[Pool, Indices | None]:
    table = read_columns(
        path,
        needed=[name for name in (options.text_column, options.id_column) if name is not None]
        + ([options.label_column] if options.label_column not in (None, "label") else [])
        + [*options.annotations],
        optional=["id", "label", "label_name"] + ([options.split_column] if options.split_column is not None else []),
    )
    texts = table.columns[options.text_column]
    unreadable = np.array([not isinstance(text, str) for text in texts], bool)
    ids = _ids(table, options)
    rows = rows_to_keep(ids, options)
    bad = rows[unreadable[rows]]
    if len(bad) and not options.skip_unreadable:
        raise DataError(
            f"{path} cannot be read at {table.place(int(bad[0]))}: every row needs a text in column "
            f"{options.text_column!r}; repair it, or pass skip_unreadable=True (--skip-unreadable) to leave such rows "
            "out."
        )
    rows = rows[~unreadable[rows]]
    if not len(rows):
        raise DataError(f"{path} has no rows left: {int(unreadable.sum())} of {len(texts)} cannot be read.")
    labels = _labels(table, rows, options)
    pool = new_pool(
        Texts([text if isinstance(text, str) else "" for text in texts]),
        ids=ids,
        notes={"skipped": [*options.without, *(ids[row] for row in bad)]},
    )
    said = _annotations(table, rows, options, labels)
    coded = derive(pool, rows, labels=labels.codes, classes=labels.classes, annotations=said)
    return coded, _parts(table, rows, options)


def _ids(table: Columns, options: Options) -> list[str]:
    given = table.columns.get(options.id_column or "id")
    names = None if given is None or None in given else [str(value) for value in given]
    if names is not None and len(set(names)) == len(names):
        return names
    if options.id_column is not None:
        raise DataError(f"column {options.id_column!r} of {table.path} must have an id in every row, all different.")
    return [str(row) for row in range(table.n)]


class _Labels(NamedTuple):
    """The items' codes, if there are any, and the classes; and how they were read, for what else is read like them."""

    codes: Indices | None
    classes: tuple[str, ...]
    given: tuple[str, ...] | None
    by_name: bool


def _values(table: Columns, rows: Indices, name: str | None) -> list[Any] | None:
    values = None if name is None else table.columns.get(name)
    return None if values is None else [values[row] for row in rows.tolist()]


def _labels(table: Columns, rows: Indices, options: Options) -> _Labels:
    values = _values(table, rows, options.label_column)
    names = _values(table, rows, "label_name") if options.label_column == "label" else None
    if names is not None and any(names):
        given = options.classes or (None if values is None else _in_code_order(names, _whole_numbers(values)))
        return _Labels(*encode(names, given, where=f"column 'label_name' of {table.path}"), given, True)
    if values is None:
        return _Labels(None, options.classes or (), options.classes, False)
    where = f"column {options.label_column!r} of {table.path}"
    return _Labels(*encode(_whole_numbers(values), options.classes, where=where), options.classes, False)


def _annotations(table: Columns, rows: Indices, options: Options, labels: _Labels) -> Indices | None:
    """What people said of the items, a column each: (N, A)."""
    said = []
    for name in options.annotations:
        values = _values(table, rows, name) or []
        named = labels.by_name and {str(value) for value in values if value not in (None, "")} <= {*labels.classes}
        listed = np.array(values if named else _whole_numbers(values), dtype=object)[:, None]
        where = f"column {name!r} of {table.path}"
        said.append(encode_annotations(listed, labels.given, labels.classes, where=where))
    return np.concatenate(said, axis=1) if said else None


def _in_code_order(names: Sequence[Any], codes: Sequence[Any]) -> tuple[str, ...] | None:
    """The names in the order of their codes, if each name has one code and each code one name; else None."""
    pairs = {(code, str(name)) for code, name in zip(codes, names, strict=True) if name and isinstance(code, int)}
    ordered = tuple(name for _, name in sorted(pairs))
    one_to_one = len(set(ordered)) == len(pairs) == len({code for code, _ in pairs})
    return ordered if one_to_one and set(ordered) == {str(name) for name in names if name} else None


def _whole_numbers(values: list[Any]) -> list[Any]:
    """Labels that a format without types wrote as digits, as numbers; anything else as it was."""
    known = [value for value in values if value not in (None, "")]
    if known and all(isinstance(value, str) and value.isdecimal() and str(int(value)) == value for value in known):
        return [int(value) if value else None for value in values]
    return values


def _parts(table: Columns, rows: Indices, options: Options) -> Indices | None:
    values = None if options.split_column is None else table.columns.get(options.split_column)
    if values is None:
        return None
    said = [str(values[row]).lower() for row in rows.tolist()]
    strange = sorted(set(said) - PARTS.keys())
    if strange:
        raise DataError(
            f"column {options.split_column!r} of {table.path} has the value {strange[0]!r}; expected one of "
            f"{', '.join(sorted(PARTS))}. Pass split_column=None to ignore the column."
        )
    return np.array([PARTS[value] for value in said], np.int64)
