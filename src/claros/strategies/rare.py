"""Strategies for rare classes and foreign items: near a query set, far from a private set, next to boundaries."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.errors import InputError
from claros.measures.directions import directions
from claros.pick import Picked, in_order, lazy_greedy
from claros.strategies.parameters import check_counts, given, given_floats
from claros.strategies.submodular import sampled
from claros.strategy import strategy

__all__ = ["base", "conditional_gain", "similar"]

STEP_BYTES = 1 << 20


@strategy(reference="Kothawade, Beck, Killamsetty & Iyer 2021, NeurIPS, arXiv:2107.00717", optional=("query_features",))
def similar(
    k: int,
    *,
    features: Array,
    labeled_features: Array,
    labels: Indices,
    rng: np.random.Generator,
    query_features: Array | None = None,
    kind: Literal["flqmi", "gcmi"] = "flqmi",
    eta: float = 1.0,
) -> Picked:
    """The batch that shares most with examples of what is looked for: submodular mutual information with a query set.

    The query set is ``query_features``, or else the labeled items of the class with fewest labels (all such classes).
    ``kind="flqmi"`` maximises Σ_q max_s sim(q, s) + eta·Σ_s max_q sim(s, q) over queries q and picks s, so that every
    query is served and every pick is near one; ``"gcmi"`` maximises Σ_q Σ_s sim(q, s), the plain sum. Similarity is
    (1 + cos)/2. A pick's score is its gain divided by the number of queries. Where there is no query, picks are random
    with score 0. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(N·Q·D) time for Q queries, O(N·(D + Q)) memory.

    Use it to find more of a rare class from a few examples, on features in which they lie together; not for classes in
    general, since it asks nothing else.
    """
    if eta < 0.0:
        raise InputError(f"similar: eta must not be negative; got {eta!r}.")
    rows = directions(to_numpy(features).astype(np.float64))
    order = rng.permutation(len(rows))
    queries = _queries(query_features, labeled_features, labels)
    if not len(queries):
        return Picked(in_order(np.arange(len(rows)), order)[:k], np.zeros(k))
    alike = 0.5 * (1.0 + rows @ queries.T)  # (N, Q)
    own = alike.sum(axis=1) if kind == "gcmi" else eta * alike.max(axis=1)
    reached = np.zeros(len(queries))

    def gains(which: Indices) -> Floats:
        found = own[which]
        if kind == "flqmi":
            found = found + np.maximum(alike[which] - reached, 0.0).sum(axis=1)
        return np.asarray(found / len(queries))

    def add(pick: int) -> None:
        np.maximum(reached, alike[pick], out=reached)

    return lazy_greedy(k, gains(np.arange(len(rows))), gains, add, order)


@strategy(
    reference="Kothawade, Beck, Killamsetty & Iyer 2021, NeurIPS, arXiv:2107.00717",
    optional=("labeled_features", "private_features"),
)
def conditional_gain(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    private_features: Array | None = None,
    hardness: float = 1.0,
    targets: int = 2000,
) -> Picked:
    """The batch that stands for what a private set does not: facility location, given what must not be asked again.

    Greedy maximum of Σ_i max(max_s sim(i, s) - hardness·max_p sim(i, p), 0) over candidates i, picks s, and p in the
    private set: ``private_features``, such as items known to be foreign, and the labeled items. Similarity is
    (1 + cos)/2. A pick's score is its gain a candidate. Above ``targets`` candidates, so many random ones take part as
    i. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(M·(N + P)·D) time for M targets, O((N + M)·D) memory.

    Use it where the pool holds items of a kind that shall not be asked, and some are known; not without such a set:
    `facility_location` is the same then, and faster.
    """
    if hardness < 0.0:
        raise InputError(f"conditional_gain: hardness must not be negative; got {hardness!r}.")
    check_counts("conditional_gain", targets=targets)
    rows = directions(to_numpy(features).astype(np.float64))
    order = rng.permutation(len(rows))
    goal = sampled(rows, targets, rng)
    covered = np.zeros(len(goal))
    for others in (labeled_features, private_features):
        known = directions(given_floats(others, rows.shape[1]))
        for block in row_blocks(len(known), 8 * len(goal), STEP_BYTES):
            np.maximum(covered, hardness * 0.5 * (1.0 + known[block] @ goal.T).max(axis=0), out=covered)

    def gains(which: Indices) -> Floats:
        found = np.empty(len(which))
        for block in row_blocks(len(which), 8 * len(goal), STEP_BYTES):
            found[block] = np.maximum(0.5 * (1.0 + rows[which[block]] @ goal.T) - covered, 0.0).sum(axis=1)
        return found / len(goal)

    def add(pick: int) -> None:
        np.maximum(covered, 0.5 * (1.0 + goal @ rows[pick]), out=covered)

    return lazy_greedy(k, gains(np.arange(len(rows))), gains, add, order)


@strategy(reference="Emam et al. 2021, arXiv:2111.12880")
def base(k: int, *, embeddings: Array, head_weights: Array, head_bias: Array, rng: np.random.Generator) -> Picked:
    """As many items next to the boundary of each class, nearest first: balanced selection of edge items.

    The distance of an item to the boundary of class c is that of its embedding to where c becomes the most probable
    class, or ceases to be: |z_c - z_other| / |w_c - w_other|, with the predicted class for the other, or the nearest
    one where c is predicted. Classes take turns in an order drawn from ``rng``; a pick's score is minus its distance.
    Ties are broken by a permutation drawn from ``rng``.

    Cost: O(N·C·(C + D)) time, O(N·C) memory.

    Use it on pools where some classes are rare and the last layer is linear, at the price of one product; not where
    rare classes lie among common ones, whose boundaries are then everywhere.
    """
    order = rng.permutation(int(embeddings.shape[0]))
    distances = _boundary_distances(embeddings, head_weights, head_bias)
    n, classes = distances.shape
    turns = rng.permutation(classes)
    ranked = [np.lexsort((order, distances[:, code].round(12))) for code in turns]
    at, free = np.zeros(classes, dtype=np.int64), np.ones(n, dtype=bool)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        place = turn % classes
        while not free[ranked[place][at[place]]]:
            at[place] += 1
        picks[turn] = ranked[place][at[place]]
        scores[turn] = -distances[picks[turn], turns[place]]
        free[picks[turn]] = False
    return Picked(picks, scores)


def _queries(queries: Array | None, labeled: Array, labels: Indices) -> Floats:
    """Directions (Q, F) of what is looked for."""
    wanted = given(queries)
    if wanted is None:
        codes, counts = np.unique(labels, return_counts=True)
        wanted = to_numpy(labeled)[np.isin(labels, codes[counts == counts.min(initial=len(labels))])]
    return np.asarray(directions(to_numpy(wanted).astype(np.float64)))


def _boundary_distances(embeddings: Array, head_weights: Array, head_bias: Array) -> Floats:
    """Distance of each embedding to each class's boundary, (N, C); 0 where there is only one class."""
    weights, bias = to_numpy(head_weights).astype(np.float64), to_numpy(head_bias).astype(np.float64)
    rows = to_numpy(embeddings)
    classes = len(weights)
    found = np.zeros((len(rows), classes))
    if classes == 1:
        return found
    gaps = np.empty((classes, classes))
    for some in row_blocks(classes, 8 * weights.size, STEP_BYTES):
        gaps[some] = np.linalg.norm(weights[some, None, :] - weights[None, :, :], axis=2)
    gaps[gaps == 0.0] = np.finfo(np.float64).tiny
    for block in row_blocks(len(rows), 8 * classes * 4, STEP_BYTES):
        logits = rows[block].astype(np.float64) @ weights.T + bias
        predicted = np.argmax(logits, axis=1)
        lag = np.max(logits, axis=1, keepdims=True) - logits
        with np.errstate(over="ignore"):
            away = np.minimum(lag / gaps[predicted], np.finfo(np.float64).max)
        own = np.arange(len(logits)), predicted
        others = away.copy()
        others[own] = np.inf
        away[own] = others.min(axis=1)
        found[block] = away
    return found
