"""Where a set of points falls apart into two, by how alike they are and by nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats

__all__ = ["normalised_cut", "similarity"]


def similarity(points: Floats) -> Floats | None:
    """How alike any two points are, exp(-d² / m) of their distance d; (n, D) -> (n, n), in [0, 1].

    m is the median of the squared distances of two points, so that the points' unit does not matter, or their mean
    where more than half are 0. None where all points are one. O(n²·D) time, O(n²) memory.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points - points.mean(axis=0)
    peak = float(np.abs(points).max())
    if peak == 0.0:
        return None
    points = points / peak
    squares = np.einsum("nd,nd->n", points, points)
    apart = np.maximum(squares[:, None] + squares[None, :] - 2.0 * (points @ points.T), 0.0)
    np.fill_diagonal(apart, 0.0)
    pairs = apart[np.triu_indices(len(apart), 1)]
    width = float(np.median(pairs)) or float(pairs.mean())
    return np.exp(-apart / width) if width > 0 else None


def normalised_cut(weights: Floats) -> tuple[npt.NDArray[np.bool_], float]:
    """Two parts with little between them for what each has in all; symmetric (n, n), >= 0 -> (n,) bool and the cut.

    cut(A, B)/assoc(A, V) + cut(A, B)/assoc(B, V), in [0, 2], is hard to make least over all parts. So the points are
    put in the order of the second generalised eigenvector of (D - W) y = λ D y, which solves it for real numbers, and
    the best of the n - 1 splits of that order is taken. True marks the part without the first point. Every row must
    have a positive sum. (Shi & Malik 2000) O(n³) time, O(n²) memory.
    """
    from scipy.linalg import eigh

    degree = weights.sum(axis=1)
    # The first eigenvector is constant and of eigenvalue 0. Lifted to 2, the most there is, it leaves the second as
    # the least, also where the points are in separate pieces and both would be 0.
    lifted = np.diag(degree) - weights + 2.0 * np.outer(degree, degree) / degree.sum()
    _, vectors = eigh(lifted, np.diag(degree), subset_by_index=[0, 0])
    order = np.argsort(vectors[:, 0], kind="stable")
    sorted_weights = weights[np.ix_(order, order)]
    of_part = np.cumsum(degree[order])[:-1]
    inside = np.cumsum(2.0 * np.tril(sorted_weights, -1).sum(axis=1) + np.diag(sorted_weights))[:-1]
    between = np.maximum(of_part - inside, 0.0)
    cuts = between / of_part + between / (degree.sum() - of_part)
    best = int(np.argmin(cuts))
    part = np.zeros(len(order), dtype=bool)
    part[order[best + 1 :]] = True
    return part ^ part[0], float(cuts[best])
