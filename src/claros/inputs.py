"""What strategies, stopping rules and estimators may ask for: names, axes, kinds; and the one check of them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Array, detached, from_numpy, is_array, map_spans, namespace, row_blocks, to_numpy, where_from
from claros.errors import InputError, suggest
from claros.measures.predictive import resummed

__all__ = ["AXES", "NEEDS", "ROWS", "Inputs", "Need"]

#: One letter an axis, the same everywhere.
AXES: Mapping[str, str] = {
    "N": "candidates",
    "L": "labeled items",
    "M": "target sample",
    "T": "stop set",
    "B": "last batch",
    "C": "classes",
    "S": "samples or members",
    "D": "features",
    "F": "fixed features",
    "K": "labels of a multi-label task",
    "Q": "examples of what is looked for",
    "P": "examples of what is not asked for",
    "A": "annotators",
    "W": "tokens",
}

#: Rows of probabilities must sum to 1 within this.
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Need:
    """One input: its name, its axes (none for a scalar), the kind of value, and what it means."""

    name: str
    axes: tuple[str, ...]
    kind: str
    meaning: str


def _table(*rows: tuple[str, str, str, str]) -> dict[str, Need]:
    return {name: Need(name, tuple(axes), kind, meaning) for name, axes, kind, meaning in rows}


#: The whole vocabulary. Names are public API.
NEEDS: Mapping[str, Need] = _table(
    ("probs", "NC", "probabilities", "predicted class probabilities"),
    ("logits", "NC", "real", "scores before the softmax"),
    (
        "decision_values",
        "NC",
        "real",
        "signed distances from each class's boundary to the rest, as of a support vector machine",
    ),
    ("member_probs", "NSC", "probabilities", "probabilities of S members: dropout passes, an ensemble, a committee"),
    ("label_probs", "NK", "unit", "probability of each label of a multi-label task, independently of the others"),
    ("embeddings", "ND", "real", "feature vectors of the candidates under the current model"),
    ("features", "NF", "real", "fixed feature vectors of the candidates, which no training changes"),
    ("clusters", "N", "codes", "cluster of each candidate, made once from the fixed features"),
    ("labeled_features", "LF", "real", "fixed feature vectors of what is labeled"),
    ("query_features", "QF", "real", "fixed feature vectors of examples of what is looked for"),
    ("private_features", "PF", "real", "fixed feature vectors of what must not be asked for, or not again"),
    ("labeled_embeddings", "LD", "real", "feature vectors of what is labeled, under the current model"),
    ("labeled_probs", "LC", "probabilities", "predicted class probabilities of what is labeled"),
    ("labels", "L", "codes", "classes of what is labeled, as codes, in the order in which they were told"),
    ("labeled_at_random", "L", "codes", "1 where drawn at random, 0 where chosen (2: of the sample, chosen later)"),
    ("captures", "LS", "codes", "1 where a member of a committee had chosen the labeled item, too, else 0"),
    ("target_probs", "MC", "probabilities", "predictions on a sample of the inputs that the model is for"),
    ("target_member_probs", "MSC", "probabilities", "members' predictions on that sample"),
    ("previous_probs", "NC", "probabilities", "predictions of the previous round's model"),
    ("head_weights", "CD", "real", "weights of the linear last layer over the embeddings"),
    ("head_bias", "C", "real", "bias of the linear last layer"),
    ("boundary_distance", "N", "nonnegative", "length of the smallest adversarial step that changes the prediction"),
    ("bim_distance", "N", "nonnegative", "how far steps along the gradient's sign lead before the prediction changes"),
    ("predicted_loss", "N", "real", "loss predicted by a learned module"),
    ("gradient_norm", "N", "nonnegative", "length of the loss's gradient in all weights, expected over the labels"),
    ("cost_matrix", "CC", "nonnegative", "cost of predicting the second class where the first is true"),
    ("class_weights", "C", "nonnegative", "importance of each class under label shift"),
    ("costs", "N", "positive", "price of labeling each item"),
    ("annotations", "NA", "votes", "the class that each annotator gave each item, -1 where none"),
    ("token_probs", "NWC", "tokens", "predicted tag probabilities of each token, rows of zeros after the last one"),
    ("predicted_values", "N", "real", "predictions of a regression"),
    ("member_values", "NS", "real", "predictions of S members of a regression"),
    ("labeled_values", "L", "real", "values of what is labeled, in a regression"),
    ("stop_predictions", "T", "codes", "predicted classes on a fixed random stop set"),
    ("stop_probs", "TC", "probabilities", "predicted class probabilities on the stop set"),
    ("stop_member_probs", "TSC", "probabilities", "members' predictions on the stop set"),
    ("stop_embeddings", "TD", "real", "feature vectors of the stop set under the current model"),
    ("stop_decision_values", "TC", "real", "signed distances of the stop set from each class's boundary to the rest"),
    ("stop_label_predictions", "TK", "codes", "predicted labels of a multi-label task on the stop set, 1 or 0"),
    ("stop_twin_predictions", "T", "codes", "predicted classes of a second model of the same labels, another seed"),
    ("stop_labeled", "T", "codes", "1 where an item of the stop set has been labeled, else 0"),
    ("batch_probs", "BC", "probabilities", "what the model that chose the last batch predicted for it"),
    ("batch_member_probs", "BSC", "probabilities", "what the members of that model predicted for it"),
    ("batch_labels", "B", "codes", "the labels that came back for the last batch"),
    ("class_prior", "C", "probabilities", "the classes' shares in the pool, when known"),
    ("nearest_labeled_distance", "N", "nonnegative", "distance to the nearest labeled item, kept between rounds"),
    ("neighbour_graph", "N", "graph", "who is near whom by fixed features, kept between rounds (a RadiusGraph)"),
    ("n_labeled", "", "count", "labels so far"),
    ("n_pool", "", "count", "size of the pool"),
    ("n_audited", "", "count", "labels so far of the audit set, which was drawn at random and trains nothing"),
    ("n_audited_correct", "", "count", "how many of them the current model predicts right"),
    ("n_support_vectors", "", "count", "support vectors of the current model"),
    ("label_sets", "LK", "flags", "labels of what is labeled in a multi-label task, 1 or 0"),
    ("label_cardinality", "", "amount", "labels that a labeled item of a multi-label task has on average"),
    ("round", "", "count", "rounds of training so far"),
    ("spent", "", "amount", "money spent so far"),
    ("elapsed", "", "amount", "seconds since the start"),
    ("metric", "", "number", "a metric on labeled validation items"),
)

#: Those with a row for each candidate.
ROWS = frozenset(name for name, need in NEEDS.items() if need.axes[:1] == ("N",))


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
