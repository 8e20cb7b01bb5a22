"""Strategies that ask where a small disturbance changes the prediction, or draw by predictions alone."""

from __future__ import annotations

import math

import numpy as np

from claros.arrays import Array, Floats, Indices, block_bytes, from_numpy, namespace, row_blocks, take, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.geometry import centred, mean_point
from claros.measures.gradients import lengths
from claros.measures.head import Head, dropout_flips, flip_distance
from claros.pick import Picked, central_members, in_order, ranks
from claros.strategies.parameters import check_counts
from claros.strategy import strategy

__all__ = ["alfa_mix", "drop_query", "falcun"]

#: Candidates are compared with a pick in blocks of so many probabilities, which a core's cache holds.
BLOCK = 1 << 16


@strategy(reference="Parvaneh et al. 2022, arXiv:2203.07034", optional=("head_bias",), stochastic=True)
def alfa_mix(
    k: int,
    *,
    embeddings: Array,
    head_weights: Array,
    labeled_embeddings: Array,
    labels: Indices,
    rng: np.random.Generator,
    head_bias: Array | None = None,
    step: float = 1 / 32,
) -> Picked:
    """Spread a batch over the candidates whose prediction changes when their embedding is mixed with a class's mean.

    The mix moves an embedding up its own loss, by a length in proportion to its distance from the mean embedding of a
    labeled class. Where the last layer is linear the logits are linear on that way, so the share of mixing at which
    the prediction changes has a closed form, and the farthest class mean changes it first. The share that is allowed
    grows by ``step`` up to 1, until at least k candidates change; k-means on their embeddings, scaled to length 1,
    picks the most central of k clusters, the largest first. A pick's score is 1 minus the share at which its
    prediction changes, or 0 beyond 1. Where fewer than k change, the others are drawn without replacement. Where
    nothing is labeled there is nothing to mix with, and all candidates are clustered.

    Departures: a division by zero where an embedding equals a mean in some feature is cancelled and not blurred; the
    draw that fills up never draws an item twice, as the authors' code can.

    Cost: O(N·C·D) time for the shares, k-means for the m that change, O(N + m·D) memory.

    Use it with a linear head on good features, from the second batch on, where it is among the best for few labels;
    not with a deep head, for which the closed form does not hold.
    """
    if not 0.0 < step <= 1.0:
        raise InputError(f"alfa_mix: step must be above 0 and at most 1; got {step!r}.")
    order = rng.permutation(int(embeddings.shape[0]))
    if not len(labels):
        picked = central_members(_unit(embeddings, np.arange(len(order))), k, rng, order)
        return picked._replace(scores=np.zeros(k), note="Nothing is labeled, so all candidates were clustered.")
    reach = _farthest(embeddings, _class_means(labeled_embeddings, labels))
    distance = flip_distance(embeddings, Head(head_weights, head_bias, embeddings))
    share = np.full(len(order), math.inf)
    np.divide(distance, reach, out=share, where=reach > 0.0)
    share *= math.sqrt(embeddings.shape[1])
    scores = 1.0 - np.minimum(share, 1.0)
    enough = np.partition(share, k)[k] if k < len(share) else math.inf  # more than k are wanted, to choose among
    limit = min(step * (np.floor(enough / step) + 1.0), 1.0)
    changing = np.flatnonzero(share < limit)
    if len(changing) < k:
        rest = np.setdiff1d(np.arange(len(order)), changing)
        first, then = changing[np.lexsort((order[changing], share[changing]))], in_order(rest, order)
        picks = np.concatenate([first, then[: k - len(first)]])
        note = f"Only {len(changing)} predictions change by mixing; the rest of the batch was drawn at random."
        return Picked(picks, np.where(np.isin(picks, changing), scores[picks], 0.0), note=note)
    picks = changing[central_members(_unit(embeddings, changing), k, rng, ranks(order[changing])).indices]
    return Picked(picks, scores[picks], note=f"{len(changing)} predictions change by mixing in up to {limit:.4g}.")


@strategy(reference="Gupte et al. 2024, arXiv:2401.14555", optional=("head_bias",), stochastic=True)
def drop_query(
    k: int,
    *,
    embeddings: Array,
    head_weights: Array,
    rng: np.random.Generator,
    head_bias: Array | None = None,
    masks: int = 3,
    rate: float = 0.75,
    enough: int = 25,
) -> Picked:
    """Spread a batch over the candidates whose prediction changes when most of their features are dropped.

    ``masks`` times each feature is dropped with probability ``rate`` before the last layer. Candidates for the batch
    are those whose prediction changes in more than half of the masks; where they are fewer than ``enough`` · k, those
    with one change less, and so on. K-means on their embeddings, scaled to length 1, picks the most central of k
    clusters, the largest first. A pick's score is the share of masks that changed its prediction, in [0, 1].

    Cost: O(N·masks·C·D) time, k-means for the m that are left, O(N + m·D) memory.

    Use it with a linear head on the features of a large pretrained model and few labels, where it is among the best;
    not with features of which each one matters by itself, and not with many labels, where margin and BADGE catch up.
    """
    check_counts("drop_query", masks=masks, enough=enough)
    if not 0.0 < rate < 1.0:
        raise InputError(f"drop_query: rate must be between 0 and 1; got {rate!r}.")
    order = rng.permutation(int(embeddings.shape[0]))
    flips = dropout_flips(embeddings, Head(head_weights, head_bias, embeddings), rng, masks, rate)
    least = masks // 2 + 1
    while least > 0 and np.count_nonzero(flips >= least) < enough * k:
        least -= 1
    among = np.flatnonzero(flips >= least)
    picks = among[central_members(_unit(embeddings, among), k, rng, ranks(order[among])).indices]
    return Picked(picks, flips[picks] / masks)


