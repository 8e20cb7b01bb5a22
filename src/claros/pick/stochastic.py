"""Batches drawn by their scores, so that a large batch is not the same question many times over."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Floats, Indices
from claros.errors import InputError
from claros.pick.picked import Picked
from claros.pick.ranking import in_order

__all__ = ["gumbel_top_k"]


def gumbel_top_k(
    scores: Floats,
    k: int,
    rng: np.random.Generator,
    order: Indices,
    *,
    kind: Literal["power", "softmax", "rank"] = "power",
    beta: float = 1.0,
) -> Picked:
    """Draw k of (N,) scored items one after the other without replacement, higher scores more likely.

    An item's weight is score^beta (``power``: scores must not be negative), exp(beta·score) (``softmax``) or its rank
    to the power of -beta (``rank``; of tied items the first in ``order``, a permutation of N, ranks higher). Each draw
    is in proportion to the weights of what is left: the k largest of log weight + Gumbel noise have that law. A pick's
    score is the score it had, its probability the chance of its draw. Weight 0 is drawn last, in ``order``, which is
    uniform over the rest. Draws N numbers from ``rng``. O(N + k log k) time, O(N) memory.
    """
    weights = _log_weights(np.asarray(scores, dtype=np.float64), order, kind, beta)
    n = len(weights)
    keys = weights + rng.gumbel(size=n)
    likely = np.flatnonzero(weights > -np.inf)
    if k < len(likely):
        likely = likely[np.argpartition(-keys[likely], k)[:k]]
    drawn = likely[np.lexsort((order[likely], -keys[likely]))]
    rest = np.flatnonzero(weights == -np.inf)
    rest = in_order(rest, order)[: max(0, k - len(drawn))]
    left = np.arange(n - len(drawn), n - len(drawn) - len(rest), -1)
    chances = np.concatenate([_chances(weights, drawn), 1.0 / left])
    indices = np.concatenate([drawn, rest]).astype(np.int64)
    return Picked(indices, np.asarray(scores)[indices].astype(np.float64), chances)


def _log_weights(scores: Floats, order: Indices, kind: str, beta: float) -> Floats:
    if kind == "softmax":
        return beta * scores
    if kind == "rank":
        ranks = np.empty(len(scores))
        ranks[np.lexsort((order, -scores))] = np.arange(1, len(scores) + 1)
        return -beta * np.log(ranks)
    if scores.size and scores.min() < 0.0:
        bad = np.flatnonzero(scores < 0.0)
        raise InputError(
            f"power draws need scores that are not negative; got {bad.size} negative one(s), the first at index "
            f"{bad[0]}. Draw by rank or by softmax."
        )
    logs = np.full(len(scores), -np.inf)
    np.log(scores, out=logs, where=scores > 0.0)
    return beta * logs


def _chances(weights: Floats, drawn: Indices) -> Floats:
    """Each pick's weight over the weight of all that was left when it was drawn; in (0, 1]."""
    if not len(drawn):
        return np.empty(0)
    rest = weights.copy()
    rest[drawn] = -np.inf
    # from the last draw back: what was left then and what was drawn since
    left = np.logaddexp.accumulate(np.concatenate([[_log_sum(rest)], weights[drawn][::-1]]))[1:][::-1]
    return np.clip(np.exp(weights[drawn] - left), np.finfo(np.float64).tiny, 1.0)


def _log_sum(weights: Floats) -> float:
    largest = float(weights.max())
    return largest if largest == -np.inf else largest + float(np.log(np.sum(np.exp(weights - largest))))
