"""The data that a preset runs on: made by a published recipe, or a file split as was published; written as .npz.

Rows are float32, labels are codes. ``train`` is the pool, ``val`` the validation items that some protocols have beside
it, ``test`` what every model is judged on.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from claros import data
from claros.arrays import Floats, Indices
from claros.data.pool import Pool
from claros.errors import DataError
from claros.files import write_atomically

__all__ = [
    "Labeled",
    "diverging_sin",
    "divided",
    "read_all_rows",
    "read_rows",
    "scaled_to_unit",
    "standardised",
    "three_clusters",
    "write",
]


class Labeled(NamedTuple):
    """Rows (N, F) with their codes (N,)."""

    x: Floats
    y: Indices


def three_clusters(rng: np.random.Generator, n: int = 150) -> Labeled:
    """CDALBench's ThreeClust: four round clusters of ``n`` points, two of them in the same place; (4n, 2).

    Class 1 lies around (0, 0) and (4, 3), class 0 around (0, 6) and (4, 3), with unit variance: what is asked around
    (4, 3) teaches nothing, and that is where an uncertain model asks.
    """
    centres = np.array([(0.0, 0.0), (4.0, 3.0), (0.0, 6.0), (4.0, 3.0)])
    points = [rng.normal(size=(n, 2)) + centre for centre in centres]
    return Labeled(np.concatenate(points), np.repeat([1, 1, 0, 0], n))


def diverging_sin(rng: np.random.Generator, n: int = 1000) -> Labeled:
    """CDALBench's DivergingSin: ``n`` points each on sin(2t) + t/2 (class 1) and sin(2t) - t/2; (2n, 2).

    t runs evenly from 0 to 10, with normal noise of deviation 0.3 across: the classes overlap on the left and part.
    """
    t = np.linspace(0.0, 10.0, n)
    above, below = (np.sin(2 * t) + sign * t / 2 + rng.normal(0.0, 0.3, n) for sign in (1, -1))
    x = np.concatenate([np.column_stack([t, above]), np.column_stack([t, below])])
    return Labeled(x, np.repeat([1, 0], n))


def divided(rows: Labeled, shares: Sequence[float], rng: np.random.Generator) -> list[Labeled]:
    """A random part of ⌊share · N⌋ rows for each share, then what is left."""
    order, parts, start = rng.permutation(len(rows.y)), [], 0
    for share in shares:
        end = start + int(len(rows.y) * share)
        parts.append(order[start:end])
        start = end
    return [Labeled(rows.x[part], rows.y[part]) for part in [*parts, order[start:]]]


def scaled_to_unit(rows: Labeled, like: Floats) -> Labeled:
    """Each feature on a line from 0 to 1 between its least and its largest value in ``like``; 0 where that is one."""
    low, width = like.min(axis=0), np.ptp(like, axis=0)
    return rows._replace(x=(rows.x - low) / np.where(width > 0, width, 1.0))


def standardised(rows: Labeled, like: Floats) -> Labeled:
    """Each feature less its mean in ``like``, over its deviation there."""
    deviation = like.std(axis=0)
    return rows._replace(x=(rows.x - like.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0))


def read_rows(source: str | Path) -> tuple[Labeled, Labeled, tuple[str, ...]]:
    """The labeled rows of a source, those of its published test part, which it must have, and the classes.

    Images become rows of grey values from 0 to 1.
    """
    pool, test = data.load(source, test_share=0.0)
    if test is None:
        raise DataError(
            f"{source} has no test part, which the published figures are on; give x_train, y_train, x_test and y_test, "
            "or mark it by is_test."
        )
    return _rows(pool, source), _rows(test, source), pool.classes


def read_all_rows(source: str | Path) -> tuple[Labeled, tuple[str, ...]]:
    """All labeled rows of a source, a test part among them, and the classes: for protocols that split by themselves."""
    pool, test = data.load(source, test_share=0.0)
    parts = [_rows(part, source) for part in (pool, test) if part is not None]
    return Labeled(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])), pool.classes


def _rows(pool: Pool, source: str | Path) -> Labeled:
    if pool.kind not in ("rows", "images") or pool.labels is None or (pool.labels < 0).any():
        raise DataError(f"{source} must hold rows or images that are all labeled; it has {pool.kind}.")
    content = np.asarray(pool.take(np.arange(len(pool))))
    x = content.reshape(len(content), -1).astype(np.float64)
    return Labeled(x / 255.0 if content.dtype == np.uint8 else x, np.asarray(pool.labels))


def write(path: Path, parts: Mapping[str, Labeled], classes: Sequence[str]) -> Path:
    """``x_train``, ``y_train``, ... for each part, and the classes; a file that is there stays. Its absolute path."""
    path = path.absolute()
    if not path.exists():
        arrays: dict[str, npt.NDArray[Any]] = {"classes": np.array(list(classes))}
        for part, rows in parts.items():
            arrays[f"x_{part}"], arrays[f"y_{part}"] = rows.x.astype(np.float32), rows.y.astype(np.int64)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        write_atomically(path, buffer.getvalue())
    return path
