"""Strategies that draw a batch to stand for the pool: by distance from its mean, or from a hierarchy of clusters."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.measures.clusters import closest, lloyd, start_centres
from claros.measures.geometry import Vectors, centred
from claros.pick import Picked, gumbel_top_k, in_order, place_within
from claros.strategies.parameters import check_counts
from claros.strategy import strategy

__all__ = ["hierarchical_kmeans", "lightweight_coreset"]


@strategy(reference="Bachem, Lucic & Krause 2018, KDD, arXiv:1702.08248", stochastic=True)
def lightweight_coreset(k: int, *, embeddings: Array, rng: np.random.Generator) -> Picked:
    """Draw a batch half uniformly and half in proportion to the squared distance from the pool's mean.

    Each draw has the probabilities 1/2N + |x - mean|²/2Σ|x - mean|² over what is left; a pick's score is that number,
    its probability the chance that it had in its draw.

    Departures: without replacement, since nobody is asked the same twice.

    Cost: O(N·D) time, O(N) memory beside a float64 copy.

    Use it for a first batch of any size from any pool, at the price of one look at it; not where k-means is affordable,
    which leaves less unseen.
    """
    order = rng.permutation(int(embeddings.shape[0]))
    rows = to_numpy(embeddings).astype(np.float64)
    squares = np.sum((rows - rows.mean(axis=0)) ** 2, axis=1)
    total, n = float(squares.sum()), len(rows)
    far = squares / total if total > 0.0 else np.full(n, 1.0 / n)
    return gumbel_top_k(0.5 / n + 0.5 * far, k, rng, order)


@strategy(reference="Vo et al. 2024, arXiv:2405.15613", stochastic=True)
def hierarchical_kmeans(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    levels: int = 2,
    shrink: int = 10,
    resample: int = 10,
    iterations: int = 50,
) -> Picked:
    """A batch shared out evenly over a hierarchy of clusters, so that rare groups get as many labels as common ones.

    K-means on the items, then on the centres, and so on: ``levels`` times, each with ``shrink`` times fewer clusters
    than the one below, and the lowest with as many as there are picks, or N/``shrink`` if that is fewer. Centres of
    level two and up are found on the ``resample`` members of each cluster nearest to its centre, which evens densities
    out. Then from the top down each cluster's share is divided as evenly as the sizes allow among its parts, and at the
    bottom the items nearest to their centre are taken. A pick's score is the number of items in its lowest cluster.
    The batch is made for its k.

    Departures: the numbers of clusters follow the batch, where the authors give them.

    Cost: O(N·k·D) time an iteration, O(N·D) memory.

    Use it for first batches from large pools of web-like images with a few huge groups; not for pools with outliers,
    to which an even share over clusters gives many labels.
    """
    check_counts("hierarchical_kmeans", levels=levels, shrink=shrink, resample=resample, iterations=iterations)
    rows = to_numpy(features).astype(np.float64)
    n, order = len(rows), rng.permutation(len(rows))
    if not n:
        return Picked(np.empty(0, dtype=np.int64), np.empty(0))
    lowest = max(1, min(k, -(-n // shrink)))
    members, squares = _clustered(rows, rows, lowest, rng, order, iterations)
    centres = _means(rows, members)
    paths = [members]
    for level in range(1, levels):
        wanted = max(1, lowest // shrink**level)
        core = rows[_nearest_members(members, squares, order, resample)]
        upper, _ = _clustered(core, centres, wanted, rng, rng.permutation(len(core)), iterations)
        paths.append(upper[paths[-1]])
        centres = _means(centres, upper)
        members = paths[-1]
        squares = np.sum((rows - centres[members]) ** 2, axis=1)
    picks = _shared(np.arange(n), paths[::-1], k, _distance_rank(rows, paths[0], order))
    sizes = np.bincount(paths[0])[paths[0][picks]]
    ranked = np.lexsort((order[picks], -sizes))
    return Picked(picks[ranked], sizes[ranked].astype(np.float64))


def _clustered(
    sample: Floats, rows: Floats, k: int, rng: np.random.Generator, order: Indices, iterations: int
) -> tuple[Indices, Floats]:
    """Each row's cluster, of k found on a sample, numbered without gaps, and its squared distance to the centre."""
    frame, vectors = centred(sample, sample.dtype, rows)
    k = min(k, len(sample))
    found = lloyd(vectors, start_centres(vectors, k, rng, order), order, iterations=iterations)
    nearest = closest(Vectors(len(rows), frame.table(rows)), found.centres)
    members = np.unique(nearest.members, return_inverse=True)[1].reshape(-1)
    return members.astype(np.int64), nearest.squares


def _means(rows: Floats, members: Indices) -> Floats:
    sums = np.zeros((int(members.max()) + 1, rows.shape[1]))
    np.add.at(sums, members, rows)
    means: Floats = sums / np.bincount(members)[:, None]
    return means


def _nearest_members(members: Indices, squares: Floats, order: Indices, most: int) -> Indices:
    """Positions of the members nearest to their centre, at most so many a cluster."""
    ranked = np.lexsort((order, squares, members))
    kept: Indices = ranked[place_within(members[ranked]) < most]
    return kept


def _distance_rank(rows: Floats, members: Indices, order: Indices) -> Indices:
    """Each item's place by distance to the mean of its lowest cluster, ties by ``order``."""
    squares = np.sum((rows - _means(rows, members)[members]) ** 2, axis=1)
    places = np.empty(len(rows), dtype=np.int64)
    places[np.lexsort((order, squares))] = np.arange(len(rows))
    return places


def _shared(items: Indices, paths: list[Indices], k: int, places: Indices) -> Indices:
    """k of these items: as evenly as sizes allow over the clusters of the first path, and so on within each."""
    if not paths or k >= len(items):
        return in_order(items, places)[:k]
    codes, sizes = np.unique(paths[0][items], return_counts=True)
    best = [int(places[items[paths[0][items] == code]].min()) for code in codes]
    parts = []
    for code, share in zip(codes, even_shares(sizes, k, np.argsort(np.argsort(best))), strict=True):
        if share:
            parts.append(_shared(items[paths[0][items] == code], paths[1:], int(share), places))
    return np.concatenate(parts)


def even_shares(sizes: Indices, k: int, order: Indices) -> Indices:
    """How many of k each part gets: the same, as far as its size allows; what is left over goes by ``order``.

    >>> even_shares(np.array([1, 5, 9]), 8, np.arange(3)).tolist()
    [1, 4, 3]
    """
    shares = np.zeros(len(sizes), dtype=np.int64)
    left = min(k, int(sizes.sum()))
    while left:
        open_ = np.flatnonzero(shares < sizes)
        each = min(left // len(open_), int((sizes - shares)[open_].min()))
        if not each:
            shares[open_[np.argsort(order[open_])][:left]] += 1
            break
        shares[open_] += each
        left -= each * len(open_)
    return shares
