"""Pools of NumPy's files: npy, and npz with the usual names; memory-mapped where the bytes lie as they are."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices
from claros.data.labels import encode, encode_annotations
from claros.data.memory import reader_of
from claros.data.options import TEST, TRAIN, Options, by_part, into_given_classes
from claros.data.pool import Pool, Split, derive, new_pool
from claros.data.readers import Rows
from claros.errors import DataError

__all__ = ["open_npy", "open_npz", "read_npy", "read_npz"]

#: Arrays of at least so many bytes are mapped rather than read.
MAP_BYTES = 1 << 20

#: What NumPy and zipfile raise on bytes that are not what they claim to be.
BROKEN = (OSError, ValueError, EOFError, KeyError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)

#: How the items and the labels of a part of a set, or of a whole set, are called.
PART_NAMES = (("x_{}", "y_{}"), ("{}_x", "{}_y"), ("{}_images", "{}_labels"), ("{}_data", "{}_labels"))
WHOLE_NAMES = (("x", "y"), ("data", "target"), ("data", "labels"), ("images", "labels"), ("texts", "labels"))


def open_npy(path: Path, options: Options) -> Split:
    """The items of an npy file, memory-mapped; their labels from the npy file ``options.labels``, if given."""
    pool = new_pool(reader_of(read_npy(path, mapped=True), where=str(path)))
    labels, classes = None, options.classes or ()
    if options.labels is not None:
        labels, classes = encode(read_npy(Path(options.labels), mapped=False), options.classes, where=options.labels)
        if len(labels) != len(pool):
            raise DataError(f"{options.labels} must have a label for each of {len(pool)} items; it has {len(labels)}.")
    return Split(derive(pool, labels=labels, classes=classes), None)


def read_npy(path: Path, *, mapped: bool) -> npt.NDArray[Any]:
    """The array of an npy file, memory-mapped if asked for; no objects."""
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except BROKEN as error:
        raise DataError(f"{path} cannot be read as a NumPy array: {error}.") from error
    return array


def read_npz(path: Path, names: Collection[str]) -> dict[str, npt.NDArray[Any]]:
    """Those of the named arrays that an npz file has; large ones that lie uncompressed are memory-mapped."""
    file = _Npz(path)
    return {name: file.read(name) for name in names if name in file.known}


def open_npz(path: Path, options: Options) -> Split:
    """The items of an npz file.

    Recognised: ``x`` and ``y`` (or ``data``/``target``, ``images``/``labels``, ``texts``/``labels``) with ``is_test``;
    or the same for parts, ``x_train``, ``y_train``, ``x_test``, ``train_images``, ...; beside them ``classes``,
    ``feature_names``, ``ids`` of a whole set, and ``features`` or ``features_train``, the items' fixed features if
    they are others than the items. Nominal columns (``is_categorical``; codes, named in the JSON object
    ``categories``) become one 0/1 column a category unless ``one_hot`` is off. Annotations, (N,) or (N, A), are of
    the whole set or of its training part.
    """
    file = _Npz(path)
    train = file.names(PART_NAMES, "train")
    if train is not None:
        others = [pair for pair in (file.names(PART_NAMES, part) for part in ("test", "val", "valid")) if pair]
        test = _pool(file, others[0], replace(options, annotations=())) if others else None
        aside = sum(file.length(pair.items) for pair in others[1:])
        return Split(derive(_pool(file, train, options, "features_train"), notes={"set_aside": aside}), test)
    whole = file.names(WHOLE_NAMES)
    if whole is None:
        raise DataError(
            f"{path} has no array x or x_train to take items from; its arrays are: {', '.join(file.known)}."
        )
    pool = _pool(file, whole, options, "features", ids=file.read("ids") if "ids" in file.known else None)
    return by_part(pool, np.where(file.read("is_test"), TEST, TRAIN) if "is_test" in file.known else None)


class _Pair(NamedTuple):
    items: str
    labels: str


class _Npz:
    """Arrays of an npz by name, in lower case."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read as an npz file: {error}.") from error
        self.known = {info.filename.removesuffix(".npy").lower(): info for info in members}

    def names(self, patterns: Sequence[tuple[str, str]], part: str = "") -> _Pair | None:
        """The first of the names that is there; its labels may be missing."""
        pairs = (_Pair(items.format(part), labels.format(part)) for items, labels in patterns)
        return next((pair for pair in pairs if pair.items in self.known), None)

    def read(self, name: str) -> npt.NDArray[Any]:
        """The array: mapped if it is large and lies in the file uncompressed, else read."""
        info = self.known[name]
        try:
            if info.compress_type == zipfile.ZIP_STORED and info.file_size >= MAP_BYTES:
                return self._map(info)
            with zipfile.ZipFile(self.path) as archive, archive.open(info) as member:
                array: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        except BROKEN as error:
            raise DataError(f"{name} in {self.path} cannot be read as a NumPy array: {error}.") from error
        return array

    def length(self, name: str) -> int:
        """Number of items in the array, without reading them."""
        with zipfile.ZipFile(self.path) as archive, archive.open(self.known[name]) as member:
            return int(_header(member)[0][0])

    def _map(self, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
        with self.path.open("rb") as file:
            # The member's own header: 30 bytes, of which the last four say how long its name and extra field are.
            file.seek(info.header_offset + 26)
            name, extra = struct.unpack("<HH", file.read(4))
            file.seek(info.header_offset + 30 + name + extra)
            shape, fortran, dtype = _header(file)
            if dtype.hasobject:  # mapping would take bytes of the file for addresses
                raise ValueError("it holds Python objects")
            offset = file.tell()
        return np.memmap(self.path, dtype, "r", offset, shape, "F" if fortran else "C")


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype


def _pool(
    file: _Npz, names: _Pair, options: Options, features: str = "", *, ids: npt.NDArray[Any] | None = None
) -> Pool:
    where = f"{names.items} in {file.path}"
    reader = reader_of(file.read(names.items), where=where)
    if isinstance(reader, Rows):
        reader = _with_columns(file, reader, options)
    listed = tuple(map(str, file.read("classes").tolist())) if "classes" in file.known else None
    given = listed or options.classes
    labels, classes = None, listed or ()
    if names.labels in file.known:
        labels, classes = encode(file.read(names.labels), given, where=f"{names.labels} in {file.path}")
    pool = new_pool(
        reader,
        ids=None if ids is None else ids.tolist(),
        classes=classes,
        labels=labels,
        annotations=_annotations(file, len(reader), given, classes, options),
        features=_features(file, features, len(reader)) if features in file.known else None,
    )
    return into_given_classes(pool, options, where)


def _features(file: _Npz, name: str, n: int) -> npt.NDArray[Any]:
    """Fixed features of the ``n`` items, (N, D)."""
    array = file.read(name)
    if array.ndim != 2 or len(array) != n or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise DataError(
            f"{name} in {file.path} must have a row of finite features for each of {n} items; got {array.dtype} of "
            f"shape {array.shape}."
        )
    return array


def _annotations(
    file: _Npz, n: int, given: Sequence[str] | None, classes: Sequence[str], options: Options
) -> Indices | None:
    """What people said of the ``n`` items, side by side: (N, A)."""
    columns = []
    for name in options.annotations:
        if name.lower() not in file.known:
            raise DataError(
                f"{file.path} has no array {name!r} of annotations; its arrays are: {', '.join(file.known)}."
            )
        array = file.read(name.lower())
        if array.ndim not in (1, 2) or len(array) != n:
            raise DataError(
                f"{name} in {file.path} must have what each of A people said of {n} items, shape ({n}, A); "
                f"got shape {array.shape}."
            )
        table = array.reshape(n, -1)
        columns.append(encode_annotations(table, given, classes, where=f"{name} in {file.path}, row by row,"))
    return np.concatenate(columns, axis=1) if columns else None


def _with_columns(file: _Npz, rows: Rows, options: Options) -> Rows:
    """The rows with their columns' names, and nominal columns spread out if asked for."""
    names = file.read("feature_names").tolist() if "feature_names" in file.known else list(rows.names)
    if len(names) != rows.array.shape[1]:
        raise DataError(f"{file.path} has {len(names)} feature names for {rows.array.shape[1]} columns.")
    if not options.one_hot or "is_categorical" not in file.known or not (nominal := file.read("is_categorical")).any():
        return Rows(rows.array, names)
    text = str(file.read("categories")) if "categories" in file.known else "{}"
    return _one_hot(rows.array, names, nominal, json.loads(text), str(file.path))


def _one_hot(
    array: npt.NDArray[Any], names: Sequence[str], nominal: npt.NDArray[Any], categories: Any, where: str
) -> Rows:
    """Each nominal column in its place as one 0/1 column a category; a code below 0, or none, is 0 in all of them."""
    blocks, spread, indicators = [], [], []
    for name, column, is_nominal in zip(names, array.T, nominal.tolist(), strict=True):
        if not is_nominal:
            blocks.append(column[:, None])
            spread.append(name)
            indicators.append(False)
            continue
        known = categories.get(name) or list(range(int(np.nanmax(column, initial=0)) + 1))
        if np.nanmax(column, initial=0) >= len(known):
            raise DataError(
                f"column {name!r} of {where} has the code {np.nanmax(column):g}, beyond its {len(known)} names."
            )
        blocks.append((column[:, None] == np.arange(len(known))).astype(array.dtype))
        spread += [f"{name}={category}" for category in known]
        indicators += [True] * len(known)
    return Rows(np.concatenate(blocks, axis=1), spread, np.array(indicators, bool))
