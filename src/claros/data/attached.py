"""Features beside the items of a pool: models may read them in the items' place, and people still see the items."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Indices, row_blocks, to_numpy
from claros.data.content import Hashes, row_bytes
from claros.data.feature_files import DIGEST_BYTES, Table, open_features
from claros.data.pool import Pool, Split, derive
from claros.data.readers import FEED_BYTES, Reader, slice_if_run
from claros.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Attached", "attach", "attach_to", "complete", "over_features", "plain", "with_features"]


class Attached(Reader):
    """A reader with a row of features for each of its items; with ``over`` a batch of it are these rows.

    Everything about what people see, and about which items are the same, is that of the items. ``place`` says which
    row of ``array`` an item has, -1 for none. Features that follow from the items (``derived``) are no part of what
    the pool is; ``by`` says what made them.
    """

    has_features = True

    def __init__(
        self,
        items: Reader,
        array: npt.NDArray[Any],
        place: Indices,
        *,
        over: bool = False,
        where: Path | None = None,
        derived: bool = False,
        by: str = "",
    ) -> None:
        self.items, self.array, self.place = items, array, place
        self.over, self.where, self.derived, self.by = over, where, derived, by
        self.kind = "rows" if over else items.kind

    def __len__(self) -> int:
        return len(self.items)

    @property
    def shows(self) -> str:
        """That of the items."""
        return self.items.shows

    @cached_property
    def first(self) -> Indices:
        """By the items' contents."""
        return self.items.first

    def plain(self) -> Reader:
        """The items, with features that were given still beside them."""
        return self.items if self.derived else self.reading(over=False)

    def reading(self, *, over: bool) -> Attached:
        """The same, to read as features or as items."""
        return Attached(
            self.items, self.array, self.place, over=over, where=self.where, derived=self.derived, by=self.by
        )

    def sized(self, side: int) -> Attached:
        """The items at another size."""
        return Attached(self.items.sized(side), self.array, self.place, over=self.over, where=self.where)

    def take(self, rows: Indices) -> Any:
        """A copy of the features of these rows, or the items."""
        return np.array(self.features(rows)) if self.over else self.items.take(rows)

    def features(self, rows: Indices) -> npt.NDArray[np.float32]:
        """(B, D) float32; a view where they follow each other in a file of that type."""
        return np.asarray(self.array[slice_if_run(self.place[rows])], dtype=np.float32)

    def hashes(self) -> Hashes:
        """Of the items."""
        return self.items.hashes()

    def digest(self, row: int) -> bytes:
        """Of the item."""
        return self.items.digest(row)

    def feed(self, hash: hashlib._Hash, rows: Indices) -> None:
        """The items, then the features that were given."""
        self.items.feed(hash, rows)
        for block in row_blocks(0 if self.derived else len(rows), 4 * self.array.shape[1], FEED_BYTES):
            hash.update(row_bytes(self.features(rows[block])).data)

    def stamp(self, rows: Indices) -> bytes | None:
        """That of the items, and of the features' file."""
        items = self.items.stamp(rows)
        if items is None or self.derived:
            return items
        if self.where is None:
            return None
        found = self.where.stat()
        return hashlib.sha256(items + f"{found.st_size} {found.st_mtime_ns}".encode()).digest()

    def describe(self, row: int) -> str:
        """The item."""
        return self.items.describe(row)

    def file(self, row: int) -> Path | None:
        """The item's."""
        return self.items.file(row)

    def picture(self, row: int) -> Image:
        """The item's."""
        return self.items.picture(row)

    def original(self, row: int) -> tuple[bytes, str]:
        """The item's."""
        return self.items.original(row)


def with_features(
    pool: Pool, features: Array | str | Path, *, ids: Sequence[str] | None = None, over: bool = False
) -> Pool:
    """The pool with features of its items beside them, for models to read and strategies to look at.

    Arguments:
        pool: the items, which stay what people see.
        features: a folder of `claros embed`, an ``.npy`` or ``.npz`` file, or an array (N, D).
        ids: of an array, the ids of its rows; by default the rows are in the order of the pool.
        over: whether a batch is already the features; models of a campaign are asked what they can read.

    Campaigns and runs train whatever reads rows on the features, and all other models on the items. Such a pool is
    read again by `claros.data.load` with the same ``features``, not from its ``source`` alone.

    >>> from claros.data.memory import arrays
    >>> pool = with_features(arrays(["a red bird", "a blue one"]), np.array([[1.0, 0.0], [0.0, 1.0]]), over=True)
    >>> pool.kind, pool.take([1]).tolist(), pool.text(1)
    ('rows', [[0.0, 1.0]], 'a blue one')
    """
    if isinstance(features, str | Path):
        tables = open_features(features)
    else:
        rows = None if ids is None else {str(name): row for row, name in enumerate(ids)}
        tables = {"train": Table(Path("features"), to_numpy(features), rows, file=False)}
    found = attach(Split(pool, None), tables).train
    complete(found)
    return derive(over_features(found) if over else found, source={})


