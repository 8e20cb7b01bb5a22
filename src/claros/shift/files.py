"""Predictions and labels from files: npy, npz, csv."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats
from claros.errors import DataError, InputError

__all__ = ["read_labels", "read_probs"]

#: What NumPy and zipfile raise on bytes that are not what they claim to be.
_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)
#: Names by which an npz is searched, where it has several arrays of the right shape.
_PROBS, _LABELS = ("probs", "probabilities", "predictions"), ("labels", "y", "classes", "targets")


def read_probs(path: Path | str) -> tuple[Floats, tuple[str, ...] | None]:
    """A table of predictions (N, C), and the classes' names where a csv has them as its header.

    ``.npy``; ``.npz``, of which ``FILE.npz:NAME`` picks an array where it has several tables; ``.csv``, a row an item.
    """
    place, _, member = str(path).partition(".npz:")
    file = Path(f"{place}.npz") if member else Path(path)
    if file.suffix.lower() == ".csv":
        rows = _csv(file)
        head = None if _are_numbers(rows[0]) else tuple(rows[0])
        return _numbers(rows[1:] if head else rows, file, first=2 if head else 1), head
    return np.asarray(_array(file, member, 2, _PROBS)), None


def read_labels(path: Path | str) -> npt.NDArray[Any]:
    """Classes (N,), codes or names: ``.npy``; ``.npz`` as for `read_probs`; ``.csv``, its only or ``label`` column."""
    place, _, member = str(path).partition(".npz:")
    file = Path(f"{place}.npz") if member else Path(path)
    if file.suffix.lower() != ".csv":
        return _array(file, member, 1, _LABELS)
    rows = _csv(file)
    head = [name.strip().lower() for name in rows[0]]
    named = next((head.index(name) for name in ("label", *_LABELS, "class") if name in head), None)
    if named is None and len(head) > 1:
        raise DataError(f"{file} has {len(head)} columns and none is called label; name one of them label.")
    values = [row[named or 0].strip() for row in (rows if named is None else rows[1:])]
    if not values:
        raise DataError(f"{file} has no labels.")
    return np.array([int(value) for value in values] if all(map(_is_code, values)) else values)


def _is_code(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _csv(file: Path) -> list[list[str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read as csv: {error}.") from error
    if not rows:
        raise DataError(f"{file} is empty.")
    odd = next((place for place, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if odd is not None:
        raise DataError(f"{file} has {len(rows[0])} columns, but row {odd + 1} has {len(rows[odd])}.")
    return rows


def _are_numbers(row: list[str]) -> bool:
    try:
        return [float(cell) for cell in row] != []
    except ValueError:
        return False


def _numbers(rows: list[list[str]], file: Path, first: int) -> Floats:
    wrong = next((place for place, row in enumerate(rows) if not _are_numbers(row)), None)
    if wrong is not None:
        raise DataError(f"{file} must have nothing but numbers below its head; row {wrong + first} has something else.")
    return np.array([[float(cell) for cell in row] for row in rows])


def _array(file: Path, member: str, axes: int, names: tuple[str, ...]) -> npt.NDArray[Any]:
    if file.suffix.lower() not in (".npy", ".npz"):
        raise InputError(f"{file} must end with .npy, .npz or .csv.")
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except _BROKEN as error:
        raise DataError(f"{file} cannot be read as NumPy's: {error}.") from error
    if member:
        if member not in arrays:
            raise DataError(f"{file} has no array {member!r}; its arrays are: {', '.join(arrays)}.")
        return np.asarray(arrays[member])
    fitting = {name: array for name, array in arrays.items() if array.ndim == axes}
    chosen = next((name for name in names if name in fitting), None)
    if chosen is None and len(fitting) == 1:
        chosen = next(iter(fitting))
    if chosen is None:
        raise DataError(
            f"{file} has {len(fitting)} arrays that might be meant ({', '.join(arrays)}); pick one as {file}:NAME."
        )
    return np.asarray(fitting[chosen])
