"""The most central members of as many clusters as there are to be picks."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.measures.clusters import lloyd, nearest_members, start_centres
from claros.measures.geometry import centred
from claros.pick.farthest import farthest_first
from claros.pick.picked import Picked

__all__ = ["central_members"]


def central_members(
    points: Array,
    k: int,
    rng: np.random.Generator,
    order: Indices,
    *,
    weights: Floats | None = None,
    iterations: int = 100,
    sample: int = 256,
) -> Picked:
    """K-means with k centres, and the point nearest to each; the heaviest cluster first, ties by ``order``.

    (N, D) -> (k,). A pick's score is the number of points in its cluster, or the sum of their ``weights`` (N,).
    Clusters that end empty (there are fewer than k different points) are replaced by the points farthest from those
    picked, at the end and with score 0. Weights that are all 0 count as equal. More than ``sample`` points a centre
    are clustered by a sample of them, see `lloyd`. O(min(N, sample·k)·k·D) time an iteration, O(N + sample·k·D) memory.
    """
    if weights is not None and not np.any(weights > 0.0):
        weights = None
    frame, vectors = centred(points, points.dtype)
    start = start_centres(vectors, k, rng, order, weights=weights)
    clusters = lloyd(vectors, start, order, weights=weights, iterations=iterations, sample=sample)
    picks, found = nearest_members(clusters, points, frame, vectors, order, weights=weights)
    sizes = np.bincount(clusters.members, weights, minlength=k)[found]
    ranked = np.lexsort((order[picks], -sizes))
    picks, scores = picks[ranked], sizes[ranked].astype(np.float64)
    if len(picks) < k:
        rest = farthest_first(points, k - len(picks), order, taken=[int(pick) for pick in picks])
        picks, scores = np.concatenate([picks, rest.indices]), np.concatenate([scores, np.zeros(len(rest.indices))])
    return Picked(picks, scores)