def attach_to(pool: Pool, features: str | Path | None, *, verify: bool = True) -> Pool:
    """The pool with the features of a folder or file beside it; as it is where none are given."""
    if features is None:
        return pool
    found = attach(Split(pool, None), open_features(features), verify=verify).train
    complete(found, str(features))
    return found


def attach(split: Split, tables: Mapping[str, Table], *, verify: bool = True) -> Split:
    """The split with features beside the items of both parts; those that have none are found by `complete`.

    With ``verify``, each item's content is compared with that of which the features were computed, where it is known.
    """
    train, test = split
    known = _attached(train, tables["train"], None, verify)
    if test is None:
        return Split(known, None)
    return Split(known, _attached(test, _of_test(train, test, tables), known.reader, verify))


def _attached(pool: Pool, table: Table, other: Reader | None, verify: bool) -> Pool:
    place = np.full(len(pool.reader), -1, np.int64)
    place[pool.rows] = _places(pool, table)
    if verify:
        _verify(pool, table, place)
    return derive(pool, reader=Attached(pool.reader, table.array, place, where=table.where if table.file else None))


def _of_test(train: Pool, test: Pool, tables: Mapping[str, Table]) -> Table:
    """What has the test items: a part of their own, or the whole, where ids or one order tell them apart."""
    if "test" in tables:
        return tables["test"]
    whole = tables["train"]
    if test.reader is train.reader or (whole.rows is not None and whole.names_items):
        return whole
    raise DataError(
        f"{whole.where} has features of the pool alone, but the test set lies apart from it; compute both with claros "
        "embed POOL --test TEST, or give an .npz with features_train, ids_train, features_test and ids_test."
    )


def _places(pool: Pool, table: Table) -> Indices:
    """(N,) the row of each item's features; -1 where there are none."""
    if table.rows is not None:
        rows = table.rows
        return np.fromiter((rows.get(name, -1) for name in pool.ids), np.int64, len(pool))
    if len(table.array) == len(pool.reader):
        return pool.rows
    if len(table.array) == len(pool):
        return np.arange(len(pool), dtype=np.int64)
    raise DataError(
        f"{table.where} must have a row of features for each of {len(pool.reader)} items, in their order; it has "
        f"{len(table.array)}. Or name its rows: ids in an .npz, or in {table.where.stem}.ids.txt, one a line."
    )


def _verify(pool: Pool, table: Table, place: Indices) -> None:
    """Raise a `DataError` if an item is not that of which the features were computed."""
    if table.digests is None:
        return
    changed = [
        name
        for name, row in zip(pool.ids, pool.rows.tolist(), strict=True)
        if place[row] >= 0 and pool.reader.digest(row)[:DIGEST_BYTES] != table.digests[place[row]]
    ]
    if changed:
        raise DataError(
            f"{len(changed)} item(s) are not what they were when {table.where.parent.parent} was computed, the first "
            f"{changed[0]!r}; run the same claros embed again: only these are computed, or give the right folder."
        )


def complete(pool: Pool, where: str = "") -> None:
    """Raise a `DataError` that names the first item without features, if features are beside the items at all."""
    place = getattr(pool.reader, "place", None)
    missing: list[int] = [] if place is None else np.flatnonzero(place[pool.rows] < 0).tolist()
    if missing:
        raise DataError(
            f"{len(missing)} of {len(pool)} items have no features{where and ' in '}{where}, the first "
            f"{pool.ids[missing[0]]!r}; run the same claros embed again: only what is missing is computed."
        )


def over_features(pool: Pool, *, over: bool = True) -> Pool:
    """The pool with its features to be read in the items' place, or with the items; it must have features beside."""
    return derive(pool, reader=pool.reader.reading(over=over))


def plain(pool: Pool) -> Pool:
    """The pool with its items to be read."""
    reader = pool.reader.plain()
    return pool if reader is pool.reader else derive(pool, reader=reader)
