"""Pools of a ``datasets.Dataset``: texts, images or sounds of a column, read when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Indices
from claros.data.content import Hashes, text_hash
from claros.data.images import ImageFiles
from claros.data.labels import encode
from claros.data.pool import Pool, derive, new_pool
from claros.data.readers import Reader
from claros.data.sounds import SoundFiles
from claros.errors import DataError, InputError, require

__all__ = ["hf_dataset"]

#: Rows of texts that are read at a time where all are.
BLOCK = 1000

#: How files begin -> what their names end in.
MAGIC = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"RIFF": ".wav",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
}


def hf_dataset(
    dataset: Any,
    *,
    text_column: str | None = None,
    image_column: str | None = None,
    audio_column: str | None = None,
    label_column: str | None = "label",
    id_column: str | None = None,
    classes: Collection[str] | None = None,
    image_size: int = 32,
    skip_unreadable: bool = False,
) -> Pool:
    """A pool of all rows of a ``datasets.Dataset``, whose items are the texts, images or sounds of one column.

    Items are read from the data set when they are asked for, so that one larger than memory stays on disk; labels and
    ids are read at once. The data set is not changed. Such a pool is reopened by passing it again.

    Arguments:
        dataset: one split, as ``load_dataset(...)["train"]``.
        text_column: a column of strings; or
        image_column: one of ``Image``, or of paths; or
        audio_column: one of ``Audio``, or of paths. One of the three.
        label_column: a column of ``ClassLabel``, whose names become the classes, or of names or codes as in
            `claros.data.arrays`; "label" may be missing.
        id_column: a column of ids, all different; row numbers by default.
        classes: names in the order of their codes, where the column does not know them.
        image_size: side of the square in pixels that models get.
        skip_unreadable: leave out images or sounds that cannot be read, and list them in ``pool.skipped``.
    """
    plain = _one_split(dataset).with_format(None)
    columns = {"text": text_column, "image": image_column, "audio": audio_column}
    given = {kind: name for kind, name in columns.items() if name is not None}
    if len(given) != 1:
        raise InputError(
            f"Name the column of the items by one of text_column, image_column, audio_column; got {given}."
        )
    ((kind, column),) = given.items()
    for name in (column, id_column, None if label_column == "label" else label_column):
        if name is not None and name not in plain.column_names:
            raise DataError(f"The data set has no column {name!r}; its columns are: {', '.join(plain.column_names)}.")
    reader = _reader(plain.select_columns([column]), kind, column, image_size)
    labels, names = _labels(plain, label_column, classes)
    pool = new_pool(reader, ids=None if id_column is None else _ids(plain, id_column), labels=labels, classes=names)
    if not skip_unreadable or not isinstance(reader, ImageFiles | SoundFiles):
        return pool
    good, bad = reader.readable(np.arange(len(pool)))
    return derive(pool, np.array(good, np.int64), notes={"skipped": [pool.ids[row] for row in bad]})


def _one_split(dataset: Any) -> Any:
    datasets = require("datasets", "hf", "a pool of a datasets.Dataset")
    if isinstance(dataset, datasets.Dataset):
        return dataset
    if isinstance(dataset, datasets.DatasetDict):
        raise InputError(f"Pass one split of the data set, as dataset['train']; it has {', '.join(dataset)}.")
    raise InputError(
        f"hf_dataset takes a datasets.Dataset, whose rows have numbers; got {type(dataset).__name__}. Load a "
        "streamed one without streaming=True."
    )


def _reader(dataset: Any, kind: str, column: str, image_size: int) -> Reader:
    datasets = require("datasets", "hf", "a pool of a datasets.Dataset")
    feature = dataset.features[column]
    if kind == "text":
        if getattr(feature, "dtype", None) not in ("string", "large_string"):
            raise DataError(f"Column {column!r} must hold texts; it is {feature}.")
        return _Texts(dataset, column)
    wanted = datasets.Image(decode=False) if kind == "image" else datasets.Audio(decode=False)
    if not isinstance(feature, type(wanted)) and getattr(feature, "dtype", None) != "string":
        name = type(wanted).__name__
        raise DataError(f"Column {column!r} must be of type {name}, or hold paths; cast it: dataset.cast_column(...).")
    store = _Bytes(dataset.cast_column(column, wanted), column)
    return _Images(store, store.names(), image_size) if kind == "image" else _Sounds(store, store.names())


def _labels(
    dataset: Any, column: str | None, classes: Collection[str] | None
) -> tuple[Indices | None, tuple[str, ...]]:
    names = None if classes is None else tuple(classes)
    if column is None or column not in dataset.column_names:
        return None, names or ()
    known = getattr(dataset.features[column], "names", None)
    values = list(dataset[column])
    where = f"column {column!r}"
    if any(isinstance(value, list | dict) for value in values):
        raise DataError(f"{where} must have one label an item; it is {dataset.features[column]}.")
    if known is None:
        return encode(values, names, where=where)
    own, codes = tuple(known), [-1 if value is None else value for value in values]
    if names is None or names == own:
        return encode(np.array(codes, np.int64), own, where=where)
    return encode([own[code] if code >= 0 else None for code in codes], names, where=where)


def _ids(dataset: Any, column: str) -> list[str]:
    return [str(value) for value in dataset[column]]


class _Texts(Reader):
    """Texts of a column."""

    kind = "texts"

    def __init__(self, dataset: Any, column: str) -> None:
        self.dataset, self.column = dataset, column

    def __len__(self) -> int:
        return len(self.dataset)

    def take(self, rows: Indices) -> list[str]:
        """These texts."""
        if not len(rows):
            return []
        texts: list[str] = self.dataset[rows.tolist()][self.column]
        for row, text in zip(rows.tolist(), texts, strict=True):
            if text is None:
                raise DataError(f"Row {row} of column {self.column!r} has no text; leave it out by dataset.filter.")
        return texts

    def _bytes(self) -> Iterator[bytes]:
        for start in range(0, len(self), BLOCK):
            for text in self.take(np.arange(start, min(len(self), start + BLOCK))):
                yield text.encode("utf-8", "surrogatepass")

    def hashes(self) -> Hashes:
        """Of each text's bytes."""
        return np.fromiter(map(text_hash, self._bytes()), np.uint64, len(self))

    def digest(self, row: int) -> bytes:
        """Of the text's bytes."""
        return hashlib.sha256(self.describe(row).encode("utf-8", "surrogatepass")).digest()

    def describe(self, row: int) -> str:
        """The text."""
        return self.take(np.array([row]))[0]

    def original(self, row: int) -> tuple[bytes, str]:
        """As UTF-8."""
        return self.describe(row).encode("utf-8", "surrogatepass"), ".txt"


