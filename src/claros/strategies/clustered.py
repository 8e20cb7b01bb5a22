"""Cluster-Margin: the least certain candidates, spread over clusters that are made once."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices, fast_dtype, take, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.clusters import lloyd, start_centres
from claros.measures.geometry import centred
from claros.pick import Picked, top_k
from claros.strategies.parameters import check_counts
from claros.strategy import strategy

__all__ = ["cluster_margin", "feature_clusters"]

#: Items that are clustered in one piece: all pairs among so many take half a megabyte.
PIECE = 512

#: Clusters of k-means that a part of the pool is divided into at a time.
BRANCHES = 64


@strategy(reference="Citovsky et al. 2021, arXiv:2107.14263", stochastic=True, optional=("clusters",))
def cluster_margin(
    k: int,
    *,
    features: Array,
    probs: Array,
    rng: np.random.Generator,
    clusters: Indices | None = None,
    shortlist: float = 10.0,
    size: float = 10.0,
) -> Picked:
    """The candidates with the smallest margins, taken in turn from their clusters, small clusters first.

    ``shortlist`` times k candidates with the smallest margin between the two most probable classes are grouped by
    cluster. Round after round each group, the smallest first, gives one candidate at random, until there are k. A
    pick's score is 1 minus its margin. ``clusters`` (N,), made once by `feature_clusters`, are used if given; else they
    are made now, ``size`` candidates each on average. Ties are broken by permutations drawn from ``rng``. The batch is
    made for its k: a smaller batch is not its beginning.

    Departures: average linkage runs inside parts of at most 512 candidates that k-means makes, all cut at one
    distance, so that nothing grows with the square of the pool.

    Cost: O(N·C + shortlist·k·log) time with ``clusters``, else what `feature_clusters` takes; O(N) memory.

    Use it for batches of thousands from pools of millions, where margins alone would pick the same thing over and
    over; not for small batches, where BADGE and BAIT see more, nor before the model can tell classes apart.
    """
    if not shortlist >= 1:
        raise InputError(f"cluster_margin: shortlist must be at least 1; got {shortlist!r}.")
    _check_size("cluster_margin", size)
    n = int(probs.shape[0])
    unsure = to_numpy(predictive.margin(probs))
    listed = top_k(unsure, min(n, int(np.ceil(shortlist * k))), rng).indices
    codes = feature_clusters(features, rng, size=size) if clusters is None else clusters
    picks = _in_turn(listed, codes[listed], min(k, n), rng)
    return Picked(picks, unsure[picks])


def _in_turn(items: Indices, codes: Indices, k: int, rng: np.random.Generator) -> Indices:
    """One of each group after the other, small groups first, each in random order."""
    shuffled = rng.permutation(len(items))
    items, codes = items[shuffled], codes[shuffled]
    names, group, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    by_group = np.argsort(group, kind="stable")
    turn = np.empty(len(items), dtype=np.int64)
    turn[by_group] = np.arange(len(items)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return items[np.lexsort((order[group], sizes[group], turn))][:k]


def feature_clusters(
    features: Array, rng: np.random.Generator, *, size: float = 10.0, distance: float = 0.0, piece: int = PIECE
) -> Indices:
    """Clusters by average linkage, to be made once and kept; (N, D) -> (N,) codes from 0.

    Two clusters join while the mean distance between their members is small: up to ``distance`` (Euclidean) if it is
    given, else until there are N / ``size`` clusters. Linkage compares all pairs, so of more than ``piece`` items
    k-means first makes parts of that size, and every part is cut at the same distance: what differs from
    linkage over all is only that no cluster reaches over two parts. O(N·(64·log(N / piece) + piece)·D) time, O(N)
    memory.
    """
    _check_size("feature_clusters", size)
    check_counts("feature_clusters", piece=piece)
    if not distance >= 0:
        raise InputError(f"feature_clusters: distance must be positive, or 0 to go by size; got {distance!r}.")
    n = int(features.shape[0])
    pieces = _pieces(features, np.arange(n), piece, rng)
    trees = [_tree(features, rows) for rows in pieces]
    heights = np.concatenate([np.empty(0), *(tree[:, 2] for tree in trees)])
    joins = min(len(heights), n - int(np.ceil(n / size)))
    if not distance:
        distance = float(np.partition(heights, joins - 1)[joins - 1]) if joins > 0 else -1.0
    codes, used = np.empty(n, dtype=np.int64), 0
    for rows, tree in zip(pieces, trees, strict=True):
        own = _cut(tree, len(rows), distance)
        codes[rows] = own + used
        used += int(own.max()) + 1
    return codes


def _check_size(who: str, size: float) -> None:
    if not size >= 1:
        raise InputError(f"{who}: size must be at least 1, the mean number of items in a cluster; got {size!r}.")


def _pieces(features: Array, rows: Indices, piece: int, rng: np.random.Generator) -> list[Indices]:
    """These positions in parts of at most ``piece``, near each other: k-means, and k-means again in what it finds."""
    n = len(rows)
    if n <= piece:
        return [rows] if n else []
    points = features if n == int(features.shape[0]) else take(features, rows)
    order = rng.permutation(n)
    _, vectors = centred(points, fast_dtype(points))
    k = min(n, BRANCHES, 2 * -(-n // piece))
    members = lloyd(vectors, start_centres(vectors, k, rng, order), order, iterations=10, sample=64).members
    sizes = np.bincount(members, minlength=k)
    if sizes.max() == n:  # all are the same: cut at random
        return [rows[part] for part in np.array_split(np.argsort(order), -(-n // piece))]
    groups = np.split(rows[np.lexsort((order, members))], np.cumsum(sizes)[:-1])
    return [part for group in groups for part in _pieces(features, group, piece, rng)]


def _tree(features: Array, rows: Indices) -> Floats:
    """The joins of average linkage among some items, as scipy has them; (m - 1, 4)."""
    from scipy.cluster.hierarchy import linkage

    if len(rows) < 2:
        return np.empty((0, 4))
    tree: Any = linkage(to_numpy(take(features, rows)).astype(np.float64), "average")
    return np.asarray(tree)


def _cut(tree: Floats, m: int, distance: float) -> Indices:
    """Cluster codes from 0 of m items after all joins up to this distance."""
    from scipy.cluster.hierarchy import fcluster

    if m < 2 or distance < 0:
        return np.arange(m)
    return np.asarray(fcluster(tree, distance, "distance"), dtype=np.int64) - 1
