"""Strategies that ask what can be told apart from the labeled items."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from claros.arrays import Array, Floats, to_numpy
from claros.measures.logistic import fit_logistic
from claros.measures.pairs import Mask
from claros.pick import Picked, first_of
from claros.strategies.parameters import check_counts, check_positive, given_floats
from claros.strategy import strategy

__all__ = ["discriminative"]


@strategy(reference="Gissin & Shalev-Shwartz 2019, arXiv:1907.06347", optional=("labeled_features",))
def discriminative(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    sub_batches: int = 10,
    ridge: float = 1.0,
) -> Picked:
    """What a classifier is surest is not labeled, in parts, each of which then counts as labeled.

    A logistic regression on the features, scaled to mean 0 and mean square 1, tells the labeled items (and what is
    picked already) from the rest, both sides weighing the same; the batch is made of ``sub_batches`` parts, between
    which it is fitted again. A pick's score is its probability of being unlabeled, in (0, 1). Where nothing is labeled,
    the first part is the one candidate nearest to the mean, with score 1/2. The batch is made for its k. Ties are
    broken by a permutation drawn from ``rng``.

    Departures: a linear classifier on fixed features and all candidates, where the authors train a network on a sample
    of ten times as many candidates as are labeled.

    Cost: O(sub_batches·(N + L)·D) time an iteration of the fits, O((N + L)·D) memory.

    Use it to make the labeled items look like the pool, at any budget and for any kind of task; not where
    `max_herding` or `k_center` are affordable, which do the same more directly.
    """
    check_counts("discriminative", sub_batches=sub_batches)
    check_positive("discriminative", ridge=ridge)
    rows = to_numpy(features).astype(np.float64)
    everything = np.concatenate([rows, given_floats(labeled_features, rows.shape[1])])
    everything = everything - everything.mean(axis=0)
    size = float(np.sqrt(np.mean(everything**2)))
    everything = everything / size if size > 0.0 else everything
    n, order = len(rows), rng.permutation(len(rows))
    labeled = np.arange(len(everything)) >= n
    picks: list[int] = []
    scores: list[float] = []
    for part in np.array_split(np.arange(k), min(k, sub_batches)):
        if not labeled.any():
            squares = np.sum(everything[:n] ** 2, axis=1)
            first = first_of(np.flatnonzero(squares <= squares.min() + 1e-12), order)
            picks, scores, labeled[first] = [first], [0.5], True
        chance = _unlabeled(everything, labeled, ridge)[:n]
        free = np.flatnonzero(~labeled[:n])
        wanted = int(part[-1]) + 1 - len(picks)
        best = free[np.lexsort((order[free], -chance[free].round(9)))][:wanted]
        picks.extend(best.tolist())
        scores.extend(chance[best].tolist())
        labeled[best] = True
    return Picked(np.array(picks, dtype=np.int64), np.array(scores))


def _unlabeled(rows: Floats, labeled: Mask, ridge: float) -> Floats:
    """Probability of every row of being unlabeled, (n,); 1/2 for all where one side is empty."""
    counts = np.bincount(labeled, minlength=2)
    if not counts.all():
        return np.full(len(rows), 0.5)
    weights = (len(rows) / (2.0 * counts))[labeled.astype(np.int64)]
    table, bias = fit_logistic(rows, labeled.astype(np.int64), 2, weights=weights, ridge=ridge)
    chances: Floats = expit(rows @ (table[0] - table[1]) + bias[0] - bias[1])
    return chances
