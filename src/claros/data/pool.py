"""A pool: items with stable ids, read lazily, with the hidden truth of simulations beside them."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.data.content import first_positions
from claros.data.features import MADE_OF, content_features
from claros.data.readers import Reader, shorten
from claros.errors import DataError, InputError, require

__all__ = ["Pool", "Split", "derive", "new_pool"]


@dataclass(frozen=True, eq=False, repr=False)
class Pool:
    """N items and what is known of them. Nothing in a pool changes after it is made.

    Attributes:
        reader: reads the items; all subsets of a pool share it.
        rows: (N,) where the reader keeps each item.
        ids: N different strings that stay the same when items are added.
        classes: names of the classes; empty when unknown.
        labels: (N,) codes into ``classes``, -1 where unknown; None when nothing is known. The truth that simulations
            answer with: no strategy ever sees it.
        annotations: (N, A) codes of what each of A people said of an item, -1 where nothing; for simulations, too.
        features: (N, D) fixed features, if given.
        alike: (N,) numbers that are equal for items to be asked as one, near-duplicates too; None for exact ones only.
        source: JSON that ``reopen`` makes the same pool of; empty for what is only in memory.
        notes: what loading found: ``left_out`` items that are also in the test set, ``set_aside`` items of other
            parts, ``skipped`` ids that could not be read.
    """

    reader: Reader
    rows: Indices
    ids: tuple[str, ...]
    classes: tuple[str, ...] = ()
    labels: Indices | None = None
    annotations: Indices | None = None
    features: Floats | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    alike: Indices | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<Pool of {len(self)} {self.kind}, {len(self.classes)} classes>"

    @property
    def kind(self) -> str:
        """``rows``, ``images``, ``texts`` or ``sounds``."""
        return self.reader.kind

    @property
    def shows(self) -> str:
        """The kind of what people see; another than `kind` where models read features in the items' place."""
        return self.reader.shows

    @cached_property
    def groups(self) -> Indices:
        """(N,): position of the first item with exactly the same content; itself if there is none before.

        For files, content is the bytes; for arrays and texts, the values. O(N log N) once for a reader and its subsets.
        Near-duplicates are in one group, too, after `claros.data.near_duplicates.group_near_duplicates`.
        """
        groups = first_positions(self.reader.first[self.rows] if self.alike is None else self.alike)
        groups.flags.writeable = False
        return groups

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Where each id is."""
        return {item: position for position, item in enumerate(self.ids)}

    @property
    def has_features(self) -> bool:
        """Whether there are `fixed_features`, said without making them."""
        return self.features is not None or self.reader.has_features or self.kind in MADE_OF

    @cached_property
    def fixed_features(self) -> Floats | None:
        """(N, D) features that no training changes: those given, else made of the content, once; None for bare sounds.

        Standardised columns of rows, pixels of images, latent topics of texts: see `claros.data.features`.
        """
        given = self.features if self.features is not None else self.reader.features(self.rows)
        features = given if given is not None else content_features(self)
        return None if features is None else _frozen(features)

    @property
    def skipped(self) -> tuple[str, ...]:
        """Ids of the items that could not be read and were left out on request."""
        return tuple(self.notes.get("skipped", ()))

    def take(self, positions: Array | Sequence[int]) -> Any:
        """A batch, in the order asked, always a copy.

        Rows: (B, F). Images: uint8 (B, H, W) or (B, H, W, 3). Texts: a list of str. Sounds: a list of (float32 samples
        (T,) in [-1, 1], samples per second).
        """
        return self.reader.take(self.rows[self._positions(positions)])

    def subset(self, positions: Array | Sequence[int]) -> Pool:
        """The pool of these items, in this order, each at most once; it reads through the same reader.

        Its ``source`` is empty: a part of a pool is reopened by reopening the pool.
        """
        chosen = self._positions(positions)
        if np.bincount(chosen, minlength=1).max(initial=0) > 1:
            raise InputError("a subset has each item at most once; the positions repeat. Use take() for a batch.")
        return Pool(
            reader=self.reader,
            rows=self.rows[chosen],
            ids=tuple(map(self.ids.__getitem__, chosen.tolist())),
            classes=self.classes,
            labels=None if self.labels is None else _frozen(self.labels[chosen]),
            annotations=None if self.annotations is None else _frozen(self.annotations[chosen]),
            features=None if self.features is None else _frozen(self.features[chosen]),
            alike=None if self.alike is None else _frozen(self.alike[chosen]),
        )

    def manifest(self) -> dict[str, Any]:
        """What the pool is: number of items, kind, and SHA-256 of the ids and of the contents, in order.

        Every content is read once, in blocks; the answer is kept.
        """
        return dict(self._manifest)

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        content = hashlib.sha256(self.shows.encode())
        self.reader.feed(content, self.rows)
        ids = hashlib.sha256(json.dumps(self.ids).encode())
        return {"n": len(self), "ids": ids.hexdigest(), "content": content.hexdigest(), "kind": self.shows}

    def stamp(self) -> str | None:
        """A cheap sign that files are as they were: names, lengths and times of change; None where nothing is a file.

        Equal stamps mean equal contents, unless somebody set a time back; other stamps mean that `manifest` must tell.
        """
        stamp = self.reader.stamp(self.rows)
        return None if stamp is None else stamp.hex()

    def report(self) -> dict[str, Any]:
        """What there is to know before labeling, as JSON: sizes, exact duplicates, contradictions, what is not here.

        ``duplicates`` counts items beyond the first of each content, ``contradictory`` contents with several labels.
        """
        return {
            "n": len(self),
            "kind": self.shows,
            "classes": list(self.classes),
            "labeled": 0 if self.labels is None else int((self.labels >= 0).sum()),
            "duplicates": len(self) - int((self.groups == np.arange(len(self))).sum()),
            "contradictory": self._contradictory(),
            "left_out": int(self.notes.get("left_out", 0)),
            "set_aside": int(self.notes.get("set_aside", 0)),
            "skipped": list(self.skipped),
        }

    def _contradictory(self) -> int:
        if self.labels is None:
            return 0
        known = self.labels >= 0
        pairs = np.unique(np.stack([self.groups[known], self.labels[known]]), axis=1)
        return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())

    def path(self, position: int) -> Path | None:
        """The file of an item, if it is one by itself (not inside a zip)."""
        return self.reader.file(self._row(position))

    def text(self, position: int, limit: int | None = 200) -> str:
        """An item in words: the text, the features by name, or what kind of image or sound; None for all of it."""
        return shorten(self.reader.describe(self._row(position)), limit)

    def thumbnail(self, position: int, size: int = 96) -> bytes:
        """An image as PNG bytes that fit ``size`` x ``size``; small ones are enlarged by whole pixels."""
        require("PIL", "data", "showing an image")
        from PIL import Image

        picture = self.reader.picture(self._row(position))
        factor = size // max(picture.size)
        if factor > 1:
            wide, high = picture.size
            picture = picture.resize((wide * factor, high * factor), Image.Resampling.NEAREST)
        picture.thumbnail((size, size))
        data = io.BytesIO()
        picture.save(data, "PNG")
        return data.getvalue()

    def export(self, position: int, folder: str | Path) -> Path:
        """Write one item into a folder, for a viewer to open; what was a file keeps its bytes and its suffix."""
        data, suffix = self.reader.original(self._row(position))
        name = re.sub(r"[^\w.-]+", "_", self.ids[position])[-80:].removesuffix(suffix)
        path = Path(folder) / f"{position}-{name}{suffix}"
        path.write_bytes(data)
        return path

    def _positions(self, positions: Array | Sequence[int]) -> Indices:
        given = to_numpy(positions)
        if given.size == 0:
            return np.empty(0, np.int64)
        if given.dtype.kind not in "iu" or given.ndim != 1:
            raise InputError(f"positions must be whole numbers (B,); got {given.dtype} of shape {given.shape}.")
        if given.min() < 0 or given.max() >= len(self):
            raise InputError(f"positions must be within 0..{len(self) - 1}; got {given.min()}..{given.max()}.")
        return given.astype(np.int64)

    def _row(self, position: int) -> int:
        return int(self.rows[self._positions([position])[0]])


class Split(NamedTuple):
    """A pool to label, and the test set beside it: labeled items none of whose contents is in the pool."""

    train: Pool
    test: Pool | None


def new_pool(
    reader: Reader,
    *,
    ids: Sequence[str] | None = None,
    classes: Sequence[str] = (),
    labels: Indices | None = None,
    annotations: Indices | None = None,
    features: Floats | None = None,
    source: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Pool:
    """A pool of all that a reader has, checked; ids default to row numbers."""
    n = len(reader)
    names = tuple(map(str, range(n))) if ids is None else tuple(map(str, ids))
    for what, length in (("ids", len(names)), ("labels", n if labels is None else len(labels))):
        if length != n:
            raise InputError(f"a pool of {n} items needs {n} {what}; got {length}.")
    if len(set(names)) < n:
        twice, times = Counter(names).most_common(1)[0]
        raise DataError(f"ids must be distinct; {twice!r} occurs {times} times.")
    for what, array in (
        ("features must have shape (N, D)", features),
        ("annotations must have shape (N, A)", annotations),
    ):
        if array is not None and (array.ndim != 2 or len(array) != n):
            raise InputError(f"{what} with N = {n}; got {array.shape}.")
    return Pool(
        reader=reader,
        rows=_frozen(np.arange(n, dtype=np.int64)),
        ids=names,
        classes=tuple(classes),
        labels=None if labels is None else _frozen(labels),
        annotations=None if annotations is None else _frozen(annotations),
        features=None if features is None else _frozen(features),
        source=dict(source or {}),
        notes=dict(notes or {}),
    )


def derive(
    pool: Pool, positions: Indices | None = None, *, notes: Mapping[str, Any] | None = None, **changes: Any
) -> Pool:
    """The pool, or a part of it, with some attributes replaced and what loading found added to its notes."""
    part = pool if positions is None else pool.subset(positions)
    return replace(part, notes={**pool.notes, **(notes or {})}, **changes)


def _frozen(array: Any) -> Any:
    """A view of the array that nobody can write through."""
    view = array.view()
    view.flags.writeable = False
    return view
