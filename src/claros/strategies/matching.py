"""Strategies that choose items whose training steps help: on labeled items, or as the whole pool's would."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls
from scipy.special import softmax

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.pick import Picked, eager_greedy, first_highest
from claros.strategies.parameters import check_positive
from claros.strategy import strategy

__all__ = ["acs_fw", "glister", "grad_match"]

#: The least probability whose logarithm is taken.
FLOOR = 1e-6

#: What is left of a sum counts as nothing below this share of it.
ENOUGH = 1e-6


@strategy(reference="Killamsetty, Sivasubramanian, Ramakrishnan & Iyer 2021, AAAI, arXiv:2012.10630")
def glister(
    k: int,
    *,
    probs: Array,
    embeddings: Array,
    labeled_embeddings: Array,
    labels: Indices,
    head_weights: Array,
    head_bias: Array,
    rng: np.random.Generator,
    step: float = 0.05,
) -> Picked:
    """Again and again the candidate whose training step, with the predicted label, lowers the labeled items' loss most.

    The gradient of the cross-entropy by the last layer's weights is (p - e_c) ⊗ h; a pick's score is the inner product
    of its gradient with that of the mean loss of the labeled items, positive where a step on it helps. After each pick
    the last layer takes a step of length ``step`` on it, and the labeled items' gradient is found anew. Where nothing
    is labeled all scores are 0. Ties are broken by a permutation drawn from ``rng``.

    Departures: the last layer alone; the labeled items are the validation set, as in the authors' active learning.

    Cost: O(k·(N + L)·C·D) time, O(N·(C + D)) memory.

    Use it where labels are noisy or the pool holds foreign items, on which a step harms; not to explore: what agrees
    with the labeled items is what they taught already.
    """
    check_positive("glister", step=step)
    order = rng.permutation(int(probs.shape[0]))
    rows, errors = _pool(probs, embeddings)
    known = to_numpy(labeled_embeddings).astype(np.float64)
    weights, bias = to_numpy(head_weights).astype(np.float64), to_numpy(head_bias).astype(np.float64)

    def gains(_: int) -> Floats:
        return _products(errors, rows, _mean_gradient(known, labels, weights, bias))

    def add(pick: int) -> None:
        np.subtract(weights, step * np.outer(errors[pick], rows[pick]), out=weights)

    return eager_greedy(k, gains, add, order)


@strategy(reference="Killamsetty et al. 2021, ICML, arXiv:2103.00123")
def grad_match(
    k: int, *, probs: Array, embeddings: Array, rng: np.random.Generator, regularization: float = 0.5
) -> Picked:
    """The batch whose weighted training steps add up to the step on the whole pool, by orthogonal matching pursuit.

    Gradients are those of the last layer's weights with the predicted labels, (p - e_c) ⊗ h. Each pick has the largest
    inner product with what is left of the pool's mean gradient; that product is its score. Then non-negative weights of
    all picks are fitted anew, with ``regularization`` times their square added. Ties are broken by a permutation drawn
    from ``rng``; where nothing is left to match, the picks that follow have scores of 0 and less.

    Departures: the last layer alone, and the weights are used to choose, not for training.

    Cost: O(k·N·C·D + k⁴) time at most, O(N·(C + D)) memory.

    Use it for a batch that trains as the pool would; not as a measure of doubt: a sure item has no gradient here, but
    two unsure ones that pull against each other cancel, and neither is asked.
    """
    check_positive("grad_match", regularization=regularization)
    order = rng.permutation(int(probs.shape[0]))
    rows, errors = _pool(probs, embeddings)
    goal = errors.T @ rows / len(rows)
    left, some = goal.copy(), list[int]()

    def add(pick: int) -> None:
        some.append(pick)
        gram = (errors[some] @ errors[some].T) * (rows[some] @ rows[some].T)
        weights = _weights(gram, _products(errors[some], rows[some], goal), regularization)
        np.subtract(goal, (errors[some] * weights[:, None]).T @ rows[some], out=left)

    return eager_greedy(k, lambda _: _products(errors, rows, left), add, order)


@strategy(reference="Pinsler, Gordon, Nalisnick & Hernández-Lobato 2019, arXiv:1908.02144")
def acs_fw(k: int, *, member_probs: Array, rng: np.random.Generator) -> Picked:
    """The batch whose weighted expected log-likelihood is nearest to the pool's: an active Bayesian coreset.

    An item is a vector over the members, Σ_c p̄(c) log p_s(c), moved to mean 0 over the members; Frank-Wolfe steps
    find the sparse non-negative combination of items nearest to the sum of all. Each step takes the item best aligned
    with what is left, and that cosine is its score; items taken before only change weights. Once the sum is reached,
    to a millionth, the rest that is best aligned with it follows. Ties are broken by a permutation drawn from ``rng``.

    Departures: the members are the projection, where the authors draw from a posterior of their own; probabilities
    below 1e-6 count as that.

    Cost: O(k·N·S) time, O(N·S) memory.

    Use it for batches of tens with tens of members; not with few members: S of them leave room for S - 1 directions,
    and what follows is a list by likeness.
    """
    order = rng.permutation(int(member_probs.shape[0]))
    vectors = _log_likelihoods(member_probs)
    lengths = np.linalg.norm(vectors, axis=1)
    units = np.divide(vectors, lengths[:, None], out=np.zeros_like(vectors), where=lengths[:, None] > 1e-12)
    total, goal = float(lengths.sum()), vectors.sum(axis=0)
    reached, free = np.zeros(vectors.shape[1]), np.ones(len(vectors), dtype=bool)
    picks, scores = [], []
    for _ in range(20 * k):
        left = goal - reached
        size = float(np.linalg.norm(left))
        gains = units @ (left / size) if size > ENOUGH * total else np.zeros(len(units))
        best = first_highest(gains, order)
        if free[best] and size > ENOUGH * total:
            picks.append(best)
            scores.append(float(gains[best]))
            free[best] = False
        if len(picks) == k or size <= ENOUGH * total:
            break
        corner = total * units[best]
        way = corner - reached
        squared = float(way @ way)
        share = min(1.0, max(0.0, float(way @ left) / squared)) if squared > 0.0 else 0.0
        if share <= 0.0:
            break
        reached = reached + share * way
    rest = np.flatnonzero(free)
    likeness = (units[rest] @ (goal / max(float(np.linalg.norm(goal)), 1e-300))).round(9)
    rest, likeness = (part[np.lexsort((order[rest], -likeness))][: k - len(picks)] for part in (rest, likeness))
    return Picked(np.array([*picks, *rest], dtype=np.int64), np.array([*scores, *likeness]))


def _pool(probs: Array, embeddings: Array) -> tuple[Floats, Floats]:
    """Embeddings and p - e of the predicted class, in float64; of tied classes the first."""
    errors = to_numpy(probs).astype(np.float64)
    errors[np.arange(len(errors)), np.argmax(errors, axis=1)] -= 1.0
    return to_numpy(embeddings).astype(np.float64), errors


def _products(errors: Floats, rows: Floats, gradient: Floats) -> Floats:
    """Inner product of each item's gradient with one of the weights, (C, D); (N,)."""
    found: Floats = np.sum(errors * (rows @ gradient.T), axis=1)
    return found


