"""The one check of what strategies, stopping rules and estimators are given; `claros.vocabulary` has the names."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from claros.arrays import Array, detached, from_numpy, is_array, map_spans, namespace, row_blocks, to_numpy, where_from
from claros.errors import InputError, suggest
from claros.measures.predictive import resummed
from claros.vocabulary import AXES, NEEDS, ROWS, Need

__all__ = ["AXES", "NEEDS", "ROWS", "Inputs", "Need"]

#: Rows of probabilities must sum to 1 within this.
SUM_TOLERANCE = 1e-3


class Inputs(Mapping[str, Any]):
    """Checked inputs of one call: arrays of the right axes and values, agreeing with each other.

    Arrays stay where they are (NumPy, torch, a memory map); lists become NumPy arrays, and class codes always do.
    Other arrays of one call share a library and a device: where one is a tensor, NumPy arrays are moved beside it.
    Whole numbers become floats; float16 becomes float32. ``sizes`` has the length of every axis seen.
    Raises `InputError` that names the input, what was expected, what came and where. Cost: one pass over every array
    that is asked for, in blocks; others are only measured.
    """

    def __init__(
        self, given: Mapping[str, Any], required: Iterable[str], optional: Iterable[str] = (), *, who: str, n: int = -1
    ) -> None:
        unknown = [name for name in given if name not in NEEDS]
        if unknown:
            raise InputError(suggest(unknown[0], NEEDS, "input"))
        given = {name: value for name, value in given.items() if value is not None}
        wanted = [*required]
        missing = [name for name in wanted if name not in given]
        if missing:
            raise InputError(_missing(who, missing, given))
        self.sizes: dict[str, int] = {} if n < 0 else {"N": n}
        self._said_by: dict[str, str] = {} if n < 0 else {"N": "n"}
        self._values: dict[str, Any] = {}
        used = {*wanted, *optional}
        for name in sorted(given, key=lambda name: (name not in used, [*NEEDS].index(name))):
            if name in used:
                self._values[name] = self._checked(NEEDS[name], given[name])
            elif NEEDS[name].axes and NEEDS[name].kind != "graph":
                self._measure(NEEDS[name], np.shape(given[name]))
        self._bring_together()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _checked(self, need: Need, value: Any) -> Any:
        if not need.axes:
            return _scalar(need, value)
        if need.kind == "graph":
            return self._graph(need, value)
        array = _as_array(need, value)
        self._measure(need, tuple(array.shape))
        return _CHECKS[need.kind](need, array)

    def _graph(self, need: Need, value: Any) -> Any:
        n = getattr(value, "n", None)
        if not isinstance(n, int) or not hasattr(value, "ball"):
            raise InputError(f"{need.name} must be a claros.measures.graph.RadiusGraph; got {type(value).__name__}.")
        self._measure(need, (n,))
        return value

    def _bring_together(self) -> None:
        apart = ("codes", "flags", "votes", "graph")
        arrays = {
            name: self._values[name] for name in self._values if NEEDS[name].axes and NEEDS[name].kind not in apart
        }
        places = {where_from(array): name for name, array in reversed(arrays.items())}
        foreign = {place: name for place, name in places.items() if place != "numpy"}
        if len(foreign) > 1:
            (first, said_by), (second, other) = list(reversed(foreign.items()))[:2]
            raise InputError(f"{other} is {second}, but {said_by} is {first}; pass arrays that lie in the same place.")
        for place_name in foreign.values():
            for name, array in arrays.items():
                self._values[name] = from_numpy(array, arrays[place_name]) if isinstance(array, np.ndarray) else array

    def _measure(self, need: Need, shape: tuple[int, ...]) -> None:
        if len(shape) != len(need.axes):
            expected = ", ".join(f"{axis}: {AXES[axis]}" for axis in need.axes)
            raise InputError(
                f"{need.name} must have {len(need.axes)} axes ({expected}); got {len(shape)}, shape {shape}."
            )
        for axis, size in zip(need.axes, shape, strict=True):
            if not size and axis in "CSDFKAW":
                raise InputError(
                    f"{need.name} must have at least one of axis {axis} ({AXES[axis]}); got shape {shape}."
                )
            known = self.sizes.setdefault(axis, int(size))
            by = self._said_by.setdefault(axis, need.name)
            if known != size:
                raise InputError(
                    f"{need.name} has {size} along axis {axis} ({AXES[axis]}), but {by} says {known}; "
                    "pass arrays that belong together."
                )


def _missing(who: str, missing: list[str], given: Mapping[str, Any]) -> str:
    got = ", ".join(given) or "nothing"
    arguments = ", ".join(f"{name}=..." for name in missing)
    meaning = "; ".join(f"{name}: {NEEDS[name].meaning}" for name in missing)
    return (
        f"{who} needs {', '.join(missing)}; got {got}. Pass {arguments}, or use a model that provides it ({meaning})."
    )


def _as_array(need: Need, value: Any) -> Array:
    try:
        array = detached(value) if is_array(value) and not isinstance(value, np.ndarray) else np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths
        raise InputError(f"{need.name} must be an array of numbers; got {type(value).__name__}: {error}.") from error
    xp = namespace(array) if not isinstance(array, np.ndarray) or array.dtype.kind in "biuf" else None
    if xp is None or not xp.isdtype(array.dtype, ("bool", "integral", "real floating")):
        came = array.dtype if array.ndim else type(value).__name__
        raise InputError(f"{need.name} must be an array of numbers; got {came}.")
    name = str(array.dtype).rpartition(".")[2]
    if need.kind in {"codes", "flags", "votes"} or name in {"float32", "float64"}:
        return array
    # What has no more digits than float32 goes into half the memory.
    small = name in {"float16", "bfloat16", "bool", "int8", "uint8", "int16", "uint16"}
    array = xp.astype(array, xp.float32 if small else xp.float64)
    return resummed(array) if name == "bfloat16" and need.kind == "probabilities" else array


def _scalar(need: Need, value: Any) -> int | float:
    value = value.item() if is_array(value) and value.ndim == 0 else value
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    number = float(value) if real else math.nan
    if not math.isfinite(number):
        raise InputError(f"{need.name} must be a finite number ({need.meaning}); got {value!r}.")
    if need.kind != "number" and number < 0:
        raise InputError(f"{need.name} must not be negative ({need.meaning}); got {value!r}.")
    if need.kind == "count":
        if number != int(number):
            raise InputError(f"{need.name} must be a whole number ({need.meaning}); got {value!r}.")
        return int(value)
    return number


def _where(need: Need, bad: Array, problem: str, advice: str = "") -> InputError:
    rows = np.flatnonzero(to_numpy(bad).reshape(len(bad), -1).any(axis=1))
    return InputError(f"{need.name} has {rows.size} {problem}, the first at index {rows[0]}{advice}.")


def _finite_rows(array: Array) -> Array:
    xp = namespace(array)
    finite = xp.isfinite(array)
    return finite if array.ndim == 1 else xp.all(xp.reshape(finite, (array.shape[0], -1)), axis=1)


def _blocks(array: Array, span: slice | None = None) -> Iterator[slice]:
    first, stop = (0, int(array.shape[0])) if span is None else (span.start, span.stop)
    elements = math.prod(int(size) for size in array.shape[1:])
    return row_blocks(stop, 8 * max(1, elements), first=first)


def _check_real(need: Need, array: Array) -> Array:
    # A sum is finite only if every term is; an overflowing sum of finite terms is settled by the exact look below.
    xp = namespace(array)
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = any(not math.isfinite(float(xp.sum(array[rows]))) for rows in _blocks(array))
    if suspicious:
        finite = _finite_rows(array)
        if not bool(xp.all(finite)):
            raise _where(need, ~finite, "non-finite row(s)")
    return array


def _check_signed(minimum: float, inclusive: bool, word: str) -> Callable[[Need, Array], Array]:
    def check(need: Need, array: Array) -> Array:
        bad = _check_real(need, array) < minimum if inclusive else _check_real(need, array) <= minimum
        if bool(namespace(array).any(bad)):
            raise _where(need, bad, f"{word} value(s)")
        return array

    return check


def _check_unit(need: Need, array: Array) -> Array:
    xp = namespace(array)
    for rows in _blocks(array):
        block = array[rows]
        if not (bool(xp.min(block) >= 0) and bool(xp.max(block) <= 1)):  # NaN fails both comparisons
            finite = _finite_rows(array)
            if not bool(xp.all(finite)):
                raise _where(need, ~finite, "non-finite row(s)")
            raise _where(need, (array < 0) | (array > 1), "row(s) outside [0, 1]", "; pass the output of a sigmoid")
    return array


def _check_probabilities(need: Need, array: Array) -> Array:
    xp = namespace(array)
    table = xp.reshape(array, (-1, array.shape[-1]))

    def good(span: slice) -> bool:
        return all(_are_probabilities(xp, table[rows]) for rows in _blocks(table, span))

    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is explained in words
        n, row_bytes = int(table.shape[0]), table.dtype.itemsize * int(table.shape[1])
        if not all(map_spans(good, n, row_bytes) if isinstance(table, np.ndarray) else [good(slice(0, n))]):
            _explain_probabilities(need, array)
    return array


def _are_probabilities(xp: Any, block: Array) -> bool:
    if not bool(xp.min(block) >= 0):  # first, since it reads memory faster; NaN fails this comparison and the next
        return False
    sums = xp.sum(block, axis=-1) if block.shape[-1] > 64 else block @ xp.ones_like(block[0])
    return bool(xp.max(xp.abs(sums - 1.0)) <= SUM_TOLERANCE)


def _explain_probabilities(need: Need, array: Array) -> None:
    """Raise the error that says what is wrong with which rows; rows are those of the first axis."""
    xp = namespace(array)
    rows = array[None, :] if array.ndim == 1 else array
    finite = _finite_rows(rows)
    if not bool(xp.all(finite)):
        raise _where(need, ~finite, "non-finite row(s)")
    negative = xp.any(xp.reshape(rows, (rows.shape[0], -1)) < 0, axis=1)
    if bool(xp.any(negative)):
        raise _where(need, negative, "row(s) with negative values", "; pass probabilities, not logits")
    sums = xp.reshape(xp.sum(rows, axis=-1), (rows.shape[0], -1))
    off = xp.abs(sums - 1.0) > SUM_TOLERANCE
    wrong = xp.any(off, axis=1)
    if bool(xp.any(wrong)):
        total = float(to_numpy(sums)[to_numpy(off)][0])
        raise _where(need, wrong, "row(s) that do not sum to 1", f" (sum {total:.4g}); pass the output of a softmax")


def _check_codes(need: Need, array: Array) -> Array:
    codes = to_numpy(array)
    if codes.dtype.kind == "f":
        if not np.all(np.isfinite(codes)) or not np.all(codes == np.floor(codes)):
            raise InputError(f"{need.name} must be whole class codes; got {codes.dtype} values that are not.")
    elif codes.dtype.kind not in "iu":
        raise InputError(f"{need.name} must be whole class codes; got dtype {codes.dtype}.")
    codes = codes.astype(np.int64, copy=False)
    if codes.size and int(codes.min()) < 0:
        raise _where(need, codes < 0, "negative class code(s)")
    return codes


def _check_flags(need: Need, array: Array) -> Array:
    """1 or 0."""
    flags = _check_codes(need, array)
    if flags.size and int(flags.max()) > 1:
        raise _where(need, flags > 1, "value(s) other than 0 and 1")
    return flags


def _check_votes(need: Need, array: Array) -> Array:
    """Class codes, or -1 where there is none."""
    return _check_codes(need, to_numpy(array) + 1) - 1


def _check_tokens(need: Need, array: Array) -> Array:
    """Rows of probabilities, of which those at an item's end may be all 0: there is no token."""
    xp = namespace(array)
    _check_real(need, array)
    sums = xp.sum(array, axis=-1)
    there = sums > 0.5
    wrong = (xp.abs(sums - xp.astype(there, sums.dtype)) > SUM_TOLERANCE) | xp.any(array < 0, axis=-1)
    if bool(xp.any(wrong)):
        raise _where(need, wrong, "item(s) with a token whose probabilities do not sum to 1", ", nor to 0 as padding")
    late = there[:, 1:] & ~there[:, :-1]
    if bool(xp.any(late)):
        raise _where(need, late, "item(s) with a token after the padding", "; put rows of zeros last")
    return array


_CHECKS: Mapping[str, Callable[[Need, Array], Array]] = {
    "probabilities": _check_probabilities,
    "unit": _check_unit,
    "real": _check_real,
    "nonnegative": _check_signed(0.0, True, "negative"),
    "positive": _check_signed(0.0, False, "non-positive"),
    "codes": _check_codes,
    "flags": _check_flags,
    "votes": _check_votes,
    "tokens": _check_tokens,
}
