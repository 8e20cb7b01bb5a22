"""Strategies by a graph network that learns which items are labeled: CoreGCN and UncertainGCN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.special import expit

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.measures.directions import directions
from claros.measures.neighbours import nearest_neighbours
from claros.pick import Picked, farthest_first, in_order
from claros.strategies.parameters import check_counts, check_positive
from claros.strategy import strategy

__all__ = ["core_gcn", "uncertain_gcn"]


@strategy(reference="Caramalau, Bhattarai & Kim 2021, CVPR, arXiv:2006.10219", stochastic=True)
def core_gcn(
    k: int,
    *,
    features: Array,
    labeled_features: Array,
    rng: np.random.Generator,
    neighbours: int = 10,
    hidden: int = 64,
    steps: int = 100,
    rate: float = 0.01,
    weight: float = 1.2,
) -> Picked:
    """Farthest first in what a graph network makes of the items that learned to tell labeled from unlabeled.

    Two layers of a graph convolution over the ``neighbours`` nearest in direction, trained for ``steps`` steps of Adam
    with the given ``rate``; the loss of unlabeled items counts ``weight``. The first layer's outputs are the vectors,
    and labeled items are the first centres. A pick's score is its distance to the nearest labeled or picked item.
    Where nothing is labeled there is nothing to learn, and picks are random with score 0.

    Departures: a graph of nearest neighbours in place of all pairs.

    Cost: O((N + L)²·D) time for the graph, O(steps·(N + L)·(neighbours + D)·hidden) to train; O((N + L)·(D + hidden))
    memory.

    Use it for parity with published tables; not in place of `k_center` on the same features, which it is no better
    than in independent comparisons.
    """
    network = _Network(neighbours, hidden, steps, rate, weight)
    rows, order = network.checked("core_gcn", features, rng)
    if not labeled_features.shape[0]:
        return Picked(in_order(np.arange(len(order)), order)[:k], np.zeros(k))
    _, vectors = network.trained(rows, labeled_features, rng)
    return farthest_first(vectors[: len(order)], k, order, labeled=vectors[len(order) :])


@strategy(reference="Caramalau, Bhattarai & Kim 2021, CVPR, arXiv:2006.10219", stochastic=True)
def uncertain_gcn(
    k: int,
    *,
    features: Array,
    labeled_features: Array,
    rng: np.random.Generator,
    margin: float = 0.1,
    neighbours: int = 10,
    hidden: int = 64,
    steps: int = 100,
    rate: float = 0.01,
    weight: float = 1.2,
) -> Picked:
    """What a graph network says is labeled with a chance near ``margin``: unlike what is labeled, and not the farthest.

    The network is that of `core_gcn`. A pick's score is 1 minus the distance of its chance to ``margin``, in [0, 1].
    Where nothing is labeled, picks are random with score 0. Ties are broken by a permutation drawn from ``rng``.

    Departures: a graph of nearest neighbours in place of all pairs.

    Cost: as `core_gcn`.

    Use it for parity with published tables; not expecting it to spread a batch, which nothing in it does.
    """
    network = _Network(neighbours, hidden, steps, rate, weight)
    rows, order = network.checked("uncertain_gcn", features, rng)
    if not labeled_features.shape[0]:
        return Picked(in_order(np.arange(len(order)), order)[:k], np.zeros(k))
    chances, _ = network.trained(rows, labeled_features, rng)
    scores = 1.0 - np.abs(chances[: len(order)] - margin)
    picks = np.lexsort((order, -scores.round(9)))[:k]
    return Picked(picks.astype(np.int64), scores[picks])


@dataclass(frozen=True)
class _Network:
    """A network and its training, by the strategies' parameters."""

    neighbours: int
    hidden: int
    steps: int
    rate: float
    weight: float

    def checked(self, who: str, features: Array, rng: np.random.Generator) -> tuple[Floats, Indices]:
        """The candidates' features in float64, and a permutation of them; raises what is wrong with a parameter."""
        check_counts(who, neighbours=self.neighbours, hidden=self.hidden, steps=self.steps)
        check_positive(who, rate=self.rate, weight=self.weight)
        rows = to_numpy(features).astype(np.float64)
        return rows, rng.permutation(len(rows))

    def trained(self, rows: Floats, labeled: Array, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The chance (N + L,) that each item is labeled, and the first layer's outputs (N + L, hidden)."""
        points = directions(rows, to_numpy(labeled).astype(np.float64))
        graph = _graph(points, self.neighbours, rng)
        spread = np.asarray(graph @ points)
        wanted = np.arange(len(points)) >= len(rows)
        mass = np.where(wanted, 1.0 / max(1, wanted.sum()), self.weight / max(1, len(rows)))
        first = rng.normal(size=(points.shape[1], self.hidden)) * np.sqrt(2.0 / points.shape[1])
        second = rng.normal(size=self.hidden) / np.sqrt(self.hidden)
        bias = np.zeros(1)
        moments = [(np.zeros_like(part), np.zeros_like(part)) for part in (first, second, bias)]
        for step in range(1, self.steps + 1):
            vectors = np.maximum(spread @ first, 0.0)
            mixed = np.asarray(graph @ vectors)
            errors = (expit(mixed @ second + bias) - wanted) * mass
            back = np.asarray(graph.T @ np.outer(errors, second)) * (vectors > 0.0)
            slopes = (spread.T @ back, mixed.T @ errors, np.array([errors.sum()]))
            for part, slope, (mean, square) in zip((first, second, bias), slopes, moments, strict=True):
                mean += 0.1 * (slope - mean)
                square += 0.001 * (slope**2 - square)
                steady = mean / (1 - 0.9**step)
                part -= self.rate * steady / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        vectors = np.maximum(spread @ first, 0.0)
        return np.asarray(expit(np.asarray(graph @ vectors) @ second + bias)), vectors


def _graph(points: Floats, neighbours: int, rng: np.random.Generator) -> csr_array:
    """The symmetric graph of nearest neighbours with loops, each edge divided by the roots of its ends' degrees."""
    n, shuffle = len(points), rng.permutation(len(points))
    found = nearest_neighbours(points[shuffle], neighbours).indices
    left, right = np.repeat(shuffle, found.shape[1]), shuffle[found].ravel()
    one_way = coo_array((np.ones(len(left)), (left, right)), shape=(n, n)).tocsr()
    loops = coo_array((np.ones(n), (np.arange(n), np.arange(n))), shape=(n, n)).tocsr()
    both = one_way.maximum(one_way.T) + loops
    scale = 1.0 / np.sqrt(np.asarray(both.sum(axis=1)).ravel())
    spread: csr_array = both.multiply(scale[:, None]).multiply(scale[None, :]).tocsr()
    return spread