def _mean_gradient(rows: Floats, labels: Indices, weights: Floats, bias: Floats) -> Floats:
    """Gradient (C, D) of the mean cross-entropy of some items by the last layer's weights; 0 where there are none."""
    if not len(rows):
        return np.zeros_like(weights)
    errors = softmax(rows @ weights.T + bias, axis=1)
    inside = labels < len(weights)
    errors[np.flatnonzero(inside), labels[inside]] -= 1.0
    gradient: Floats = errors[inside].T @ rows[inside] / len(rows)
    return gradient


def _weights(gram: Floats, wanted: Floats, regularization: float) -> Floats:
    """Non-negative w that minimise w'Gw - 2w'b + regularization · |w|²."""
    scale = float(np.max(np.diag(gram), initial=0.0)) or 1.0
    lower = np.linalg.cholesky(gram / scale + (regularization + 1e-9) * np.eye(len(gram)))
    found: Floats = nnls(lower.T, np.linalg.solve(lower, wanted / scale))[0]
    return found


def _log_likelihoods(member_probs: Array) -> Floats:
    """Σ_c p̄(c) log p_s(c) less its mean over the members; (N, S, C) -> (N, S)."""
    found = np.empty((int(member_probs.shape[0]), int(member_probs.shape[1])))
    for start in range(0, len(found), 1024):
        block = to_numpy(member_probs[start : start + 1024]).astype(np.float64)
        mean = block.mean(axis=1, keepdims=True)
        found[start : start + 1024] = np.sum(mean * np.log(np.maximum(block, FLOOR)), axis=2)
    centred: Floats = found - found.mean(axis=1, keepdims=True)
    return centred
