"""How a pool reads its items: one small object a storage, which all subsets of a pool share. Here: those in memory."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices, row_blocks
from claros.data.content import Hashes, row_bytes, row_hashes, same_content, text_hash
from claros.errors import InputError, require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["FEED_BYTES", "Images", "Reader", "Rows", "Texts", "shorten", "slice_if_run"]

#: Bytes of an array that go into a manifest's hash at a time.
FEED_BYTES = 1 << 24


class Reader(ABC):
    """Items at rows 0..N-1 of a storage, in an order that never changes."""

    kind: str
    """``rows``, ``images``, ``texts`` or ``sounds``: what `take` returns."""
    has_features: ClassVar[bool] = False
    """Whether features were computed of the items, which models may read in their place."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def shows(self) -> str:
        """The kind of what people see of an item; another than `kind` where models read features instead."""
        return self.kind

    def plain(self) -> Reader:
        """The items themselves to read, where features may be read in their place."""
        return self

    def reading(self, *, over: bool) -> Reader:
        """The same, with features to be read in the items' place, or not; for items that have some."""
        raise InputError(f"these {self.kind} have no features beside them; see claros.data.with_features.")

    def sized(self, side: int) -> Reader:
        """The same items, images of files brought to so many pixels a side."""
        return self

    def features(self, rows: Indices) -> npt.NDArray[np.float32] | None:
        """(B, D) features of these rows, where they were computed."""
        return None

    @abstractmethod
    def take(self, rows: Indices) -> Any:
        """A batch of items, in the order asked; what a model gets. Always a copy."""

    @abstractmethod
    def hashes(self) -> Hashes:
        """(N,) numbers that are equal wherever contents are: cheap, and not proof."""

    @abstractmethod
    def digest(self, row: int) -> bytes:
        """SHA-256 of one item's content: equal exactly where contents are."""

    @abstractmethod
    def describe(self, row: int) -> str:
        """One item in words."""

    @cached_property
    def marks(self) -> Hashes:
        """(N,) the `hashes`, worked out once."""
        return self.hashes()

    @cached_property
    def first(self) -> Indices:
        """(N,): the first row with exactly the content of each; found once, when first asked for."""
        return same_content(self.marks, self.digest)

    def feed(self, hash: hashlib._Hash, rows: Indices) -> None:
        """Add the contents of these rows, in this order, to a running hash."""
        for row in rows.tolist():
            hash.update(self.digest(row))

    def stamp(self, rows: Indices) -> bytes | None:
        """A cheap sign that these rows are as they were, where reading them all would be dear; None elsewhere."""
        return None

    def file(self, row: int) -> Path | None:
        """The file that the item is, if it is one."""
        return None

    def picture(self, row: int) -> Image:
        """The item as a Pillow image in its own size, if it is one."""
        raise InputError(f"a picture was asked of {self.kind}, which have none; use text() instead.")

    def original(self, row: int) -> tuple[bytes, str]:
        """The item as the bytes of a file that a viewer opens, and the file's suffix."""
        return self.describe(row).encode(), ".txt"


class Arrays(Reader):
    """Items that are the rows of one array, in memory or memory-mapped."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        self.array = np.asarray(array).view()
        self.array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.array)

    def take(self, rows: Indices) -> npt.NDArray[Any]:
        """A copy of these rows of the array."""
        return self.array[rows]

    def hashes(self) -> Hashes:
        """Of the values, a block at a time."""
        return row_hashes(self.array)

    def _header(self) -> bytes:
        return f"{self.array.dtype.name} {self.array.shape[1:]}".encode()

    def digest(self, row: int) -> bytes:
        """Of the values, their type and shape."""
        return hashlib.sha256(self._header() + row_bytes(self.array[row : row + 1]).tobytes()).digest()

    def feed(self, hash: hashlib._Hash, rows: Indices) -> None:
        """All values in blocks, without a copy where the rows follow each other."""
        hash.update(self._header())
        width = int(np.prod(self.array.shape[1:])) * self.array.dtype.itemsize
        for block in row_blocks(len(rows), width, FEED_BYTES):
            hash.update(row_bytes(self.array[slice_if_run(rows[block])]).data)


def slice_if_run(rows: Indices) -> slice | Indices:
    """Consecutive rows as a slice, which reads without a copy."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all()):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


class Rows(Arrays):
    """Rows of numbers, (N, F); ``names`` of the F features, and which of them are 0/1 indicators of a category."""

    kind = "rows"

    def __init__(
        self, array: npt.NDArray[Any], names: Sequence[str] = (), indicators: npt.NDArray[np.bool_] | None = None
    ) -> None:
        super().__init__(array)
        n_features = array.shape[1]
        self.names = tuple(names) or tuple(f"x{column}" for column in range(n_features))
        self.indicators = np.zeros(n_features, bool) if indicators is None else indicators
        if not len(self.names) == len(self.indicators) == n_features:
            raise InputError(f"rows of {n_features} features came with {len(self.names)} feature names.")

    def describe(self, row: int) -> str:
        """Features by name; of an indicator only that it is set."""
        said = [
            name if indicator else f"{name}={value:.6g}"
            for name, indicator, value in zip(self.names, self.indicators, self.array[row].tolist(), strict=True)
            if value or not indicator
        ]
        return ", ".join(said)


class Images(Arrays):
    """Images of one size as uint8, (N, H, W) grey or (N, H, W, 3) RGB."""

    kind = "images"

    def describe(self, row: int) -> str:
        """Its size."""
        height, width = self.array.shape[1:3]
        return f"{'grey' if self.array.ndim == 3 else 'colour'} image, {width} x {height} pixels"

    def picture(self, row: int) -> Image:
        """The image as Pillow has it."""
        require("PIL", "data", "showing an image")
        from PIL import Image

        return Image.fromarray(np.ascontiguousarray(self.array[row]))

    def original(self, row: int) -> tuple[bytes, str]:
        """As PNG."""
        data = io.BytesIO()
        self.picture(row).save(data, "PNG")
        return data.getvalue(), ".png"


class Texts(Reader):
    """Texts in memory."""

    kind = "texts"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Indices) -> list[str]:
        """These texts."""
        return [self.texts[row] for row in rows.tolist()]

    def _bytes(self, row: int) -> bytes:
        return self.texts[row].encode("utf-8", "surrogatepass")

    def hashes(self) -> Hashes:
        """Of each text's bytes."""
        return np.fromiter((text_hash(self._bytes(row)) for row in range(len(self))), np.uint64, len(self))

    def digest(self, row: int) -> bytes:
        """Of the text's bytes."""
        return hashlib.sha256(self._bytes(row)).digest()

    def describe(self, row: int) -> str:
        """The text."""
        return self.texts[row]

    def original(self, row: int) -> tuple[bytes, str]:
        """As UTF-8."""
        return self._bytes(row), ".txt"


def shorten(text: str, limit: int | None) -> str:
    """The text, cut to ``limit`` characters with an ellipsis; None leaves it whole.

    >>> shorten("a long story", 6)
    'a lon…'
    """
    return text if limit is None or len(text) <= limit else text[: max(0, limit - 1)] + "…"
