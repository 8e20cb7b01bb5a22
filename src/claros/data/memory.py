"""Pools of what is already in memory: rows, images or texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, to_numpy
from claros.data.labels import encode, encode_annotations
from claros.data.pool import Pool, new_pool
from claros.data.readers import Images, Reader, Rows, Texts
from claros.errors import InputError

__all__ = ["arrays", "reader_of"]


def arrays(
    x: Array | Sequence[str],
    y: Any = None,
    *,
    ids: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    annotations: Any = None,
    features: Array | None = None,
    kind: str | None = None,
    feature_names: Sequence[str] = (),
) -> Pool:
    """A pool of arrays in memory: (N, F) numbers are rows, uint8 (N, H, W) or (N, H, W, 3) images, strings texts.

    Arguments:
        x: the items; not copied, so do not change them afterwards.
        y: (N,) codes into ``classes``, or class names; None, "", NaN or -1 where unknown.
        ids: N different names; row numbers by default.
        classes: the classes' names in the order of their codes; by default what occurs in ``y``, sorted.
        annotations: (N, A) what each of A people said of the items, as in ``y``.
        features: (N, D) fixed features.
        kind: "rows", "images" or "texts" to insist; "rows" also flattens images.
        feature_names: names of the F columns of rows, for people.

    >>> pool = arrays(np.eye(3), ["finch", "wren", "finch"])
    >>> pool, pool.labels.tolist(), pool.take([2]).tolist()
    (<Pool of 3 rows, 2 classes>, [0, 1, 0], [[0.0, 0.0, 1.0]])
    """
    reader = reader_of(x, kind, feature_names)
    labels, names = (None, tuple(classes or ())) if y is None else encode(y, classes)
    said = None if annotations is None else to_numpy(annotations)
    return new_pool(
        reader,
        ids=ids,
        classes=names,
        labels=labels,
        annotations=None if said is None else encode_annotations(said, classes, names, where="annotations"),
        features=None if features is None else to_numpy(features),
    )


def reader_of(x: Any, kind: str | None = None, feature_names: Sequence[str] = (), where: str = "x") -> Reader:
    """The reader for an array or a list of strings, by its shape and type unless ``kind`` insists."""
    if isinstance(x, list | tuple) and x and all(isinstance(item, str) for item in x):
        array: npt.NDArray[Any] = np.empty(0)
        found: str | None = "texts"
        texts = list(x)
    else:
        array = to_numpy(x)
        found = _kind(array)
        texts = array.tolist() if array.dtype.kind == "U" else []
    if kind == "rows" and found == "images":
        array, found = array.reshape(len(array), -1), "rows"
    if found is None or kind not in (None, found):
        raise InputError(
            f"{where} must be numbers (N, F) for rows, uint8 (N, H, W) or (N, H, W, 3) for images, or strings (N,) for "
            f"texts; got {array.dtype} of shape {array.shape}{'' if kind is None else f' for kind={kind!r}'}. "
            "kind='rows' flattens images."
        )
    if found == "texts":
        return Texts(texts)
    if found == "images":
        return Images(array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array)
    return Rows(array, feature_names)


def _kind(array: npt.NDArray[Any]) -> str | None:
    if array.ndim == 1 and array.dtype.kind == "U":
        return "texts"
    if array.ndim == 2 and array.dtype.kind in "biuf" and array.shape[1] > 0:
        return "rows"
    if array.dtype == np.uint8 and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3))):
        return "images"
    return None
