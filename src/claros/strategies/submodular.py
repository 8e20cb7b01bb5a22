"""Strategies that maximise a set function of similarities, greedily: graph cut, saturated coverage, disparity."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.measures.directions import directions
from claros.pick import Picked, farthest_first, first_of
from claros.pick.lazy import lazy_greedy
from claros.strategies.parameters import check_counts, check_positive
from claros.strategy import strategy

__all__ = ["disparity", "graph_cut", "saturated_coverage"]

#: Gains that differ by less than this share of the largest are tied; bytes that a block of similarities may take.
TIE, STEP_BYTES = 1e-10, 1 << 20


@strategy(reference="Iyer, Khargonkar, Bilmes & Asnani 2021, arXiv:2006.15412", optional=("labeled_features",))
def graph_cut(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    trade_off: float = 2.0,
) -> Picked:
    """Again and again the candidate most like the pool and least like what is labeled or picked.

    Greedy maximum of trade_off · Σ_i Σ_s sim(i, s) - Σ_s Σ_t sim(s, t) over the candidates i and the labeled or picked
    s and t, with sim = (1 + cos)/2. A pick's score is its gain divided by N. With a ``trade_off`` below 2 the function
    need not grow with every pick. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(N·(L + k)·D) time, O(N·D) memory: a sum of cosines is a product with a sum of vectors.

    Use it where typical items are wanted and a few near copies do no harm; not for large pools and small batches, where
    the first sum outweighs the second and all picks lie in the densest place: `facility_location` spreads.
    """
    check_positive("graph_cut", trade_off=trade_off)
    rows, labeled = _directions(features, labeled_features)
    order = rng.permutation(len(rows))
    like_pool = 0.5 * (len(rows) + rows @ np.sum(rows, axis=0))
    like_picked = 0.5 * (len(labeled) + rows @ np.sum(labeled, axis=0))
    free = np.ones(len(rows), dtype=bool)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        gains = np.where(free, (trade_off * like_pool - 2.0 * like_picked - 1.0) / len(rows), -np.inf)
        picks[turn] = _highest(gains, order)
        scores[turn] = gains[picks[turn]]
        free[picks[turn]] = False
        like_picked += 0.5 * (1.0 + rows @ rows[picks[turn]])
    return Picked(picks, scores)


@strategy(reference="Lin & Bilmes 2011, ACL, section 3.2", optional=("labeled_features",))
def saturated_coverage(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    saturation: float = 1.0,
    targets: int = 2000,
) -> Picked:
    """Again and again the candidate that covers most of what is not covered enough yet.

    Greedy maximum of Σ_i min(Σ_s sim(i, s), cap_i) over labeled or picked s, with sim = (1 + cos)/2. An item is covered
    enough when it has ``saturation`` times what as many items drawn at random as are labeled or picked in the end would
    give it on average; when all are, it begins again with that much more for each. A pick's score is its gain a target.
    Above ``targets`` candidates, so many random ones are to be covered. The batch is made for its k. Gains within 1e-10
    of each other are tied, and a permutation drawn from ``rng`` decides.

    Departures: the authors' cap is a share of what the whole pool gives; with batches far smaller than the pool nothing
    would ever be covered enough, so here it is a share of what the batch can give.

    Cost: O(M·N·D) time for M targets, and O(M·D) for each candidate that is worked out again; O((N + M)·D) memory.

    Use it for a batch in which no group of items is over-represented, for summaries above all; not where one good
    representative an item is enough: `facility_location` is that.
    """
    check_positive("saturated_coverage", saturation=saturation)
    check_counts("saturated_coverage", targets=targets)
    rows, labeled = _directions(features, labeled_features)
    order = rng.permutation(len(rows))
    goal = rows if len(rows) <= targets else rows[np.flatnonzero(rng.permutation(len(rows)) < targets)]
    mean = 0.5 * (1.0 + goal @ np.mean(rows, axis=0))
    cap = saturation * (k + len(labeled)) * np.maximum(mean, 1e-12)
    left = cap - 0.5 * (len(labeled) + goal @ np.sum(labeled, axis=0))

    def gains(which: Indices) -> Floats:
        found = np.empty(len(which))
        for block in row_blocks(len(which), 8 * len(goal), STEP_BYTES):
            similar = 0.5 * (1.0 + rows[which[block]] @ goal.T)
            found[block] = np.sum(np.minimum(similar, np.maximum(left, 0.0)[None, :]), axis=1)
        return found / len(goal)

    def add(pick: int) -> None:
        np.subtract(left, 0.5 * (1.0 + goal @ rows[pick]), out=left)

    everything, parts = np.arange(len(rows)), [Picked(np.empty(0, dtype=np.int64), np.empty(0))]
    while (done := sum(len(part.indices) for part in parts)) < k:
        bounds = gains(everything)
        bounds[np.concatenate([part.indices for part in parts])] = -np.inf
        parts.append(lazy_greedy(k - done, bounds, gains, add, order, least=1e-9))
        if not len(parts[-1].indices):
            left += cap
    return Picked(np.concatenate([part.indices for part in parts]), np.concatenate([part.scores for part in parts]))


@strategy(
    reference="Dasgupta, Kumar & Ravi 2013, ACL; the greedy rule for sums is Ravi, Rosenkrantz & Tayi 1994",
    optional=("labeled_features",),
)
def disparity(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    kind: Literal["sum", "min"] = "sum",
) -> Picked:
    """Again and again the candidate with the largest mean distance to all that is labeled or picked, or the smallest.

    Greedy maximum of the sum of Euclidean distances between all pairs (``kind="sum"``), or of the smallest of them
    (``kind="min"``, which is `k_center` on the features). A pick's score is its mean, or smallest, distance. Where
    nothing is labeled, "sum" begins with the candidate farthest from the mean, "min" with the one nearest to it. Ties
    are broken by a permutation drawn from ``rng``.

    Cost: O(N·(L + k)·D) time, O(N·D) memory.

    Use it to see the extremes of a pool; not for training a classifier: with sums, the picks gather at the two ends of
    the longest direction, and most of the pool is never looked at.
    """
    order = rng.permutation(int(features.shape[0]))
    labeled = None if labeled_features is None or not labeled_features.shape[0] else labeled_features
    if kind == "min":
        return farthest_first(features, k, order, labeled=labeled)
    rows = to_numpy(features).astype(np.float64)
    apart = np.zeros(len(rows))
    known = np.empty((0, rows.shape[1])) if labeled is None else to_numpy(labeled).astype(np.float64)
    for row in known:
        apart += _distances(rows, row)
    start = apart / len(known) if len(known) else _distances(rows, np.mean(rows, axis=0))
    free = np.ones(len(rows), dtype=bool)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        gains = np.where(free, start if not turn else apart / (len(known) + turn), -np.inf)
        picks[turn] = _highest(gains, order)
        scores[turn] = gains[picks[turn]]
        free[picks[turn]] = False
        apart += _distances(rows, rows[picks[turn]])
    return Picked(picks, scores)


def _directions(features: Array, labeled: Array | None) -> tuple[Floats, Floats]:
    """Candidates and labeled items in float64, divided by their lengths."""
    rows = directions(to_numpy(features).astype(np.float64))
    if labeled is None or not labeled.shape[0]:
        return rows, np.empty((0, rows.shape[1]))
    return rows, directions(to_numpy(labeled).astype(np.float64))


def _distances(rows: Floats, point: Floats) -> Floats:
    """Euclidean distances of all rows to a point, in blocks."""
    found = np.empty(len(rows))
    for block in row_blocks(len(rows), 8 * max(1, rows.shape[1]), STEP_BYTES):
        found[block] = np.linalg.norm(rows[block] - point, axis=1)
    return found


def _highest(gains: Floats, order: Indices) -> int:
    best = float(np.max(gains))
    return first_of(np.flatnonzero(gains >= best - TIE * max(1e-300, abs(best))), order)
