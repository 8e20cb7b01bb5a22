"""Small features of images for comparisons that must run in minutes: principal components, of pixels or of patches."""

from __future__ import annotations

import numpy as np

from claros.arrays import Floats, row_blocks
from claros.data.pool import Pool
from claros.errors import InputError
from claros.rng import stream

__all__ = ["components", "small_features"]

#: Patches are squares of so many pixels; so many are drawn to be filters; and filters answer in so many regions a side.
SIDE, FILTERS, REGIONS = 6, 160, 2
#: Rows that principal components are found on, and bytes that a block of patches may take.
SAMPLE, STEP_BYTES = 5000, 1 << 25


def small_features(train: Pool, test: Pool, dims: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Features (N, dims) of the images of both pools, float32, scaled as a whole to mean square 1.

    Grey images: principal components of their pixels. Images in colour: of what random patches answer (Coates, Lee &
    Ng 2011), that is the positive and negative parts of normalised correlations, summed over quarters of the image.
    Rows stay as they are, up to their principal components. Labels are not looked at.
    """
    raw = [_table(pool, seed) for pool in (train, test)]
    centre, axes = components(raw[0], min(dims, raw[0].shape[1]), seed)
    found = [(part - centre) @ axes for part in raw]
    scale = float(np.sqrt(np.mean(found[0] ** 2))) or 1.0
    return tuple((part / scale).astype(np.float32) for part in found)  # type: ignore[return-value]


def components(rows: Floats, dims: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Mean (D,) and the first principal axes (D, dims) of at most 5,000 of the rows."""
    some = rows[stream(seed, "components").permutation(len(rows))[:SAMPLE]].astype(np.float64)
    centre = some.mean(axis=0)
    values, axes = np.linalg.eigh((some - centre).T @ (some - centre) / max(1, len(some) - 1))
    order = np.argsort(-values, kind="stable")[:dims]
    return centre, axes[:, order]


def _table(pool: Pool, seed: int) -> Floats:
    everything = np.arange(len(pool))
    if pool.kind == "rows":
        return np.asarray(pool.take(everything), dtype=np.float64)
    if pool.kind != "images":
        raise InputError(f"Small features are of rows or images; these items are {pool.kind}.")
    images = np.asarray(pool.take(everything)).astype(np.float32) / 255.0
    if images.ndim == 3:
        return np.asarray(images.reshape(len(images), -1), dtype=np.float64)
    return _answers(images, seed)


def _answers(images: Floats, seed: int) -> Floats:
    """What random patches answer to each image in each of its regions, (N, regions² · 2 · filters)."""
    rng = stream(seed, "patches")
    n, height, width, colours = images.shape
    which = rng.integers(n, size=4000)
    tops, lefts = (rng.integers(size - SIDE + 1, size=4000) for size in (height, width))
    drawn = np.stack(
        [images[i, a : a + SIDE, b : b + SIDE].ravel() for i, a, b in zip(which, tops, lefts, strict=True)]
    )
    drawn = _normalised(drawn.astype(np.float64))
    centre, values_axes = drawn.mean(axis=0), np.linalg.eigh(np.cov(drawn.T))
    whiten = values_axes[1] / np.sqrt(values_axes[0] + 0.1) @ values_axes[1].T
    filters = (drawn[:FILTERS] - centre) @ whiten
    filters /= np.maximum(np.linalg.norm(filters, axis=1, keepdims=True), 1e-9)
    flat = (whiten @ filters.T).astype(np.float32)
    found = np.empty((n, REGIONS * REGIONS * 2 * len(filters)))
    spots = (height - SIDE + 1) * (width - SIDE + 1)
    for rows in row_blocks(n, 4 * spots * SIDE * SIDE * colours, STEP_BYTES):
        windows = np.lib.stride_tricks.sliding_window_view(images[rows], (SIDE, SIDE), axis=(1, 2))
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, SIDE * SIDE * colours)
        answers = (_normalised(patches) - centre.astype(np.float32)) @ flat
        grid = answers.reshape(-1, height - SIDE + 1, width - SIDE + 1, len(filters))
        found[rows] = _pooled(grid)
    return found


def _normalised(patches: Floats) -> Floats:
    """Each patch with mean 0, divided by its deviation."""
    moved = patches - patches.mean(axis=1, keepdims=True)
    scaled: Floats = moved / np.sqrt(moved.var(axis=1, keepdims=True) + 1e-3)
    return scaled


def _pooled(grid: Floats) -> Floats:
    """Sums over regions of the positive and of the negative parts; (n, H, W, F) -> (n, regions² · 2F)."""
    parts = []
    for rows in np.array_split(np.arange(grid.shape[1]), REGIONS):
        for columns in np.array_split(np.arange(grid.shape[2]), REGIONS):
            region = grid[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            parts += [np.maximum(region, 0).mean(axis=(1, 2)), np.maximum(-region, 0).mean(axis=(1, 2))]
    pooled: Floats = np.concatenate(parts, axis=1)
    return pooled
