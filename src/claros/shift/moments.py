"""Joint means of predictions and labels: the confusion matrix of the hold-out, and the target's mean prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices, row_blocks
from claros.shift.evidence import Evidence, mean_rows

__all__ = ["Moments", "describe", "moments", "resampled", "resampled_means"]

#: A mean over more rows is resampled through so many of them.
ROWS = 4096
#: A column or a row counts as dependent on others below this share of the largest singular value.
SINGULAR = 1e-10


@dataclass(frozen=True)
class Moments:
    """``joint`` (C, C): mean over the hold-out of h_i(x) where the class is j, sums to 1; ``target`` (C,): mean h."""

    joint: Floats
    target: Floats

    @property
    def source(self) -> Floats:
        """(C,) mean prediction on the hold-out: the row sums."""
        return np.asarray(self.joint.sum(axis=1))

    @property
    def prior(self) -> Floats:
        """(C,) class shares of the hold-out: the column sums."""
        return np.asarray(self.joint.sum(axis=0))

    @property
    def singular(self) -> bool:
        """Whether some mixture of classes looks like another: weights are then not determined by these means."""
        values = np.linalg.svd(self.joint, compute_uv=False)
        return bool(values[-1] <= SINGULAR * values[0])


def moments(evidence: Evidence, soft: bool) -> Moments:
    """Of the probabilities if ``soft``, else of the predicted classes (the first of equals); O((n + N) · C)."""
    n_classes, n = evidence.n_classes, len(evidence.labels)
    if soft:
        sums = np.zeros((n_classes, n_classes))
        order = np.argsort(evidence.labels, kind="stable")
        for code, rows in _by_class(evidence, order):
            sums[:, code] = evidence.cross_fitted[rows].sum(axis=0, dtype=np.float64)
        return Moments(sums / n, mean_rows(evidence.target))
    pairs = evidence.cross_fitted.argmax(axis=1) * n_classes + evidence.labels
    joint = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes) / n
    return Moments(joint, predicted(evidence.target) / len(evidence.target))


def predicted(table: Floats) -> Indices:
    """(C,) how many rows are predicted to be of each class."""
    counts = np.zeros(table.shape[1], dtype=np.int64)
    for rows in row_blocks(len(table), 8 * table.shape[1]):
        counts += np.bincount(table[rows].argmax(axis=1), minlength=table.shape[1])
    return counts


def _by_class(evidence: Evidence, order: Indices) -> Iterator[tuple[int, Indices]]:
    ends = np.cumsum(evidence.counts)
    for code, (end, count) in enumerate(zip(ends, evidence.counts, strict=True)):
        if count:
            yield code, order[end - count : end]


def resampled(evidence: Evidence, soft: bool, replicates: int, rng: np.random.Generator) -> Iterator[Moments]:
    """Moments of samples drawn with replacement from the hold-out and from the target, as large as these."""
    n_classes, n = evidence.n_classes, len(evidence.labels)
    order = np.argsort(evidence.labels, kind="stable")
    if soft:
        means = resampled_means(evidence.target, replicates, rng)
    else:
        found = moments(evidence, soft)
        means = rng.multinomial(len(evidence.target), found.target, size=replicates) / len(evidence.target)
    chunk = max(1, min(replicates, 4_000_000 // max(n, n_classes**2)))
    for begin in range(0, replicates, chunk):
        size = min(chunk, replicates - begin)
        if soft:
            joints = np.zeros((size, n_classes, n_classes))
            drawn = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)])
            drawn = drawn[:, order].astype(np.float64)
            end = 0
            for code, rows in _by_class(evidence, order):
                joints[:, :, code] = drawn[:, end : end + len(rows)] @ evidence.cross_fitted[rows] / n
                end += len(rows)
        else:
            flat = rng.multinomial(n, found.joint.ravel(), size=size)
            joints = flat.reshape(size, n_classes, n_classes) / n
        for joint, mean in zip(joints, means[begin : begin + size], strict=True):
            yield Moments(joint, mean)


def resampled_means(table: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    """(B, D) means of samples of the rows of (N, D), drawn with replacement.

    Where there are more than 4,096 rows, so many are drawn once, and the deviations of their resampled means are scaled
    to N rows: the same in distribution up to the estimate of the covariance, at a cost that does not grow with N.
    """
    n, mean = len(table), mean_rows(table)
    rows = np.asarray(table if n <= ROWS else table[np.sort(rng.choice(n, ROWS, replace=False))], dtype=np.float64)
    m = len(rows)
    means = np.empty((replicates, rows.shape[1]))
    for part in row_blocks(replicates, 8 * m):
        drawn = np.stack([np.bincount(rng.integers(m, size=m), minlength=m) for _ in range(part.stop - part.start)])
        means[part] = drawn.astype(np.float64) @ rows / m
    return np.asarray(np.maximum(mean + (means - rows.mean(axis=0)) * np.sqrt(m / n), 0.0))


def describe(evidence: Evidence, found: Moments) -> dict[str, Any]:
    """What to know of the evidence before any method: singular values, classes that are missing, sizes."""
    values = np.linalg.svd(found.joint, compute_uv=False)
    never = predicted(evidence.source) == 0
    if never.any():
        never &= predicted(evidence.target) == 0
    return {
        "n_source": len(evidence.labels),
        "n_target": len(evidence.target),
        "n_target_labels": int(evidence.known.sum()),
        "smallest_singular_value": float(values[-1]),
        "condition_number": float(values[0] / values[-1]) if values[-1] > SINGULAR * values[0] else np.inf,
        "missing_classes": evidence.names(evidence.missing),
        "unpredicted_classes": evidence.names(np.flatnonzero(never)),
    }
