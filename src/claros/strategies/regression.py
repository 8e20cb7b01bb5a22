"""Strategies for regression: far from what is labeled by features, by predictions, or by both; expected change."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, to_numpy
from claros.pick import Picked, farthest_first, first_highest
from claros.strategies.parameters import given, given_floats
from claros.strategy import scorer, strategy

__all__ = ["emcm", "greedy_both", "greedy_features", "greedy_values", "value_variance"]


@strategy(reference="Yu & Kim 2010, ICDM; Wu, Lin & Huang 2019, Information Sciences", optional=("labeled_features",))
def greedy_features(
    k: int, *, features: Array, rng: np.random.Generator, labeled_features: Array | None = None
) -> Picked:
    """Again and again the candidate farthest from all that is labeled or picked, by features (GSx).

    A pick's score is its Euclidean distance to the nearest of them; where nothing is labeled, the first pick is the
    candidate nearest to the mean, with score 0. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(N·(L + k)·D) time, O(N·D) memory.

    Use it for the first labels of a regression; not later: `greedy_both` also looks at what is predicted.
    """
    return _farthest(k, features, labeled_features, rng)


@strategy(reference="Wu, Lin & Huang 2019, Information Sciences, arXiv:1808.04245")
def greedy_values(k: int, *, predicted_values: Array, labeled_values: Array, rng: np.random.Generator) -> Picked:
    """Again and again the candidate whose predicted value is farthest from all labeled or picked ones (GSy).

    A pick counts with its prediction. A pick's score is that distance; where nothing is labeled, the first pick is the
    candidate nearest to the mean prediction, with score 0. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(N·(L + k)) time, O(N) memory.

    Use it where the range of the output must be covered; not with a model that predicts nearly the same for all.
    """
    return _farthest(k, _table(predicted_values), _table(labeled_values), rng)


@strategy(reference="Wu, Lin & Huang 2019, Information Sciences, arXiv:1808.04245")
def greedy_both(
    k: int,
    *,
    features: Array,
    labeled_features: Array,
    predicted_values: Array,
    labeled_values: Array,
    rng: np.random.Generator,
) -> Picked:
    """Again and again the largest product of distance in features and in value to one labeled or picked item (iGS).

    For each candidate the smallest product over all labeled or picked items, where a pick counts with its prediction;
    the candidate with the largest one is picked, and that is its score. Where nothing is labeled, the first pick is the
    candidate nearest to the mean features, with score 0. Ties are broken by a permutation drawn from ``rng``.

    Cost: O(N·(L + k)·D) time, O(N·D) memory.

    Use it for regression throughout, once there is a model; not with outliers in the features, which it asks first.
    """
    rows, values = to_numpy(features).astype(np.float64), _table(predicted_values)
    n = len(rows)
    order, nearest, free = rng.permutation(n), np.full(n, np.inf), np.ones(n, dtype=bool)

    def approach(row: Floats, value: Floats) -> None:
        product = np.linalg.norm(rows - row, axis=1) * np.linalg.norm(values - value, axis=1)
        np.minimum(nearest, product, out=nearest)

    for row, value in zip(given_floats(labeled_features, rows.shape[1]), _table(labeled_values), strict=True):
        approach(row, value)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        cold = np.isinf(nearest[0])
        gains = -np.linalg.norm(rows - rows.mean(axis=0), axis=1) if cold else np.where(free, nearest, -np.inf)
        pick = first_highest(gains, order)
        picks[turn], scores[turn], free[pick] = pick, 0.0 if cold else nearest[pick], False
        approach(rows[pick], values[pick])
    return Picked(picks, scores)


@scorer(reference="Cai, Zhang & Zhou 2013, ICDM", rowwise=True)
def emcm(*, member_values: Array, predicted_values: Array, embeddings: Array) -> Floats:
    """Expected length of the step that the label would cause in a linear model: mean |f_s(x) - f(x)| times |x|.

    The members' predictions stand for what the label may be; the step of the squared loss by the last layer's weights
    is the error times the embedding. At least 0.

    Cost: O(N·(S + D)) time, O(N) memory.

    Use it for regression with a committee or an ensemble over a linear last layer; not for large batches, whose picks
    are alike: draw them by stochastic(emcm).
    """
    predictions = to_numpy(predicted_values).astype(np.float64)
    spread = np.mean(np.abs(to_numpy(member_values).astype(np.float64) - predictions[:, None]), axis=1)
    lengths: Floats = np.linalg.norm(to_numpy(embeddings).astype(np.float64), axis=1)
    return np.asarray(spread * lengths)


@scorer(reference="Burbidge, Rowland & King 2007, IDEAL", rowwise=True)
def value_variance(*, member_values: Array) -> Floats:
    """Variance of the members' predicted values: query by committee for regression; at least 0.

    Cost: O(N·S) time, O(N) memory.

    Use it as the plain uncertainty of a regression; not where noise differs over the inputs, which it cannot tell from
    what is unknown.
    """
    values: Floats = np.var(to_numpy(member_values).astype(np.float64), axis=1)
    return values


def _table(values: Array) -> Floats:
    wide = to_numpy(values).astype(np.float64)
    return wide[:, None] if wide.ndim == 1 else wide


def _farthest(k: int, points: Array, labeled: Array | None, rng: np.random.Generator) -> Picked:
    """Farthest first; a first pick that is far from nothing scores 0."""
    known = given(labeled)
    picked = farthest_first(points, k, rng.permutation(int(points.shape[0])), labeled=known)
    if known is None:
        picked.scores[:1] = 0.0
    return picked
