"""Strategies that look at who is near whom: covering balls, typical members of clusters, disagreeing neighbours."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Indices, block_bytes, device, namespace, row_blocks, take
from claros.errors import InputError
from claros.measures.alike import most_alike
from claros.measures.directions import directions
from claros.measures.graph import RadiusGraph, expected_edges, graph_of
from claros.measures.pairs import Within
from claros.measures.purity import pure_radius
from claros.pick import Picked, farthest_first, ranks
from claros.pick.covering import Balls, cover
from claros.strategies.parameters import check_counts
from claros.strategy import scorer, strategy

__all__ = ["cal", "cover_graph", "prob_cover"]

#: Edges that are kept, from both ends: so many for each number in the features, and so many at least. Where there are
#: more, balls are worked out again when they are needed.
EDGES_A_NUMBER, LEAST_EDGES = 2, 1 << 18

#: Clusters that stand in for classes where nothing says how many of them there are.
UNKNOWN_CLASSES = 10

#: Probabilities are not taken to be below this, since the logarithm of 0 has no value.
FLOOR = 1e-7


@strategy(
    reference="Yehuda et al. 2022, arXiv:2205.11320",
    stochastic=True,
    optional=("labeled_features", "probs", "neighbour_graph"),
)
def prob_cover(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    probs: Array | None = None,
    neighbour_graph: RadiusGraph | None = None,
    radius: float = 0.0,
    purity: float = 0.95,
    classes: int = 0,
    at_most: int = 50_000,
) -> Picked:
    """Again and again the candidate whose ball holds most candidates that nothing labeled or picked covers yet.

    Features are scaled to length 1, and a ball is everything within ``radius`` (Euclidean, from 0 to 2). A pick's score
    is how many candidates it newly covers. ``radius=0`` takes the largest one at which a share ``purity`` of the balls
    holds members of one k-means cluster only, with one cluster for each of ``classes``; 0 takes what ``probs`` have, or
    10 without them. That radius is estimated by 2000 balls, and differs a little from seed to seed. A
    ``neighbour_graph`` of the candidates, made once by `cover_graph`, is used with its radius instead. Ties are broken
    by a permutation drawn from ``rng``. When everything is covered, the batch goes on with the candidates farthest from
    all that is labeled or picked, with score 0.

    Departures: the radius is a quantile of distances to other clusters, which is what the authors' search by hand
    looks for; the authors' code goes on with the first item once all is covered. Of pools of more than ``at_most``
    candidates a uniform sample of so many takes part, since the cost grows with the square.

    Cost: O(N²·D) time for one pass of products over all pairs, O(N·D) memory: where there are more than 2·N·D edges,
    balls are worked out again when they are needed, in up to four times the time.

    Use it for first batches of a few labels per class on good self-supervised features; not later on, when all is
    covered, nor on features whose classes overlap: `max_herding` is the same idea with soft balls, and does better.
    """
    _check_cover(radius, purity, classes, at_most)
    order = rng.permutation(int(features.shape[0]))
    room = max(at_most, k)
    rows = np.sort(order[:room]) if len(order) > room and neighbour_graph is None else None
    points = directions(features if rows is None else take(features, rows))
    within_order = order if rows is None else ranks(order[rows])
    labeled = None if labeled_features is None or not labeled_features.shape[0] else directions(labeled_features)
    found = ""
    if neighbour_graph is not None:
        radius = neighbour_graph.radius
    elif not radius and len(within_order):
        several = classes or (int(probs.shape[1]) if probs is not None else UNKNOWN_CLASSES)
        radius = pure_radius(points, max(2, several), purity, rng)
        found = f", at which about {purity:.0%} of the balls lie in one of {max(2, several)} clusters"
    picked = _covering(points, labeled, radius, k, within_order, neighbour_graph)
    note = f"Balls of radius {radius:.3g}{found}; {np.count_nonzero(picked.scores)} of the picks cover something new."
    if rows is not None:
        picked = picked._replace(indices=rows[picked.indices])
        note += f" A sample of {room} of {len(order)} candidates took part."
    return picked._replace(note=note)


def _check_cover(radius: float, purity: float, classes: int, at_most: int) -> None:
    if not 0 <= radius <= 2:
        raise InputError(f"prob_cover: radius must be from 0 (search) to 2; got {radius!r}.")
    if not 0 < purity < 1:
        raise InputError(f"prob_cover: purity must be between 0 and 1; got {purity!r}.")
    if classes < 0:
        raise InputError(f"prob_cover: classes must be at least 1, or 0 for those of probs; got {classes!r}.")
    check_counts("prob_cover", at_most=at_most)


def cover_graph(
    features: Array,
    rng: np.random.Generator,
    *,
    radius: float = 0.0,
    purity: float = 0.95,
    classes: int = 0,
    at_most: int = 50_000,
) -> RadiusGraph | None:
    """Who lies in whose ball, to be made once and kept while a pool shrinks; see `prob_cover` for the parameters.

    None where `prob_cover` would not store it: for more than ``at_most`` items, or more than 2·N·D edges.
    """
    _check_cover(radius, purity, classes, at_most)
    n = int(features.shape[0])
    if not 0 < n <= at_most:
        return None
    points = directions(features)
    balls = _balls(points, radius or pure_radius(points, max(2, classes or UNKNOWN_CLASSES), purity, rng))
    return balls if isinstance(balls, RadiusGraph) else None


def _covering(
    points: Array, labeled: Array | None, radius: float, k: int, order: Indices, graph: RadiusGraph | None
) -> Picked:
    """Cover what the labeled points leave open, then spread out."""
    covered = None if labeled is None else Within(labeled, radius, points).reached() > 0
    picked = Picked(np.empty(0, dtype=np.int64), np.empty(0))
    if covered is None or not covered.all():
        picked = cover(_balls(points, radius) if graph is None else graph, k, order, covered)
    missing = min(k, len(order)) - len(picked.indices)
    if missing:
        taken = [int(pick) for pick in picked.indices]
        rest = farthest_first(points, missing, order, labeled=labeled, taken=taken)
        scores = np.concatenate([picked.scores, np.zeros(missing)])
        picked = Picked(np.concatenate([picked.indices, rest.indices]), scores)
    return picked


def _balls(points: Array, radius: float) -> Balls:
    """The graph of all pairs within the radius, if it is not much larger than the features."""
    within = Within(points, radius)
    room = max(EDGES_A_NUMBER * within.n * int(points.shape[1]), LEAST_EDGES)
    return within if expected_edges(within) > room else graph_of(within, radius)


@scorer(reference="Margatina et al. 2021, arXiv:2109.03764")
def cal(
    *, embeddings: Array, probs: Array, labeled_embeddings: Array, labeled_probs: Array, neighbours: int = 10
) -> Array:
    """How differently the model predicts for the nearest labeled items (contrastive active learning); in nats, ≥ 0.

    The mean over the ``neighbours`` nearest labeled items of KL(their prediction ‖ the candidate's); fewer where fewer
    are labeled. Nearness is Euclidean between embeddings scaled to length 1. With nothing labeled every score is 0, and
    the order is random.

    Departures: probabilities below 1e-7 count as 1e-7 and rows are made to sum to 1 again, so that a candidate's zero
    does not make the score infinite.

    Cost: O(N·L·D + N·neighbours·C) time, O(N + L·D) memory.

    Use it where items that look alike to the model should get the same answer, as in text classification with a
    fine-tuned network; not for the first batch, and not where the batch must be diverse: it scores one by one.
    """
    check_counts("cal", neighbours=neighbours)
    xp, n, classes = namespace(probs), int(probs.shape[0]), int(probs.shape[1])
    scores = xp.zeros(n, dtype=xp.float64, device=device(probs))
    if not n or not int(labeled_probs.shape[0]):
        return scores
    theirs = _floored(labeled_probs)
    # Each labeled item's prediction, and its negative entropy in one more column.
    table = xp.concat([theirs, xp.sum(theirs * xp.log(theirs), axis=1)[:, None]], axis=1)
    for rows, near in most_alike(embeddings, neighbours, labeled_embeddings):
        for part in row_blocks(len(near), 8 * 4 * (classes + 1), block_bytes(probs)):
            some, place = near[part], slice(rows.start + part.start, rows.start + part.stop)
            total = take(table, some[:, 0])
            for column in range(1, some.shape[1]):
                total += take(table, some[:, column])
            total /= some.shape[1]
            scores[place] = total[:, classes] - xp.sum(total[:, :classes] * xp.log(_floored(probs[place])), axis=1)
    return scores


def _floored(probs: Array) -> Array:
    """Probabilities in float64, at least 1e-7 each, rows summing to 1."""
    xp = namespace(probs)
    high = xp.astype(probs, xp.float64)
    high = np.maximum(high, FLOOR) if isinstance(high, np.ndarray) else xp.clip(high, min=FLOOR)
    return high / xp.sum(high, axis=1, keepdims=True)
