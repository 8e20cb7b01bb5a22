"""What every adapter checks at its door: the labels and weights to train on, the kind of items, the names asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats, Indices, row_blocks
from claros.errors import CannotFeedError, DataError, InputError, ModelError
from claros.models.model import Items

__all__ = ["Labeled", "check_kind", "check_names", "labeled_items", "refuse_missing"]


class Labeled(NamedTuple):
    """Checked labels: positions of the items that count, their codes and weights, and the classes among them."""

    positions: Indices
    """(L,) of the items whose weight is not 0."""
    labels: Indices
    """(L,) class codes."""
    weights: Floats | None
    """(L,) positive, their mean 1; None when all are equal."""
    n_classes: int
    seen: Indices
    """(K,) the codes that occur, ascending."""


def labeled_items(items: Items, labels: Any, n_classes: int | None, weights: Any) -> Labeled:
    """Check what `fit` was given, and leave out items of weight 0."""
    codes = np.asarray(labels)
    if codes.shape != (len(items),):
        raise InputError(f"labels must have one code for each of {len(items)} items; got shape {codes.shape}.")
    if codes.size == 0:
        raise InputError("A model needs at least one labeled item to train on; got none.")
    if codes.dtype.kind not in "iu":
        raise InputError(f"labels must be whole class codes; got dtype {codes.dtype}.")
    n_classes = n_classes or len(items.classes) or int(codes.max()) + 1
    outside = np.flatnonzero((codes < 0) | (codes >= n_classes))
    if outside.size:
        raise InputError(
            f"labels must be codes from 0 to {n_classes - 1}; got {codes[outside[0]]} at index {outside[0]}."
        )
    codes = codes.astype(np.int64)
    positions = np.arange(len(items), dtype=np.int64)
    if weights is None:
        return Labeled(positions, codes, None, n_classes, np.unique(codes))
    checked = _weights(weights, len(items))
    positions = np.flatnonzero(checked > 0).astype(np.int64)
    kept = checked[positions]
    return Labeled(positions, codes[positions], kept / kept.mean(), n_classes, np.unique(codes[positions]))


def _weights(weights: Any, n: int) -> Floats:
    checked: Floats = np.asarray(weights, dtype=np.float64)
    if checked.shape != (n,):
        raise InputError(f"weights must have one number for each of {n} items; got shape {checked.shape}.")
    bad = np.flatnonzero(~(np.isfinite(checked) & (checked >= 0)))
    if bad.size:
        raise InputError(f"weights has {bad.size} negative or non-finite value(s), the first at index {bad[0]}.")
    if not checked.any():
        raise InputError("weights must not all be 0: nothing would be left to train on.")
    return checked


def refuse_missing(who: str, items: Items) -> None:
    """Raise a `DataError` that names the first of the rows with a value that is no finite number, if there is one.

    For a model that has failed on them: some take missing values, and so nothing is looked at before.
    """
    if items.kind != "rows":
        return
    for rows in row_blocks(len(items), 1 << 12):
        block = np.asarray(items.take(np.arange(rows.start, rows.stop)), dtype=np.float64)
        missing = ~np.isfinite(block.reshape(len(block), -1))
        if missing.any():
            row, column = (int(places[0]) for places in np.nonzero(missing))
            value, names = block.reshape(len(block), -1)[row, column], getattr(items, "ids", range(len(items)))
            raise DataError(
                f"{who} takes no missing values, and item {names[rows.start + row]} has {value} in column {column}; "
                "fill them in, leave such items out, or choose a model that takes them, as one with an imputer."
            )


def check_kind(who: str, items: Items, kinds: Collection[str]) -> None:
    """Raise an `InputError` if the model cannot read items of that kind."""
    if items.kind not in kinds:
        raise InputError(f"{who} takes {' or '.join(kinds)}; these items are {items.kind}. Choose another model.")


def check_names(who: str, names: Collection[str], provides: Collection[str], fitted: bool = True) -> None:
    """Raise if something is asked for that the model does not provide, or if it has not been trained."""
    missing = [name for name in names if name not in provides]
    if missing:
        raise CannotFeedError(
            f"{who} does not provide {', '.join(sorted(missing))}; it provides {', '.join(sorted(provides))}."
        )
    if not fitted:
        raise ModelError(f"{who} has not been trained yet; call fit with labeled items, or load, first.")
