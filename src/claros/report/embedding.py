"""The pool on a plane: principal components, and t-SNE of a sample where scikit-learn is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.data import Pool
from claros.rng import stream

__all__ = ["Space", "find_space", "neighbours_map"]

#: Items that components are found on, components kept for t-SNE, pixels a side of an image, images in memory.
_SAMPLE, _COMPONENTS, _SIDE, _BLOCK = 2000, 30, 16, 256
_PERPLEXITY, _STEPS, _LEAST = 30, 500, 10

Reader = Callable[[Indices], Any]


@dataclass(frozen=True)
class Space:
    """Principal components of a pool: what an item's features are, and the components of those."""

    read: Reader
    mean: Floats
    axes: Floats

    def place(self, positions: Indices) -> Floats:
        """(N, K) coordinates of these items, the first two the widest."""
        return np.asarray(self.read(positions) @ self.axes - self.mean @ self.axes)


def find_space(pool: Pool) -> Space | str:
    """The principal components of a sample of the pool, or why there are none.

    Of the given features, else the rows (each column scaled), the pixels, or the words weighed by TF-IDF. O(M D) for M
    sampled items of D features.
    """
    sample = np.sort(stream(0, "report-map").permutation(len(pool))[:_SAMPLE])
    found = _reader(pool, sample)
    if isinstance(found, str):
        return found
    with _one_thread():
        values = found(sample)
        mean = np.asarray(values.mean(axis=0), dtype=np.float64).ravel()
        return Space(found, mean, _principal(values, mean))


def neighbours_map(places: Floats) -> Floats | str:
    """(N, 2) t-SNE of (N, K) coordinates, or why there is none; the same on every call, O(N log N)."""
    try:
        manifold = importlib.import_module("sklearn.manifold")
    except ImportError:
        return "The map of neighbours (t-SNE) needs scikit-learn: pip install 'claros[sklearn]'."
    wide = float(places[:, 0].std()) if len(places) >= _LEAST else 0.0
    if wide == 0:
        return "There are too few different items for a map of neighbours."
    start = np.zeros((len(places), 2), dtype=np.float32)
    start[:, : places.shape[1]] = 1e-4 * places[:, :2] / wide
    perplexity = min(_PERPLEXITY, (len(places) - 1) / 3)
    model = manifold.TSNE(2, init=start, perplexity=perplexity, max_iter=_STEPS, random_state=0)
    with _one_thread():
        return np.asarray(model.fit_transform(places.astype(np.float32)), dtype=np.float64)


def _reader(pool: Pool, sample: Indices) -> Reader | str:
    """What turns positions into rows of numbers."""
    features = pool.fixed_features if pool.features is not None or pool.reader.has_features else None
    if features is not None:
        return lambda positions: np.asarray(features[positions], dtype=np.float64)
    if pool.kind == "rows":
        return _rows(pool, sample)
    if pool.kind == "images":
        return lambda positions: _pixels(pool, positions)
    if pool.kind == "texts":
        return _words(pool, sample)
    return f"There is no map of {pool.kind} without features."


def _rows(pool: Pool, sample: Indices) -> Reader:
    values = np.asarray(pool.take(sample), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    known = np.isfinite(values).any(axis=0)
    centre, spread = np.nanmean(values[:, known], axis=0), np.nanstd(values[:, known], axis=0)
    spread[spread == 0] = 1.0

    def read(positions: Indices) -> Floats:
        scaled = (np.asarray(pool.take(positions), dtype=np.float64)[:, known] - centre) / spread
        return np.where(np.isfinite(scaled), scaled, 0.0)

    return read


def _pixels(pool: Pool, positions: Indices) -> Floats:
    """Images as rows of numbers in [0, 1]: every so many pixels."""
    rows = []
    for start in range(0, len(positions), _BLOCK):
        images = pool.take(positions[start : start + _BLOCK])
        step = max(1, max(images.shape[1:3]) // _SIDE)
        thinned = images[:, step // 2 :: step, step // 2 :: step]
        rows.append(thinned.reshape(len(images), -1) / 255.0)
    return np.concatenate(rows)


def _words(pool: Pool, sample: Indices) -> Reader | str:
    try:
        text = importlib.import_module("sklearn.feature_extraction.text")
    except ImportError:
        return "A map of texts needs scikit-learn: pip install 'claros[sklearn]'."
    weigh = text.TfidfVectorizer(sublinear_tf=True, max_features=5000)
    try:
        weigh.fit(pool.take(sample))
    except ValueError:
        return "There is no map of these texts: they have no words in common."
    return lambda positions: weigh.transform(pool.take(positions))


def _principal(values: Any, mean: Floats) -> Floats:
    """(D, K) principal axes by subspace iteration: Halko et al. 2011, arXiv:0909.4061; signs by the largest entry."""
    rank = min(_COMPONENTS, *values.shape)
    basis = stream(0, "report-axes").normal(size=(values.shape[1], min(rank + 10, *values.shape)))
    for _ in range(6):
        onto, _ = np.linalg.qr(np.asarray(values @ basis) - mean @ basis)
        basis, _ = np.linalg.qr(np.asarray(values.T @ onto) - np.outer(mean, onto.sum(axis=0)))
    inner = np.asarray(values @ basis) - mean @ basis
    _, _, rotation = np.linalg.svd(inner, full_matrices=False)
    axes = basis @ rotation[:rank].T
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(axes * np.where(signs == 0, 1.0, signs))


def _one_thread() -> Any:
    """Sums in parallel have no fixed order, and t-SNE makes much of the last digit."""
    return importlib.import_module("threadpoolctl").threadpool_limits(1)
