"""TypiClust: the most typical candidate of each cluster in which least is labeled."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Indices, fast_dtype, row_blocks, take
from claros.measures.clusters import lloyd, start_centres
from claros.measures.directions import directions
from claros.measures.geometry import Frame, centred, difference_squares
from claros.measures.neighbours import nearest_neighbours
from claros.pick import Picked, farthest_first, in_order
from claros.strategies.parameters import check_counts
from claros.strategy import strategy

__all__ = ["typiclust"]

#: Added to the mean squared distance, so that copies have a typicality too.
OFFSET = 1e-5

#: Items a cluster on which its centre is found, if there are more.
SAMPLE = 64

#: Candidates of a cluster that take part, drawn at random from larger ones: the cost grows with the square.
LARGEST = 5000

#: How many candidates that rounding cannot tell apart are compared in float64.
COMPARED = 64

#: Bytes that one step of the exact work may take.
STEP_BYTES = 1 << 22


@strategy(reference="Hacohen et al. 2022, arXiv:2202.02794", stochastic=True, optional=("labeled_features",))
def typiclust(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    most_clusters: int = 500,
    neighbours: int = 20,
    smallest: int = 6,
) -> Picked:
    """The most typical candidate of each cluster, those clusters first in which least is labeled.

    Candidates and labeled items, scaled to length 1, are clustered together by k-means into as many clusters as will be
    labeled after this batch, L + k, but at most ``most_clusters``. Clusters of fewer than ``smallest`` items are left
    out (if there are no others, none is). They are visited by the number of labeled items in them, then the larger ones
    first, round after round, and each visit picks the most typical candidate left. Its typicality, which is the score,
    is 1 / (d + 1e-5), with d the mean squared distance to the ``neighbours`` nearest of the cluster's candidates (half
    of them, if that is fewer). When these clusters are used up, the batch goes on with the candidates farthest from all
    that is labeled or picked, with score 0. Ties are broken by a permutation drawn from ``rng``. The batch is made for
    its k: a smaller batch is not its beginning.

    Departures: a cluster without candidates is passed over, where the authors' code fails; typicality is worked out
    once per cluster and not again after each pick from it; of more than 5000 candidates in a cluster, so many drawn at
    random take part.

    Cost: O((N + L)·K·D) time for k-means with K clusters, found on at most 64 items each, and O(m²·D) for each cluster
    of m candidates that is used; O((N + L)·D) memory for the scaled features.

    Use it for the first batches, up to some ten labels per class, on good self-supervised features; not later on:
    margin overtakes it at 8 to 14 labels per class.
    """
    check_counts("typiclust", most_clusters=most_clusters, neighbours=neighbours, smallest=smallest)
    n = int(features.shape[0])
    order = rng.permutation(n)
    points = directions(*([features] if labeled_features is None else [features, labeled_features]))
    if not n:
        return Picked(np.empty(0, dtype=np.int64), np.empty(0))
    members = _clustered(points, min(int(points.shape[0]) - n + k, most_clusters), rng)
    ranked = _visits(members, n, smallest, order)
    picks, scores = _from_clusters(points[:n], members[:n], ranked, min(k, n), neighbours, order)
    missing = min(k, n) - len(picks)
    labeled = points[n:] if int(points.shape[0]) > n else None
    rest = farthest_first(points[:n], missing, order, labeled=labeled, taken=picks) if missing else None
    indices = np.array(picks, dtype=np.int64)
    if rest is not None:
        indices = np.concatenate([indices, rest.indices])
    return Picked(indices, np.concatenate([np.array(scores), np.zeros(missing)]))


def _clustered(points: Array, k: int, rng: np.random.Generator) -> Indices:
    """The k-means cluster of each point."""
    n = int(points.shape[0])
    order = rng.permutation(n)
    _, vectors = centred(points, fast_dtype(points))
    return lloyd(vectors, start_centres(vectors, min(k, n), rng, order), order, sample=SAMPLE).members


def _visits(members: Indices, n: int, smallest: int, order: Indices) -> Indices:
    """The clusters in the order of their visits: least labeled first, then largest, ties by the permutation."""
    sizes = np.bincount(members)
    open_ones = np.bincount(members[:n], minlength=len(sizes))
    labeled = sizes - open_ones
    first = np.full(len(sizes), n)
    np.minimum.at(first, members[:n], order)
    good = (sizes >= smallest) & (open_ones > 0)
    kept = np.flatnonzero(good if good.any() else open_ones > 0)
    return kept[np.lexsort((first[kept], -sizes[kept], labeled[kept]))]


def _from_clusters(
    points: Array, members: Indices, ranked: Indices, k: int, neighbours: int, order: Indices
) -> tuple[list[int], list[float]]:
    """Up to k picks, from one cluster after the other, again and again until all are used up."""
    frame, vectors = centred(points, fast_dtype(points))
    by_cluster = np.argsort(members, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(members))])
    picks: list[int] = []
    scores: list[float] = []
    visited: dict[int, _Cluster] = {}
    waiting = ranked.tolist()
    while waiting and len(picks) < k:
        for number in waiting[: k - len(picks)]:
            if number not in visited:
                own = by_cluster[starts[number] : starts[number + 1]]
                own = in_order(own, order)[:LARGEST]
                visited[number] = _Cluster(points, frame, own, neighbours, vectors.noise, order)
            place, typicality = visited[number].pop()
            picks.append(place)
            scores.append(typicality)
        waiting = [number for number in waiting if number not in visited or len(visited[number].left)]
    return picks, scores


class _Cluster:
    """The candidates of one cluster that are left, and how typical each is."""

    def __init__(
        self, points: Array, frame: Frame, own: Indices, neighbours: int, noise: float, order: Indices
    ) -> None:
        self.points, self.frame, self.own, self.order = points, frame, own, order
        self.left = np.arange(len(own))
        self.k = min(neighbours, max(len(own) // 2, 1), len(own) - 1)
        near = nearest_neighbours(take(points, own), neighbours).squares[:, : self.k]
        self.spread = near.mean(axis=1, dtype=np.float64) if self.k else np.full(1, np.inf)
        self.slack = 4.0 * noise
        self.exact: dict[int, float] = {}

    def pop(self) -> tuple[int, float]:
        """The most typical of those left: its position and its typicality, 0 for one that is alone."""
        spread = self.spread[self.left]
        near = self.left[spread <= np.min(spread) + self.slack] if self.k else self.left
        near = near[np.argsort(self.order[self.own[near]])][:COMPARED]
        values = np.array([self._exactly(int(place)) for place in near])
        best = int(near[np.argmin(values)])
        self.left = self.left[self.left != best]
        return int(self.own[best]), 1.0 / (float(values.min()) + OFFSET)

    def _exactly(self, place: int) -> float:
        """The mean squared distance to the nearest in the cluster, in float64."""
        if place not in self.exact:
            squares = np.empty(len(self.own))
            here = self.frame.exactly(self.points, self.own[place : place + 1])
            for rows in row_blocks(len(self.own), 16 * here.shape[1], STEP_BYTES):
                squares[rows] = difference_squares(self.frame.exactly(self.points, self.own[rows]), here)
            squares[place] = np.inf
            nearest = np.sort(np.partition(squares, max(self.k - 1, 0))[: self.k])
            self.exact[place] = float(nearest.mean()) / self.frame.scale**2 if self.k else np.inf
        return self.exact[place]
