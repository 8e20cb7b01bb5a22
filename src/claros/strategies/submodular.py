"""Strategies that maximise a set function of similarities, greedily: graph cut, saturated coverage, disparity."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.errors import InputError
from claros.measures.directions import directions
from claros.pick import Picked, eager_greedy, farthest_first, lazy_greedy
from claros.strategies.parameters import check_counts, check_positive, given, given_floats
from claros.strategy import strategy

__all__ = ["disparity", "graph_cut", "saturated_coverage"]

#: Bytes that a block of similarities may take.
STEP_BYTES = 1 << 20


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

    def gains(_: int) -> Floats:
        found: Floats = (trade_off * like_pool - 2.0 * like_picked - 1.0) / len(rows)
        return found

    def add(pick: int) -> None:
        np.add(like_picked, 0.5 * (1.0 + rows @ rows[pick]), out=like_picked)

    return eager_greedy(k, gains, add, order)


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
    if not saturation >= 1e-3:
        raise InputError(f"saturated_coverage: saturation must be at least 0.001; got {saturation!r}.")
    check_counts("saturated_coverage", targets=targets)
    rows, labeled = _directions(features, labeled_features)
    order = rng.permutation(len(rows))
    goal = sampled(rows, targets, rng)
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
    if kind == "min":
        return farthest_first(features, k, order, labeled=given(labeled_features))
    rows = to_numpy(features).astype(np.float64)
    known = given_floats(labeled_features, rows.shape[1])
    apart = np.zeros(len(rows))
    for row in known:
        apart += _distances(rows, row)

    def gains(turn: int) -> Floats:
        many = len(known) + turn
        return apart / many if many else _distances(rows, np.mean(rows, axis=0))

    def add(pick: int) -> None:
        np.add(apart, _distances(rows, rows[pick]), out=apart)

    return eager_greedy(k, gains, add, order)


def sampled(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    """The rows, or so many of them drawn at random and in their order, if there are more."""
    return rows if len(rows) <= most else rows[np.flatnonzero(rng.permutation(len(rows)) < most)]


def _directions(features: Array, labeled: Array | None) -> tuple[Floats, Floats]:
    """Candidates and labeled items in float64, divided by their lengths."""
    rows = to_numpy(features).astype(np.float64)
    return directions(rows), directions(given_floats(labeled, rows.shape[1]))


def _distances(rows: Floats, point: Floats) -> Floats:
    """Euclidean distances of all rows to a point, in blocks."""
    found = np.empty(len(rows))
    for block in row_blocks(len(rows), 8 * max(1, rows.shape[1]), STEP_BYTES):
        found[block] = np.linalg.norm(rows[block] - point, axis=1)
    return found
