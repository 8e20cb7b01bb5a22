"""What label shift is estimated from, checked once: predictions on a hold-out with labels, and on a target sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.errors import InputError, NoEstimateError
from claros.inputs import SUM_TOLERANCE

__all__ = ["Evidence", "codes", "gather", "mean_rows", "probabilities"]


@dataclass(frozen=True)
class Evidence:
    """Checked arrays that belong together.

    ``source`` (n, C) predictions on hold-out items that did not train the model, ``labels`` (n,) their classes,
    ``target`` (N, C) predictions on an unlabeled sample of the target, ``known`` (C,) counts of target items whose
    class is known, ``classes`` their C names, and ``cross_fitted`` (n, C), ``source`` by other folds' calibration
    where rows would be used twice.
    """

    source: Floats
    labels: Indices
    target: Floats
    known: Floats
    classes: tuple[str, ...]
    cross_fitted: Floats

    @property
    def n_classes(self) -> int:
        """C."""
        return len(self.classes)

    @property
    def counts(self) -> Indices:
        """(C,) hold-out rows of each class."""
        return np.bincount(self.labels, minlength=self.n_classes)

    @property
    def prior(self) -> Floats:
        """(C,) shares of the classes in the hold-out."""
        return np.asarray(self.counts / len(self.labels), dtype=np.float64)

    @property
    def missing(self) -> Indices:
        """Codes of classes without a hold-out row, about which nothing can be said."""
        return np.flatnonzero(self.counts == 0)

    def with_probs(self, source: Floats, target: Floats, cross_fitted: Floats) -> Evidence:
        """The same with other predictions, calibrated ones say."""
        return replace(self, source=source, target=target, cross_fitted=cross_fitted)

    def names(self, positions: Indices) -> list[str]:
        """Names of the classes at these codes."""
        return [self.classes[place] for place in positions]


def gather(
    source_probs: Array,
    source_labels: Array | Sequence[Any],
    target_probs: Array,
    classes: int | Sequence[str] | None = None,
    target_labels: Array | Sequence[Any] | None = None,
) -> Evidence:
    """Check everything once: finite, at least 0, rows that sum to 1, one list of classes, labels among them."""
    source, target = probabilities(source_probs, "source_probs"), probabilities(target_probs, "target_probs")
    n_classes = source.shape[1]
    if target.shape[1] != n_classes:
        raise InputError(
            f"source_probs has {n_classes} classes and target_probs has {target.shape[1]}; pass predictions of one "
            "model, with a column for every class."
        )
    names = _names(classes, n_classes)
    labels = codes(source_labels, names, "source_labels")
    if len(labels) != len(source):
        raise InputError(
            f"source_probs has {len(source)} rows and source_labels has {len(labels)}; pass one label per row."
        )
    if np.unique(labels).size < 2:
        raise NoEstimateError(
            "source_labels must hold at least two classes, or there is nothing to compare; all are "
            f"{names[int(labels[0])]!r}."
        )
    known = np.zeros(n_classes)
    if target_labels is not None:
        known += np.bincount(codes(target_labels, names, "target_labels"), minlength=n_classes)
    return Evidence(source, labels, target, known, names, source)


def probabilities(value: Array, what: str) -> Floats:
    """A table of probabilities, at least one row and two columns, as it came: no copy of float32 and float64."""
    try:
        table = to_numpy(value)
    except (TypeError, ValueError) as error:  # rows of different lengths
        raise InputError(f"{what} must be a table of numbers; got {type(value).__name__}: {error}.") from error
    if table.dtype.kind not in "biuf" or table.ndim != 2 or not table.shape[0] or table.shape[1] < 2:
        raise InputError(
            f"{what} must be a table with a row per item (at least one) and a column per class (at least two); got "
            f"{table.dtype} values of shape {table.shape}."
        )
    if table.dtype not in (np.float32, np.float64):
        table = table.astype(np.float64)
    for rows in row_blocks(len(table), table.itemsize * table.shape[1]):
        _check(table[rows], rows.start, what)
    return table


def _check(block: npt.NDArray[Any], start: int, what: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        sums = block @ np.ones(block.shape[1], dtype=block.dtype)
        if float(block.min()) >= 0 and float(np.abs(sums - 1).max()) <= SUM_TOLERANCE:
            return
    for bad, problem, advice in (
        (~np.isfinite(block).all(axis=1), "that is not finite", ""),
        ((block < 0).any(axis=1), "with a negative value", "; pass probabilities, not logits"),
        (np.abs(sums - 1) > SUM_TOLERANCE, "that does not sum to 1", "; pass the output of a softmax"),
    ):
        places = np.flatnonzero(bad)
        if places.size:
            where = int(places[0])
            total = f" (sum {sums[where]:.4g})" if "sum" in problem else ""
            raise InputError(f"{what} has a row {problem}, at index {start + where}{total}{advice}.")


def _names(classes: int | Sequence[str] | None, n_classes: int) -> tuple[str, ...]:
    listed = not (classes is None or isinstance(classes, (int, np.integer)))
    names = tuple(str(name) for name in classes) if listed else tuple(map(str, range(n_classes)))  # type: ignore[union-attr]
    count = len(names) if listed or classes is None else int(classes)  # type: ignore[arg-type]
    if count != n_classes:
        raise InputError(f"classes says {count} classes, but the probabilities have {n_classes} columns.")
    if len(set(names)) != len(names):
        raise InputError(f"classes must have each name once; got {', '.join(names)}.")
    return names


def codes(value: Array | Sequence[Any], names: tuple[str, ...], what: str) -> Indices:
    """Whole class codes in 0..C-1, or names of classes, as codes."""
    array = to_numpy(value)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{what} must be a list of at least one class; got shape {array.shape}.")
    if array.dtype.kind in "USO":
        place = {name: code for code, name in enumerate(names)}
        unknown = next((str(label) for label in array if str(label) not in place), None)
        if unknown is not None:
            raise InputError(f"{what} has {unknown!r}, which is none of the classes: {', '.join(names)}.")
        return np.array([place[str(label)] for label in array], dtype=np.int64)
    if array.dtype.kind not in "biuf" or not np.all(np.isfinite(array)) or np.any(array != np.floor(array)):
        raise InputError(f"{what} must be whole class codes; got {array.dtype} values that are not.")
    found = array.astype(np.int64)
    wrong = np.flatnonzero((found < 0) | (found >= len(names)))
    if wrong.size:
        raise InputError(
            f"{what} has class code {found[wrong[0]]} at index {wrong[0]}, but there are {len(names)} classes, "
            f"0 to {len(names) - 1}."
        )
    return found


def mean_rows(table: Floats) -> Floats:
    """(C,) mean of the rows, summed in float64 block by block."""
    total = np.zeros(table.shape[1])
    for rows in row_blocks(len(table), 8 * table.shape[1]):
        total += table[rows].sum(axis=0, dtype=np.float64)
    return total / len(table)
