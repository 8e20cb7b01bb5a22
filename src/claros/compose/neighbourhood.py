"""Wrappers that look for candidates where something is labeled already, and through rounds of other strategies."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, take, to_numpy
from claros.checks import number, whole
from claros.compose.composite import Candidates, Part, children, compose, resolve
from claros.errors import InputError
from claros.measures.clusters import start_centres
from claros.measures.directions import directions
from claros.measures.geometry import centred
from claros.measures.neighbours import nearest_neighbours
from claros.pick import Picked
from claros.strategy import Strategy

__all__ = ["anchor_al", "refine", "seals"]

#: Bytes that a block of similarities may take.
STEP_BYTES = 1 << 21


def seals(strategy: Part, *, neighbours: int = 100) -> Strategy:
    """A strategy that sees only the candidates that are among the nearest to a labeled item.

    The ``neighbours`` nearest candidates of every labeled item, by fixed features and Euclidean distance, each counted
    once; as many random others as are missing for a batch are added. Where nothing is labeled, all candidates take
    part. A pick's score is that of the strategy among them.

    Source: Coleman et al. 2022, arXiv:2007.00077 (SEALS).

    Cost: O(L·N·D) time in blocks of products and a copy of the features, and that of the strategy over at most
    L·neighbours candidates.

    Use it to find more of rare classes in pools of millions, where each round is then as cheap as the labels are few;
    not where a class may lie in several places: what is far from all labels is never seen.
    """
    neighbours = whole(neighbours, 1, "seals: neighbours")
    strategy = resolve(strategy)

    def pick(pool: Candidates, k: int) -> Picked:
        for_rest, for_picks = children(pool.rng, 2)
        labeled = pool.inputs["labeled_features"]
        if not labeled.shape[0]:
            return pool.pick(strategy, k, for_picks)
        found = _nearest(labeled, neighbours, pool.inputs["features"], for_rest)
        return _among(pool, strategy, k, found, for_rest, for_picks, "nearest to a labeled one")

    return compose(seals, (strategy,), pick, needs=("features", "labeled_features"), neighbours=neighbours)


def anchor_al(strategy: Part, *, anchors: int = 10, neighbours: int = 50, size: int = 500) -> Strategy:
    """A strategy that sees only the candidates most like a few labeled items of every class.

    Of each class, ``anchors`` labeled items are drawn far from each other, as k-means++ does; the ``neighbours``
    candidates nearest to each are kept, and of these the ``size`` with the largest mean cosine to all anchors. Where
    nothing is labeled, all candidates take part; as many random others as are missing for a batch are added. A pick's
    score is that of the strategy among them.

    Source: Lesci & Vlachos 2024, arXiv:2404.05623 (AnchorAL).

    Cost: O(C·anchors·N·D) time in blocks of products and a copy of the features, and that of the strategy over
    ``size`` candidates.

    Use it for imbalanced pools of any size, since every class has the same number of anchors; not on features in which
    classes do not lie together.
    """
    anchors = whole(anchors, 1, "anchor_al: anchors")
    neighbours, size = whole(neighbours, 1, "anchor_al: neighbours"), whole(size, 1, "anchor_al: size")
    strategy = resolve(strategy)

    def pick(pool: Candidates, k: int) -> Picked:
        for_anchors, for_rest, for_picks = children(pool.rng, 3)
        labeled, labels = pool.inputs["labeled_features"], pool.inputs["labels"]
        if not labeled.shape[0]:
            return pool.pick(strategy, k, for_picks)
        chosen = take(labeled, _anchors(labeled, labels, anchors, for_anchors))
        found = _nearest(chosen, neighbours, pool.inputs["features"], for_rest)
        if len(found) > max(k, size):
            alike = _mean_cosine(take(pool.inputs["features"], found), chosen)
            found = np.sort(found[np.lexsort((for_rest.permutation(len(found)), -alike.round(9)))][: max(k, size)])
        return _among(pool, strategy, k, found, for_rest, for_picks, "most like the labeled ones of every class")

    return compose(
        anchor_al,
        (strategy,),
        pick,
        needs=("features", "labeled_features", "labels"),
        stochastic=True,
        anchors=anchors,
        neighbours=neighbours,
        size=size,
    )


def refine(strategy: Part, then: Part, *, depth: int = 3, share: float = 0.4, draws: int = 10) -> Strategy:
    """Candidates that a strategy likes in many random parts of the pool, again and again; the other picks among them.

    ``depth`` times, the strategy picks a batch from each of ``draws`` random parts with ``share`` of the candidates
    that are left, and what was picked in any of them is left for the next time; from the last ones ``then`` picks.
    A mixture as the first strategy lets several vote: refine(mixture({margin: 1, typiclust: 1}), uherding). A pick's
    score is that of ``then``. The batch is made for its k: a smaller one is not its beginning.

    Source: Werner et al. 2026, CVPR (Refine), with the depth, the parts and the strategies given.

    Cost: depth·draws times that of the strategy over share·N candidates, and that of ``then`` over what is left.

    Use it where no single strategy is trusted; not in a hurry.
    """
    depth, draws = whole(depth, 1, "refine: depth"), whole(draws, 1, "refine: draws")
    if number(share, 0, 1, "refine: share") == 0:
        raise InputError("refine: share must be above 0; got 0.")
    strategy, then = resolve(strategy), resolve(then)

    def pick(pool: Candidates, k: int) -> Picked:
        streams = children(pool.rng, 2 * depth * draws + 1)
        left = np.arange(pool.n)
        for turn in range(depth):
            found = []
            for draw in range(draws):
                for_part, for_picks = streams[2 * (turn * draws + draw) : 2 * (turn * draws + draw) + 2]
                many = min(len(left), max(k, int(np.ceil(share * len(left)))))
                part = np.sort(for_part.choice(left, many, replace=False))
                found.append(pool.pick(strategy, k, for_picks, part).indices)
            left = np.unique(np.concatenate(found))
            if len(left) <= k:
                break
        picked = pool.pick(then, k, streams[-1], left)
        note = f"{strategy.name} left {len(left)} of {pool.n} candidates."
        return picked._replace(probabilities=None, note=" ".join(filter(None, [note, picked.note])))

    return compose(refine, (strategy, then), pick, stochastic=True, depth=depth, share=share, draws=draws)


def _nearest(points: Array, k: int, features: Array, rng: np.random.Generator) -> Indices:
    """Which rows are among the k nearest to a point, each once; of equally near ones a random one."""
    order = rng.permutation(int(features.shape[0]))
    return np.unique(order[nearest_neighbours(points, k, take(features, order)).indices])


def _among(
    pool: Candidates,
    strategy: Strategy,
    k: int,
    rows: Indices,
    for_rest: np.random.Generator,
    for_picks: np.random.Generator,
    which: str,
) -> Picked:
    """The strategy's picks among some rows, with random others added if they are too few for a batch."""
    if len(rows) < min(k, pool.n):
        others = np.setdiff1d(np.arange(pool.n), rows)
        more = for_rest.choice(others, min(k, pool.n) - len(rows), replace=False)
        rows = np.sort(np.concatenate([rows, more]))
    picked = pool.pick(strategy, k, for_picks, rows.astype(np.int64))
    note = f"The {len(rows)} of {pool.n} candidates {which} took part."
    return picked._replace(note=" ".join(filter(None, [note, picked.note])))


def _anchors(labeled: Array, labels: Indices, anchors: int, rng: np.random.Generator) -> Indices:
    """Positions of so many labeled items of each class, spread by k-means++; all of a class with no more."""
    chosen = []
    for code in np.unique(labels):
        own = np.flatnonzero(labels == code)
        if len(own) > anchors:
            some = to_numpy(take(labeled, own)).astype(np.float64)
            _, vectors = centred(some, some.dtype)
            centres = start_centres(vectors, anchors, rng, rng.permutation(len(own)))
            middle = some.mean(axis=0)
            gaps = ((some - middle)[:, None, :] - centres[None, :, :]) ** 2
            own = own[np.unique(np.argmin(gaps.sum(axis=2), axis=0))]
        chosen.append(own)
    return np.concatenate(chosen)


def _mean_cosine(rows: Array, anchors: Array) -> Floats:
    """Mean cosine of each row with the anchors, (n,)."""
    middle = directions(to_numpy(anchors).astype(np.float64)).mean(axis=0)
    table = to_numpy(rows)
    found = np.empty(len(table))
    for block in row_blocks(len(table), 8 * max(1, table.shape[1]), STEP_BYTES):
        found[block] = directions(table[block].astype(np.float64)) @ middle
    return found
