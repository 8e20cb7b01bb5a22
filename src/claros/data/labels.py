"""Labels as they come (codes, names, gaps) to codes into a list of classes; -1 where a label is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices, to_numpy
from claros.errors import DataError, InputError

__all__ = ["encode", "encode_annotations", "recode", "union"]


def encode(values: Any, classes: Sequence[str] | None = None, *, where: str = "y") -> tuple[Indices, tuple[str, ...]]:
    """(N,) labels to (N,) codes and the classes' names.

    Names (strings, booleans) are looked up in ``classes``, or their sorted set becomes the classes. Integers are codes
    into ``classes`` when these are given; otherwise they are names too, sorted as numbers. Unknown labels are None, an
    empty string, NaN or -1.

    >>> encode(["wren", "finch", None, "wren"])
    (array([ 1,  0, -1,  1]), ('finch', 'wren'))
    """
    names = None if classes is None else tuple(str(name) for name in classes)
    if names is not None and len(set(names)) < len(names):
        raise InputError(f"classes must be distinct; got {list(names)}.")
    listed = values if isinstance(values, list | tuple) else to_numpy(values)
    if isinstance(listed, np.ndarray):
        if listed.ndim == 2 and listed.shape[1] == 1:
            listed = listed[:, 0]
        if listed.ndim != 1:
            raise InputError(f"{where} must have one label an item, shape (N,); got shape {listed.shape}.")
        if listed.dtype.kind in "iuf":
            return _from_numbers(listed, names, where)
        listed = listed.tolist()
    known = [value for value in listed if not _missing(value)]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        numbers = np.array([-1 if _missing(value) else value for value in listed], np.float64)
        return _from_numbers(numbers, names, where)
    if names is None:
        names = tuple(sorted({str(value) for value in known}))
    code = {name: position for position, name in enumerate(names)}
    codes = np.full(len(listed), -1, np.int64)
    for position, value in enumerate(listed):
        if not _missing(value):
            if str(value) not in code:
                raise DataError(_unknown(value, position, where, names))
            codes[position] = code[str(value)]
    return codes, names


def encode_annotations(
    values: npt.NDArray[Any], given: Sequence[str] | None, classes: Sequence[str], *, where: str
) -> Indices:
    """(N, A) labels of A people to codes into the classes of the items' own labels, which `encode` has read.

    ``given`` is what `encode` was given as classes then, so that a number means the same in both.

    >>> encode_annotations(np.array([[7, 9], [-1, 7]]), None, ("7", "8", "9"), where="votes")
    array([[ 0,  2],
           [-1,  0]])
    """
    codes, names = encode(values.reshape(-1), given, where=where)
    return recode(codes, names, classes, where=where).reshape(values.shape)


def _missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and value != value)


def _unknown(value: object, position: int, where: str, names: Sequence[str]) -> str:
    known = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"{where} has the unknown label {value!r} at position {position}; the {len(names)} classes are: {known}."


def _from_numbers(
    numbers: npt.NDArray[Any], names: tuple[str, ...] | None, where: str
) -> tuple[Indices, tuple[str, ...]]:
    numbers = np.where(np.isnan(numbers), -1, numbers) if numbers.dtype.kind == "f" else numbers
    codes = numbers.astype(np.int64)
    if not np.array_equal(codes, numbers):
        raise InputError(f"{where} must hold class codes or names; got numbers that are not whole.")
    if names is not None:
        wrong = np.flatnonzero((codes < -1) | (codes >= len(names)))
        if wrong.size:
            raise DataError(_unknown(int(codes[wrong[0]]), int(wrong[0]), where, names))
        return codes, names
    values = np.unique(codes)
    if values.tolist() == [-1, 1]:
        raise InputError(
            f"{where} holds only -1 and 1, and -1 means unknown here; pass names, or 0 and 1 for the classes."
        )
    if values.size and values[0] < -1:
        raise InputError(f"{where} must hold codes from 0 on, or -1 for unknown; got {values[0]}.")
    values = values[values >= 0]
    return np.where(codes < 0, -1, np.searchsorted(values, codes)).astype(np.int64), tuple(map(str, values.tolist()))


def recode(labels: Indices, classes: Sequence[str], into: Sequence[str], *, where: str = "y") -> Indices:
    """Codes into ``classes`` as codes into another list, which must have every class that occurs; any shape."""
    code = {name: position for position, name in enumerate(into)}
    table = np.array([code.get(name, -1) for name in classes] + [-1], np.int64)
    lost = np.argwhere((labels >= 0) & (table[labels] < 0))
    if lost.size:
        raise DataError(_unknown(classes[labels[tuple(lost[0])]], int(lost[0][0]), where, into))
    return table[labels]


def union(classes: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """The classes, and after them those of ``more`` that are new: a code never changes its meaning."""
    return tuple(dict.fromkeys([*classes, *more]))
