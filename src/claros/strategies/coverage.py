"""Strategies that cover the pool: they look at embeddings only, and no label or prediction."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats
from claros.errors import InputError
from claros.measures.clusters import lloyd, nearest_members
from claros.measures.geometry import centred
from claros.pick import Picked, draw_spread, farthest_first
from claros.strategy import strategy

__all__ = ["k_center", "kmeans"]


@strategy(
    reference="Sener & Savarese 2018, arXiv:1708.00489; the greedy rule is Gonzalez 1985",
    optional=("labeled_embeddings", "nearest_labeled_distance"),
)
def k_center(
    k: int,
    *,
    embeddings: Array,
    rng: np.random.Generator,
    labeled_embeddings: Array | None = None,
    nearest_labeled_distance: Floats | None = None,
) -> Picked:
    """Again and again the candidate farthest from everything labeled or picked (greedy k-center, or Core-Set).

    The radius that is left is at most twice the best possible one. A pick's score is its Euclidean distance to the
    nearest labeled or picked item at that moment. Where nothing is labeled, the first pick is the candidate nearest to
    the mean, and its score is the radius of the pool around it. ``nearest_labeled_distance`` spares the comparison
    with the labeled items; the picks are the same.

    The order is that of float64 arithmetic on differences, whatever the precision of the embeddings; exact ties are
    broken by a permutation drawn from ``rng``.

    Cost: O(N·(L + k)·D) time, O(N + L·D) memory and what a 64th of the embeddings takes.

    Use it where every corner of the pool must be seen, rare and odd items first; not where the pool has outliers that
    do not matter, and not with many classes: published comparisons find it worse than random there.
    """
    order = rng.permutation(int(embeddings.shape[0]))
    labeled = None if labeled_embeddings is None or not labeled_embeddings.shape[0] else labeled_embeddings
    return farthest_first(embeddings, k, order, labeled=labeled, known=nearest_labeled_distance)


@strategy(reference="Lloyd 1982; starts as k-means++, Arthur & Vassilvitskii 2007", stochastic=True)
def kmeans(k: int, *, embeddings: Array, rng: np.random.Generator, iterations: int = 100) -> Picked:
    """The candidate nearest to the centre of each of k clusters, the largest cluster first.

    K-means on the embeddings as they are: scale or normalise them before, where features differ in range. A pick's
    score is the number of candidates in its cluster, and ties in it are broken by a permutation drawn from ``rng``.
    Clusters that end empty (there are fewer than k different candidates) are replaced by the candidates farthest from
    those picked, at the end and with score 0. The batch is made for its k: a smaller batch is not its beginning.

    Cost: O(N·k·D) time an iteration, O(N + k·D) memory.

    Use it for a first batch that shows the whole pool, on features in which nearness means likeness; not later on,
    since it sees neither what is labeled nor what the model is unsure of.
    """
    if iterations < 1:
        raise InputError(f"kmeans: iterations must be at least 1; got {iterations}.")
    order = rng.permutation(int(embeddings.shape[0]))
    frame, vectors = centred(embeddings, embeddings.dtype)
    start = draw_spread(vectors, k, rng, order, int(np.argmin(order)))
    centres = vectors.gather(start.indices).parts[0]
    clusters = lloyd(vectors, centres, order, iterations=iterations)
    picks, found = nearest_members(clusters, embeddings, frame, vectors, order)
    sizes = np.bincount(clusters.members, minlength=k)[found]
    ranked = np.lexsort((order[picks], -sizes))
    picks, scores = picks[ranked], sizes[ranked].astype(np.float64)
    if len(picks) < k:
        rest = farthest_first(embeddings, k - len(picks), order, taken=[int(pick) for pick in picks])
        picks, scores = np.concatenate([picks, rest.indices]), np.concatenate([scores, np.zeros(len(rest.indices))])
    return Picked(picks, scores)
