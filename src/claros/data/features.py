"""Fixed features made of what the items are: what there is to go by before the first model.

Rows: their columns, standardised over the pool (missing values are its mean). Images: pixels in [0, 1], means of blocks
where a side is longer than 16. Texts: TF-IDF brought to at most 100 columns by a truncated singular value
decomposition of fixed seed (latent semantic analysis, Deerwester et al. 1990), scaled to length 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, row_blocks
from claros.errors import DataError, require

__all__ = ["MADE_OF", "content_features"]

#: Kinds of items that features are made of.
MADE_OF = frozenset(("rows", "images", "texts"))

#: Longest side of an image's features, in blocks of pixels.
SIDE = 16
#: Most columns of a text's features.
TOPICS = 100
#: A column that deviates less from its mean, relative to it, is constant up to rounding.
ROUNDING = 1e-10
#: Images are read so many bytes at a time.
BLOCK_BYTES = 1 << 25


class _Contents(Protocol):
    @property
    def kind(self) -> str: ...

    def __len__(self) -> int: ...

    def take(self, positions: Sequence[int] | npt.NDArray[np.int64]) -> Any: ...


def content_features(items: _Contents) -> Floats | None:
    """(N, D) float32 features of a pool's contents, which are read once; None for sounds and for no items."""
    if not len(items) or items.kind not in MADE_OF:
        return None
    if items.kind == "images":
        return _images(items)
    contents = items.take(np.arange(len(items)))
    return _texts(contents) if items.kind == "texts" else _standardised(contents)


def _standardised(rows: npt.NDArray[Any]) -> Floats:
    """(N, F) with mean 0 and standard deviation 1 in every column that varies, and 0 in one that does not."""
    values = rows.astype(np.float64)
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    centred = np.where(known, values - mean, 0.0)
    deviation = np.sqrt(np.square(centred).sum(axis=0) / count)
    varies = deviation > ROUNDING * np.abs(mean)
    scaled: Floats = np.where(varies, centred / np.where(varies, deviation, 1.0), 0.0).astype(np.float32)
    return scaled


def _images(items: _Contents) -> Floats:
    """(N, H, W) or (N, H, W, 3) images to (N, D), D at most 16 x 16 x channels."""
    shape = items.take([0]).shape[1:]
    step = math.ceil(max(shape[:2]) / SIDE)
    blocks = row_blocks(len(items), 8 * math.prod(shape), BLOCK_BYTES)
    return np.concatenate([_pooled(items.take(np.arange(rows.start, rows.stop)), step) for rows in blocks])


def _pooled(images: npt.NDArray[np.uint8], step: int) -> Floats:
    """Means over blocks of ``step`` x ``step`` pixels, smaller ones at the far edges, as flat rows in [0, 1]."""
    means = images.astype(np.float64) / 255.0
    for axis in (1, 2):
        edges = np.arange(0, images.shape[axis], step)
        widths = np.diff(edges, append=images.shape[axis])
        means = np.add.reduceat(means, edges, axis=axis) / np.expand_dims(widths, [*range(1, means.ndim - axis)])
    return means.reshape(len(means), -1).astype(np.float32)


def _texts(texts: Sequence[str]) -> Floats:
    require("sklearn", "sklearn", "making features of texts")
    from sklearn.decomposition import TruncatedSVD

    from claros.models.sklearn.adapter import tfidf

    try:
        counts = tfidf().fit_transform(texts)
    except ValueError as error:
        raise DataError("Features of the texts cannot be made: no text has a word in it.") from error
    width = min(TOPICS, counts.shape[1] - 1, len(texts))
    dense = TruncatedSVD(width, random_state=0).fit_transform(counts) if width > 0 else counts.toarray()
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    scaled: Floats = (dense / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return scaled
