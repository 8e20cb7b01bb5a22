"""What LAL-RL sees: the state of the learning, and of each candidate its ranks, which mean the same on any data."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, row_blocks, take, to_numpy
from claros.measures import predictive
from claros.measures.geometry import mean_point
from claros.measures.nearest import nearest_distance
from claros.measures.neighbours import nearest_neighbours

__all__ = ["ACTION", "STATE", "action_features", "ranks", "state_features"]

#: Quantiles of each sorted score in the state.
QUANTILES = 30
#: Labels a class at which the state says that there are many.
MANY = 20.0
#: Length of the state: two sorted scores, and how many labels there are.
STATE = 2 * QUANTILES + 1
#: What is known of a candidate, each as its rank among the candidates.
RANKED = (
    "least_confidence",
    "margin",
    "entropy",
    "distance_to_candidates",
    "distance_to_labeled",
    "nearest_labeled",
    "sparsity",
)
ACTION = len(RANKED)
#: Neighbours over which a candidate's sparsity is averaged, and how many candidates they are looked for among.
NEIGHBOURS, AMONG = 10, 1000


def state_features(probs: Array, n_labeled: int) -> Floats:
    """(61,) in [0, 1]: quantiles of the highest probability and of its lead over the second, and how many labels.

    The number of labels is that for each class, over 20, at most 1. The same for a pool of any size, any number of
    classes, and any order of the candidates.
    """
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    sure = 1.0 - to_numpy(predictive.least_confidence(probs)).astype(np.float64)
    lead = 1.0 - to_numpy(predictive.margin(probs)).astype(np.float64)
    known = min(1.0, n_labeled / (MANY * int(probs.shape[1])))
    return np.concatenate([np.quantile(sure, at), np.quantile(lead, at), [known]])


def action_features(probs: Array, embeddings: Array, labeled: Array, rng: np.random.Generator) -> Floats:
    """(N, 7) ranks of the candidates in (0, 1), by doubt and by place; 1/2 where all are alike.

    In the order of `RANKED`: three scores of doubt; the root mean squared distance to all candidates and to all that is
    labeled; the distance to the nearest labeled item; and the root mean squared distance to the ten nearest candidates,
    looked for among at most 1,000 drawn at random.
    """
    n, known = int(embeddings.shape[0]), int(labeled.shape[0])
    away = np.zeros(n)
    columns = [
        to_numpy(predictive.least_confidence(probs)),
        to_numpy(predictive.margin(probs)),
        to_numpy(predictive.entropy(probs)),
        _squares_to(embeddings, mean_point(embeddings)),
        _squares_to(embeddings, mean_point(labeled)) if known else away,
        nearest_distance(embeddings, labeled) if known else away,
        _sparsity(embeddings, rng),
    ]
    return np.stack([ranks(np.asarray(column, dtype=np.float64)) for column in columns], axis=1)


def ranks(values: Floats) -> Floats:
    """(N,) ranks in (0, 1), the mean rank where values agree to six digits of the largest.

    >>> ranks(np.array([5.0, 1.0, 1.0, 9.0])).tolist()
    [0.625, 0.25, 0.25, 0.875]
    """
    largest = np.abs(values).max(initial=0.0)
    rounded = np.round(values / largest, 6) if largest > 0 else values
    _, which, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return np.asarray(((below + counts / 2.0) / len(values))[which])


def _squares_to(points: Array, centre: Floats) -> Floats:
    """(N,) squared distances to a point, which rank as the mean squared distances to the points that it is mean of."""
    found = np.empty(int(points.shape[0]))
    for rows in row_blocks(len(found), 16 * int(points.shape[1])):
        differences = to_numpy(points[rows]).astype(np.float64) - centre
        found[rows] = np.einsum("ij,ij->i", differences, differences)
    return found


def _sparsity(points: Array, rng: np.random.Generator) -> Floats:
    """(N,) mean squared distance to the nearest neighbours; 0 for a point that has none."""
    n = int(points.shape[0])
    drawn = np.sort(rng.permutation(n)[:AMONG])
    found = nearest_neighbours(points, NEIGHBOURS + 1, among=take(points, drawn)).squares
    itself = np.zeros(n, dtype=bool)
    itself[drawn] = True
    without = np.where(itself[:, None], found[:, 1:], found[:, : found.shape[1] - 1])
    return np.asarray(without.mean(axis=1)) if without.shape[1] else np.zeros(n)