class _Bytes:
    """The files of a column, in the data set or where it says, as a `claros.data.store.Store` by row number."""

    def __init__(self, dataset: Any, column: str) -> None:
        self.dataset, self.column = dataset, column
        self.where = Path(f"column {column!r}")

    def names(self) -> list[str]:
        """Rows, counted from 0."""
        return [f"row {row}" for row in range(len(self.dataset))]

    def size(self, name: str) -> int:
        """Length in bytes."""
        return len(self.read(name))

    def changed(self, name: str) -> int:
        """When the file was last changed; 0 of one in the data set, which never is."""
        path = self.path(name)
        return 0 if path is None else path.stat().st_mtime_ns

    def read(self, name: str) -> bytes:
        """The file's bytes."""
        entry = self._entry(name)
        if entry.get("bytes") is not None:
            return bytes(entry["bytes"])
        if not entry.get("path"):
            raise DataError(f"{self.where / name} is empty; leave it out by dataset.filter.")
        try:
            return Path(entry["path"]).read_bytes()
        except OSError as error:
            raise DataError(f"{self.where / name} cannot be read: {entry['path']}: {error.strerror}.") from error

    def path(self, name: str) -> Path | None:
        """Where the file lies, if it does by itself."""
        entry = self._entry(name)
        path = Path(entry["path"]) if entry.get("path") and entry.get("bytes") is None else None
        return path if path is not None and path.is_file() else None

    def _entry(self, name: str) -> dict[str, Any]:
        return self.dataset[int(name.removeprefix("row "))][self.column] or {}


def _suffix(data: bytes) -> str:
    return next((suffix for start, suffix in MAGIC.items() if data.startswith(start)), "")


class _Images(ImageFiles):
    """Images of a column."""

    def original(self, row: int) -> tuple[bytes, str]:
        """The file as it is."""
        data, _ = super().original(row)
        return data, _suffix(data)


class _Sounds(SoundFiles):
    """Sounds of a column."""

    def original(self, row: int) -> tuple[bytes, str]:
        """The file as it is."""
        data, _ = super().original(row)
        return data, _suffix(data)
