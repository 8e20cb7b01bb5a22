"""Strategies that look at doubt and place at once: ranked batches, filtered coverage, quotas over clusters."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, take, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.clusters import lloyd, start_centres
from claros.measures.geometry import centred
from claros.pick import Picked, farthest_first, first_highest, place_within, top_k
from claros.strategies.herding import facility_location
from claros.strategies.parameters import check_counts, check_positive, given_floats
from claros.strategy import strategy

__all__ = ["fass", "informative_diverse", "noise_stability", "ranked_batch"]

Doubt = Literal["least_confidence", "margin", "entropy"]


@strategy(reference="Cardoso et al. 2017, Information Sciences 379", optional=("labeled_features",))
def ranked_batch(
    k: int,
    *,
    probs: Array,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
) -> Picked:
    """Again and again the largest alpha·(1 - similarity) + (1 - alpha)·doubt; a score in [0, 1].

    Similarity is 1/(1 + d), with d the Euclidean distance to the nearest labeled or picked item; doubt is 1 minus the
    largest probability; alpha is the share of all items that are neither labeled nor picked, so that place counts first
    and doubt later. Where nothing is labeled, the first pick is the candidate nearest to the mean, with score alpha.
    Ties are broken by a permutation drawn from ``rng``.

    Departures: the first pick of a cold start is nearest to the mean, where the authors take the smallest mean
    distance, which needs all pairs.

    Cost: O(N·(C + (L + k)·D)) time, O(N·D) memory.

    Use it for small pools and one rule throughout; not for large pools, where alpha stays near 1 and doubt never
    counts: `uherding` changes from one to the other by what is covered.
    """
    rows = to_numpy(features).astype(np.float64)
    doubt = to_numpy(predictive.least_confidence(to_numpy(probs).astype(np.float64)))
    order, n = rng.permutation(len(rows)), len(rows)
    known = given_floats(labeled_features, rows.shape[1])
    labeled, nearest = len(known), np.full(n, np.inf)
    for row in known:
        np.minimum(nearest, np.linalg.norm(rows - row, axis=1), out=nearest)
    free = np.ones(n, dtype=bool)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        alpha = (n - turn) / (n + labeled)
        if not labeled and not turn:
            gaps = np.linalg.norm(rows - rows.mean(axis=0), axis=1)
            picks[0], scores[0] = first_highest(-gaps, order, least=1.0), alpha
        else:
            gains = np.where(free, alpha * (1.0 - 1.0 / (1.0 + nearest)) + (1.0 - alpha) * doubt, -np.inf)
            picks[turn] = first_highest(gains, order, least=1.0)
            scores[turn] = gains[picks[turn]]
        free[picks[turn]] = False
        np.minimum(nearest, np.linalg.norm(rows - rows[picks[turn]], axis=1), out=nearest)
    return Picked(picks, scores)


@strategy(reference="Wei, Iyer & Bilmes 2015, ICML", stochastic=False, optional=("labeled_features",))
def fass(
    k: int,
    *,
    probs: Array,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    doubt: Doubt = "entropy",
    factor: int = 5,
) -> Picked:
    """The batch that stands best for the most doubtful candidates: filtered active submodular selection.

    The ``factor``·k most doubtful are kept, and `facility_location` by cosine picks among them to cover them. A pick's
    score is its gain in their mean similarity. The batch is made for its k. Ties are broken by a permutation drawn from
    ``rng``.

    Departures: one filter and one coverage over all classes, where the authors also give each class its own.

    Cost: O(N·C) time, and that of facility location for factor·k candidates.

    Use it for batches of hundreds that doubt alone would fill with near copies; not for the first labels, when doubts
    are wrong.
    """
    check_counts("fass", factor=factor)
    scores = to_numpy(predictive.UNCERTAINTY[doubt](probs))
    kept = np.sort(top_k(scores, min(factor * k, len(scores)), rng).indices)
    picked = facility_location(
        k, features=take(features, kept), rng=rng, labeled_features=labeled_features, nearest_labeled_distance=None
    )
    return Picked(kept[picked.indices], picked.scores)


@strategy(reference="Google 2017, github.com/google/active-learning, informative and diverse batch", stochastic=True)
def informative_diverse(
    k: int,
    *,
    probs: Array,
    features: Array,
    rng: np.random.Generator,
    doubt: Doubt = "margin",
    n_clusters: int = 0,
) -> Picked:
    """The most doubtful candidates with a quota for each cluster, in proportion to how many candidates it has.

    K-means with ``n_clusters`` clusters (0: as many as classes); candidates are gone through by doubt, and one is taken
    unless its cluster has its share of the batch already; what is missing at the end is filled by doubt. A pick's score
    is its doubt. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(min(N, 256·K)·K·D) time an iteration for K clusters and O(N·(C + K·D)), O(N + K·D) memory.

    Use it to keep margin from spending a batch in one place; not with clusters as fine as the batch: `cluster_margin`
    is made for these.
    """
    if n_clusters < 0:
        raise InputError(f"informative_diverse: n_clusters must be 0 or more; got {n_clusters}.")
    order = rng.permutation(int(probs.shape[0]))
    scores = to_numpy(predictive.UNCERTAINTY[doubt](probs)).astype(np.float64)
    many = min(n_clusters or int(probs.shape[1]), len(order))
    _, vectors = centred(features, features.dtype)
    members = lloyd(vectors, start_centres(vectors, many, rng, order), order).members
    ranked = np.lexsort((order, -scores))
    quota = np.ceil(k * np.bincount(members, minlength=many) / len(order)).astype(np.int64)
    place = place_within(members[ranked])
    first = ranked[place < quota[members[ranked]]][:k]
    rest = ranked[~np.isin(ranked, first)][: k - len(first)]
    picks = np.concatenate([first, rest])
    return Picked(picks, scores[picks])


@strategy(reference="Li et al. 2024, AAAI, arXiv:2205.13340", stochastic=True)
def noise_stability(
    k: int,
    *,
    embeddings: Array,
    head_weights: Array,
    rng: np.random.Generator,
    noise: float = 1.0,
    samples: int = 30,
) -> Picked:
    """Farthest first among how far noise in the last layer moves each candidate's logits.

    The last layer's weights are moved ``samples`` times by random noise of ``noise`` times their own length; a
    candidate's deviations under all of them are its vector. The longest vector is picked first, then the one farthest
    from all picked. A pick's score is that distance, per square root of the number of samples. Ties are broken by a
    permutation drawn from ``rng``.

    Departures: noise in the last layer alone, in closed form; the authors move all parameters of a network and look at
    the embeddings. Then deviations are linear in the embedding, and the rule is `k_center` from the origin in a random
    metric.

    Cost: O(N·D·(min(D, samples·C) + k)) time, O(N·min(D, samples·C)) memory.

    Use it as a check of what the noise of the authors' method adds to `k_center`; not as a measure of doubt in a
    linear model, which moves the most where embeddings are long.
    """
    check_positive("noise_stability", noise=noise)
    check_counts("noise_stability", samples=samples)
    order = rng.permutation(int(embeddings.shape[0]))
    weights = to_numpy(head_weights).astype(np.float64)
    moves = rng.normal(size=(samples, *weights.shape))
    moves *= noise * np.linalg.norm(weights) / np.linalg.norm(moves, axis=(1, 2), keepdims=True)
    stacked = moves.reshape(-1, weights.shape[1]) / np.sqrt(samples)
    # distances under all deviations are distances under their triangular factor, which has at most D rows
    factor: Floats = stacked
    if len(stacked) > stacked.shape[1]:
        factor = np.asarray(np.linalg.qr(stacked, mode="r"))
    deviations = to_numpy(embeddings).astype(np.float64) @ factor.T
    return farthest_first(deviations, k, order, labeled=np.zeros((1, deviations.shape[1])))
