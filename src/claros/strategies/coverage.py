"""Strategies that cover the pool: they look at embeddings only, and no label or prediction."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.clusters import closest
from claros.measures.geometry import centred
from claros.pick import (
    Picked,
    central_members,
    draw_spread,
    farthest_first,
    heaviest_first,
    largest_volume,
    robust_centres,
)
from claros.strategies.parameters import check_counts, given
from claros.strategy import strategy

__all__ = ["k_center", "k_dpp", "kmeans", "kmeans_plus_plus", "lcmd", "robust_k_center"]


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
    return farthest_first(embeddings, k, order, labeled=given(labeled_embeddings), known=nearest_labeled_distance)


@strategy(
    reference="Sener & Savarese 2018, arXiv:1708.00489, section 5.1; Charikar, Khuller, Mount & Narasimhan 2001, SODA",
    optional=("labeled_embeddings", "nearest_labeled_distance"),
)
def robust_k_center(
    k: int,
    *,
    embeddings: Array,
    rng: np.random.Generator,
    labeled_embeddings: Array | None = None,
    nearest_labeled_distance: Floats | None = None,
    outliers: float = 1e-4,
) -> Picked:
    """Centres with a small radius around them and the labeled items, for all candidates but a share of outliers.

    `k_center` picks outliers first; here the ``outliers`` · N candidates that would be dearest to cover may be left
    out. A net of k + outliers · N candidates, by farthest first, stands for all; for a radius, the candidate of the net
    that has most uncovered ones within the radius is picked and covers three times the radius, k times; the smallest
    radius that leaves no more than the outliers is found by bisection. A pick's score is the number of candidates
    that it covers newly. A smaller batch is not this one's beginning. Ties are broken by a permutation from ``rng``.

    Departures: the authors solve a mixed integer program for each radius, which is for thousands of items at most; the
    greedy rule leaves a radius that is at most a constant times theirs. The net has at most 4,096 spare candidates.

    Cost: O(N·(L + k + outliers·N)·D) time, O(N + L·D + (k + outliers·N)²) memory.

    Use it where k-center is wanted and the pool has broken or foreign items; not where rare items are what is looked
    for, which are outliers to it, and not with many classes, as k-center.
    """
    if not 0.0 <= outliers < 1.0:
        raise InputError(f"robust_k_center: outliers must be a share of at least 0 and below 1; got {outliers!r}.")
    order = rng.permutation(int(embeddings.shape[0]))
    spare = int(outliers * len(order))
    known = None if nearest_labeled_distance is None else to_numpy(nearest_labeled_distance)
    return robust_centres(embeddings, k, order, spare, labeled=given(labeled_embeddings), known=known)


@strategy(
    reference="Lloyd 1982; greedy k-means++ start, Arthur & Vassilvitskii 2007",
    stochastic=True,
)
def kmeans(k: int, *, embeddings: Array, rng: np.random.Generator, iterations: int = 100, sample: int = 256) -> Picked:
    """The candidate nearest to the centre of each of k clusters, the largest cluster first.

    K-means on the embeddings as they are: scale or normalise them before, where features differ in range. A pick's
    score is the number of candidates in its cluster, and ties in it are broken by a permutation drawn from ``rng``.
    Clusters that end empty (there are fewer than k different candidates) are replaced by the candidates farthest from
    those picked, at the end and with score 0. The batch is made for its k: a smaller batch is not its beginning.

    Departures: where there are more than ``sample`` candidates a centre, centres are found on a random sample of so
    many, and moved once by all the candidates, as in faiss.

    Cost: O(min(N, sample·k)·k·D) time an iteration, O(N + sample·k·D) memory.

    Use it for a first batch that shows the whole pool, on features in which nearness means likeness; not later on,
    since it sees neither what is labeled nor what the model is unsure of.
    """
    check_counts("kmeans", iterations=iterations, sample=sample)
    order = rng.permutation(int(embeddings.shape[0]))
    return central_members(embeddings, k, rng, order, iterations=iterations, sample=sample)


@strategy(
    reference="Arthur & Vassilvitskii 2007, SODA",
    optional=("labeled_embeddings", "nearest_labeled_distance"),
    stochastic=True,
)
def kmeans_plus_plus(
    k: int,
    *,
    embeddings: Array,
    rng: np.random.Generator,
    labeled_embeddings: Array | None = None,
    nearest_labeled_distance: Floats | None = None,
) -> Picked:
    """Draw each candidate with probability in proportion to its squared distance to what is labeled or picked.

    A pick's score is its distance to the nearest labeled or picked item at that moment, its probability the chance it
    had in its draw. Where nothing is labeled, the first pick is uniform and its score is its distance to the mean.
    Where all that is left is a copy of something labeled or picked, draws are uniform over the rest.
    ``nearest_labeled_distance`` spares the comparison with the labeled items.

    Cost: O(N·(L + k)·D) time, O(N + (L + k)·D) memory.

    Use it where k-center is too fond of outliers: far candidates are likely and not sure to be picked, and dense
    regions get their share; not where one batch must show every region, which `kmeans` does.
    """
    order = rng.permutation(int(embeddings.shape[0]))
    labeled = given(labeled_embeddings)
    frame, vectors = centred(embeddings, embeddings.dtype, *([] if labeled is None else [labeled]))
    if nearest_labeled_distance is not None:
        nearest: Floats = (to_numpy(nearest_labeled_distance).astype(np.float64) * frame.scale) ** 2
    elif labeled is not None:
        rows = to_numpy(frame.table(labeled).rows(np.arange(int(labeled.shape[0]))))
        nearest = closest(vectors, rows.astype(np.float64)).squares
    else:
        picked = draw_spread(vectors, k, rng, order, int(np.argmin(order)))
        if picked.probabilities is not None:
            picked.probabilities[0] = 1.0 / len(order)
        return picked._replace(scores=picked.scores / frame.scale)
    picked = draw_spread(vectors, k, rng, order, None, nearest=nearest)
    return picked._replace(scores=picked.scores / frame.scale)


@strategy(reference="Holzmüller et al. 2023, arXiv:2203.09410", optional=("labeled_embeddings",))
def lcmd(k: int, *, embeddings: Array, rng: np.random.Generator, labeled_embeddings: Array | None = None) -> Picked:
    """Again and again the farthest candidate of the cluster with most to lose (largest cluster, maximum distance).

    Every candidate belongs to the nearest labeled or picked item; a cluster's weight is the sum of its squared
    distances, so both dense and wide regions are served. A pick's score is its distance to the item it belonged to.
    Where nothing is labeled, the first pick is the candidate farthest from the mean. Weights and distances are in
    float64; ties are broken by a permutation drawn from ``rng``.

    Departures: the authors start at the longest feature vector; here lengths are taken from the mean.

    Cost: O(N·(L + k)·D) time, O(N + (L + k)·D) memory.

    Use it for regression, where it was best of its study on gradient features, and wherever k-center would look at
    outliers only; not for the first few labels of a classifier, where a k-means batch shows more.
    """
    order = rng.permutation(int(embeddings.shape[0]))
    return heaviest_first(embeddings, k, order, labeled=given(labeled_embeddings))


@strategy(
    reference="Chen, Zhang & Zhou 2018, arXiv:1709.05135; Kulesza & Taskar 2012, arXiv:1207.6083",
    optional=("probs",),
    stochastic=True,
)
def k_dpp(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    probs: Array | None = None,
    quality: Literal["none", "margin", "entropy"] = "none",
) -> Picked:
    """The batch of the largest volume, greedily: each pick is the candidate least explained by those before it.

    The most likely batch of a determinantal point process with kernel q_i q_j cos(x_i, x_j): pick what has the largest
    q² times squared height over the span of the picks, on features scaled to length 1. A pick's score is that factor,
    in [0, q²]. ``quality`` is 1 for all, or from ``probs`` 1 minus the margin or the entropy. Where nothing is left
    that is not in the span, after D picks at the latest, it begins again with what is not picked. Zero features come
    last. Ties are broken by a permutation drawn from ``rng``; without a quality all are tied for the first pick.

    Departures: greedy in place of sampling, as in the first reference; with this kernel its incremental Cholesky
    factor of N x k numbers reduces to k directions of D.

    Cost: O(N·k·D) time in float64, O(N + min(k, D)·D) memory.

    Use it for small diverse batches, with a quality where a model is there; not for more picks than features, and not
    where length matters, since all features count as if of length 1. It does not see what is labeled.
    """
    order = rng.permutation(int(features.shape[0]))
    return largest_volume(features, k, order, quality=_quality(quality, probs))


def _quality(quality: str, probs: Array | None) -> Floats | None:
    if quality == "none":
        return None
    if probs is None:
        raise InputError(f"k_dpp: quality={quality!r} needs probs; pass probs=..., or quality='none'.")
    scores = predictive.margin(probs) if quality == "margin" else predictive.entropy(probs)
    found: Floats = np.maximum(to_numpy(scores), 0.0)
    return found
