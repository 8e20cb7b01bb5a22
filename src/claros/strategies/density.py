"""Strategies that prefer items with many others around them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import coo_array, csr_array

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.directions import directions
from claros.measures.neighbours import nearest_neighbours
from claros.pick import Picked, eager_greedy
from claros.strategies.parameters import check_counts, given_floats
from claros.strategy import scorer, strategy

__all__ = ["graph_density", "information_density"]

#: Densities that differ by less than this share are tied; bytes that a block of differences may take.
TIE, STEP_BYTES = 1e-9, 1 << 20


@scorer(reference="Settles & Craven 2008, EMNLP")
def information_density(
    *,
    probs: Array,
    features: Array,
    beta: float = 1.0,
    measure: Literal["entropy", "margin", "least_confidence"] = "entropy",
) -> Floats:
    """Uncertainty times the mean similarity to the pool to the power of ``beta``; at least 0.

    Similarity is (1 + cos)/2, so its mean over the pool is one product with the mean direction. ``measure`` is the
    uncertainty: the entropy in nats, 1 minus the margin, or 1 minus the largest probability. ``beta=0`` leaves
    uncertainty alone.

    Departures: the authors' similarity is the cosine of counts of words, which is never negative; (1 + cos)/2 keeps the
    order and serves all features.

    Cost: O(N·(C + D)) time, O(N·D) memory.

    Use it where uncertainty keeps asking outliers; not for batches that near copies could fill, nor where all items are
    about as similar to the mean, as in high dimensions: then it is uncertainty alone.
    """
    if beta < 0.0:
        raise InputError(f"information_density: beta must not be negative; got {beta!r}.")
    rows = directions(to_numpy(features).astype(np.float64))
    density = np.maximum(0.5 * (1.0 + rows @ np.mean(rows, axis=0)), 0.0)
    unsure = to_numpy(predictive.UNCERTAINTY[measure](to_numpy(probs).astype(np.float64)))
    scores: Floats = np.maximum(unsure, 0.0) * density**beta
    return scores


@strategy(reference="Ebert, Fritz & Schiele 2012, CVPR, section 3", optional=("labeled_features",))
def graph_density(
    k: int, *, features: Array, rng: np.random.Generator, labeled_features: Array | None = None, neighbours: int = 10
) -> Picked:
    """Again and again the candidate with the densest neighbourhood, which then counts less for all its neighbours.

    In the symmetric graph of the ``neighbours`` nearest, an edge weighs exp(-d²/2σ²) with σ the mean length of an edge,
    and an item's density is the mean weight of its edges. When an item is picked (labeled ones before all), its density
    is taken from that of each neighbour, so that the next pick lies elsewhere. A pick's score is its density at that
    moment, at most 1. Ties are broken by a permutation drawn from ``rng``.

    Departures: Euclidean distances, where the authors take sums of absolute differences.

    Cost: O((N + L)²·D) time in blocks of products, O((N + L)·neighbours) memory.

    Use it for first batches on features in which nearness means likeness; not in place of `typiclust` or
    `max_herding`, which see clusters of different densities and do better in published comparisons.
    """
    check_counts("graph_density", neighbours=neighbours)
    rows = to_numpy(features).astype(np.float64)
    n, order = len(rows), rng.permutation(len(rows))
    rows = np.concatenate([rows, given_floats(labeled_features, rows.shape[1])])
    weights = _edges(rows, neighbours, np.concatenate([order, np.arange(n, len(rows))]))
    counts = np.maximum(np.diff(weights.indptr), 1)
    density = np.asarray(weights.sum(axis=1)).ravel() / counts

    def discount(position: int) -> None:
        near = weights.indices[weights.indptr[position] : weights.indptr[position + 1]]
        density[near] -= density[position]

    for position in range(n, len(rows)):
        discount(position)
    return eager_greedy(k, lambda _: density[:n], discount, order, tie=TIE)


def _edges(rows: Floats, neighbours: int, order: Indices) -> csr_array:
    """Weights of the symmetric graph of nearest neighbours, no item its own; who of equally near ones by ``order``."""
    found = nearest_neighbours(rows[order], neighbours).indices
    near = np.empty_like(found)
    near[order] = order[found]
    n, k = near.shape
    squares = _squares(rows, near)
    left, right = np.repeat(np.arange(n), k), near.ravel()
    scale = float(np.mean(np.sqrt(squares))) if squares.size else 1.0
    values = np.exp(-squares.ravel() / (2.0 * scale**2)) if scale > 0.0 else np.ones(squares.size)
    one_way = coo_array((values, (left, right)), shape=(n, n)).tocsr()
    return one_way.maximum(one_way.T).tocsr()


def _squares(rows: Floats, near: Indices) -> Floats:
    """Squared distances in float64 of each row to its neighbours."""
    found = np.empty(near.shape)
    for block in row_blocks(len(rows), 8 * max(1, near.shape[1] * rows.shape[1]), STEP_BYTES):
        gaps = rows[near[block]] - rows[block][:, None, :]
        found[block] = np.sum(gaps * gaps, axis=2)
    return found
