"""How large a ball may be before it holds more than one kind of thing."""

from __future__ import annotations

import math

import numpy as np

from claros.arrays import Array, Floats, Indices, fast_dtype, namespace, row_blocks, to_numpy
from claros.measures.clusters import lloyd, start_centres
from claros.measures.geometry import centred
from claros.measures.pairs import Side, tile_shape

__all__ = ["nearest_other", "pure_radius"]

#: How many points' balls are looked at.
LOOKED_AT = 2000

#: Points a cluster on which its centre is found, if there are more.
SAMPLE = 256


def pure_radius(points: Array, clusters: int, purity: float, rng: np.random.Generator) -> float:
    """The largest radius at which a share ``purity`` of the balls holds points of one cluster only, to three digits.

    Clusters are those of k-means, which stand in for classes that nobody knows yet. A ball is pure as long as its
    radius is below the distance to the nearest point of another cluster; so the radius is a quantile of these distances
    and needs no search. Up to 2000 random balls are looked at, each among all points; (N, D) -> radius, at most 2
    (points are directions) where every ball is pure. O(N·(2000 + clusters)·D) time, O(N) memory.
    """
    n = int(points.shape[0])
    order = rng.permutation(n)
    _, vectors = centred(points, fast_dtype(points))
    k = min(clusters, n)
    members = lloyd(vectors, start_centres(vectors, k, rng, order), order, sample=SAMPLE).members
    looked_at = np.sort(order[:LOOKED_AT])
    gaps = np.sort(np.sqrt(nearest_other(points, members, looked_at)))
    place = min(math.floor((1.0 - purity) * len(gaps) + 1e-9), len(gaps) - 1)
    limit = min(2.0, float(gaps[place]) * (1.0 - 1e-6))
    if not limit > 0.0:
        return 0.0
    digit = 10.0 ** (math.floor(math.log10(limit)) - 2)
    return math.floor(limit / digit) * digit


def nearest_other(points: Array, members: Indices, rows: Indices) -> Floats:
    """Squared distance of these rows to the nearest point of another cluster; (m,), inf where there is none.

    In float32, 0 where it is below the rounding. O(m·N·D) time.
    """
    frame, vectors = centred(points, fast_dtype(points))
    left = Side(frame.table(points), vectors.norms).left(rows)
    right = Side(frame.table(points), vectors.norms)
    best = np.full(len(rows), -np.inf)
    for cluster in np.unique(members):
        own, apart = np.flatnonzero(members == cluster), members[rows] != cluster
        for some in row_blocks(len(own), 1, tile_shape(points)[1]):
            xp = namespace(left)
            values = left @ xp.matrix_transpose(right.right(own[some]))
            nearest = to_numpy(xp.max(values, axis=1))
            best[apart] = np.maximum(best[apart], nearest[apart])
    squares = np.maximum(-2.0 * best, 0.0)
    squares *= squares > 2.0 * vectors.noise * vectors.norms[rows]
    return np.asarray(squares) / frame.scale**2