def _unit(embeddings: Array, which: Indices) -> Array:
    """These rows, scaled to length 1; zero rows stay."""
    rows = take(embeddings, which)
    xp, length = namespace(rows), lengths(rows)
    length = xp.where(length > 0.0, length, 1.0)
    return rows / xp.astype(length, rows.dtype)[:, None]


def _class_means(embeddings: Array, labels: Indices) -> Floats:
    """The mean embedding of every class that is labeled, (A, D) in float64 on the host."""
    groups = [np.flatnonzero(labels == code) for code in np.unique(labels)]
    return np.stack([mean_point(take(embeddings, group)) for group in groups])


def _farthest(embeddings: Array, centres: Floats) -> Floats:
    """Distance of every embedding to the farthest centre; (N, D), (A, D) -> (N,)."""
    frame, vectors = centred(embeddings, embeddings.dtype, centres)
    origin = to_numpy(frame.origin).astype(np.float64)
    moved = (centres * frame.scale - origin).astype(vectors.dtype)
    there = from_numpy(np.ascontiguousarray(-2.0 * moved.T), embeddings)
    norms = from_numpy(np.einsum("ij,ij->i", moved, moved), embeddings)
    table, xp, squares = vectors.tables[0], namespace(embeddings), np.empty(vectors.n)
    row_bytes = vectors.dtype.itemsize * (table.width + len(centres))
    for rows in row_blocks(vectors.n, row_bytes, block_bytes(embeddings)):
        squares[rows] = to_numpy(xp.max(table.rows(rows) @ there + norms, axis=1)) + vectors.norms[rows]
    farthest: Floats = np.sqrt(np.maximum(squares, 0.0)) / frame.scale
    return farthest


@strategy(reference="Gilhuber, Beer, Ma & Seidl 2024, ECML PKDD", stochastic=True)
def falcun(k: int, *, probs: Array, rng: np.random.Generator, gamma: float = 10.0) -> Picked:
    """Draw candidates that the model is unsure of and whose predictions differ from those picked.

    A candidate's relevance, in [0, 2], is 1 minus its margin, plus its distance: at first again 1 minus its margin,
    then the least of that and of the L1 distances of its probabilities from those of the picks, scaled over all
    candidates to [0, 1]. Each pick is drawn with probability in proportion to relevance^``gamma``; its score is its
    relevance at that moment, its probability the chance it had. Where nothing is relevant the draw is uniform.

    Cost: O(N·k·C) time, O(N·C) memory.

    Use it for very large pools, or where a model gives probabilities and no embeddings; not with two classes, where
    there is one direction to differ in, and not for the first batch.
    """
    if gamma < 0.0:
        raise InputError(f"falcun: gamma must not be negative; got {gamma!r}.")
    columns = np.ascontiguousarray(to_numpy(probs).T)  # (C, N)
    unsure = to_numpy(predictive.margin(probs))
    nearest, free = unsure.copy(), np.ones(len(unsure), dtype=bool)
    picks, scores, chances = np.empty(k, dtype=np.int64), np.empty(k), np.empty(k)
    relevance, weights = np.empty(len(unsure)), np.empty(len(unsure))
    for place in range(k):
        low, high = np.min(nearest), np.max(nearest)
        np.subtract(nearest, low, out=relevance)
        relevance /= high - low if high > low else 1.0
        relevance += unsure
        relevance *= free
        largest = np.max(relevance)
        if largest > 0.0 and gamma > 0.0:
            np.divide(relevance, largest, out=weights)
            np.power(weights, gamma, out=weights)
        else:
            np.copyto(weights, free)
        pick, chances[place] = _draw(weights, rng)
        picks[place], scores[place], free[pick] = pick, relevance[pick], False
        _approach(nearest, columns, pick)
    return Picked(picks, scores, chances)


def _draw(weights: Floats, rng: np.random.Generator) -> tuple[int, float]:
    """One position in proportion to its weight, and its chance."""
    cumulative = np.cumsum(weights)
    total = cumulative[-1]
    last = int(np.searchsorted(cumulative, total, side="left"))
    pick = min(int(np.searchsorted(cumulative, rng.random() * total, side="right")), last)
    return pick, float(weights[pick] / total)


def _approach(nearest: Floats, columns: Floats, pick: int) -> None:
    """Lower ``nearest`` (N,) by the L1 distances to one of the columns (C, N)."""
    there = columns[:, pick][:, None]
    for rows in row_blocks(len(nearest), len(columns), BLOCK):
        gaps = columns[:, rows] - there
        np.minimum(nearest[rows], np.sum(np.abs(gaps, out=gaps), axis=0), out=nearest[rows])
