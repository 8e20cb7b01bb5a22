"""How many items nobody has captured, from how often the others were: lower bounds of Chao and of Rivest."""

from __future__ import annotations

import math

import numpy as np

from claros.arrays import Floats

__all__ = ["chao", "rivest_baillargeon"]

#: Logarithms of expected counts and their slopes stay within this.
BOUND = 50.0
TOLERANCE, ITERATIONS = 1e-7, 100


def chao(counts: Floats) -> tuple[float, float]:
    """Chao's lower bound on the number never captured, and the variance of its logarithm.

    ``counts`` (S,) are how many items were captured once, twice, ... S times: f_1, f_2, ... The bound is f_1² / (2
    f_2), or f_1 (f_1 - 1) / 2 where f_2 is 0 (its bias-corrected form); the variances are those of Chao 1987.

    >>> [round(value, 4) for value in chao(np.array([20.0, 10.0, 5.0]))]  # 400 / 20; 1 / 20 + 4 / 20 + 1 / 10
    [20.0, 0.35]
    """
    once, twice = float(counts[0]), float(counts[1])
    if twice > 0:
        unseen = once**2 / (2 * twice)
        return unseen, 1 / unseen + 4 / once + 1 / twice if unseen else 0.0
    unseen = once * (once - 1) / 2
    if not unseen:
        return 0.0, 0.0
    total = float(counts.sum()) + unseen
    variance = unseen + once * (2 * once - 1) ** 2 / 4 - once**4 / (4 * total)
    return unseen, max(variance, 0.0) / unseen**2


def rivest_baillargeon(counts: Floats) -> tuple[float, float]:
    """The lower bound of Rivest and Baillargeon on the number never captured, and the variance of its logarithm.

    The counts are independent Poisson numbers with log(k! mean_k) convex in k, as for any mixture of chances to be
    captured; the likeliest such means are continued in a straight line from 1 and 2 to 0. Where the counts themselves
    are convex it is Chao's f_1² / (2 f_2), and where f_2 is 0, so that nothing bounds it, Chao's other form. Bends are
    let in one at a time, the one that helps most first, and taken out where they turn concave. O(S⁴).
    """
    if counts[1] == 0:
        return chao(counts)
    k = np.arange(1, counts.size + 1)
    bends = [np.maximum(k - knot, 0) for knot in range(2, counts.size)]
    columns = np.column_stack([np.ones(k.size), k, *bends]).astype(np.float64)
    offset = -np.array([math.lgamma(times + 1) for times in k])
    free = [0, 1]
    weights = _likeliest(columns[:, free], offset, counts, np.array([math.log(max(1.0, counts.mean())), 0.0]))
    for _ in range(4 * counts.size):
        means = np.exp(columns[:, free] @ weights + offset)
        pull = columns.T @ (counts - means)
        pull[free] = 0.0
        if pull.max() <= TOLERANCE * max(1.0, counts.sum()):
            break
        free, weights = [*free, int(pull.argmax())], np.append(weights, 0.0)
        free, weights = _without_concave(columns, offset, counts, free, weights)
    information = columns[:, free].T @ (columns[:, free] * np.exp(columns[:, free] @ weights + offset)[:, None])
    unseen = math.exp(weights[0])
    return unseen, float(np.linalg.pinv(information)[0, 0]) + 1 / unseen


def _without_concave(
    columns: Floats, offset: Floats, counts: Floats, free: list[int], weights: Floats
) -> tuple[list[int], Floats]:
    """The likeliest weights of the free columns, on the way to which bends that reach 0 are taken out."""
    while True:
        wanted = _likeliest(columns[:, free], offset, counts, weights)
        concave = np.flatnonzero(wanted[2:] < 0) + 2
        if not concave.size:
            return free, wanted
        steps = weights[concave] / (weights[concave] - wanted[concave])
        weights = weights + steps.min() * (wanted - weights)
        gone = int(concave[steps.argmin()])
        free, weights = [*free[:gone], *free[gone + 1 :]], np.delete(weights, gone)


def _likeliest(columns: Floats, offset: Floats, counts: Floats, weights: Floats) -> Floats:
    """Weights of the log-linear Poisson model with the largest likelihood, by Newton's method with halved steps."""

    def badness(at: Floats) -> float:
        logs = np.clip(columns @ at, -BOUND, BOUND) + offset
        return float((np.exp(logs) - counts * logs).sum())

    now = badness(weights)
    for _ in range(ITERATIONS):
        means = np.exp(np.clip(columns @ weights, -BOUND, BOUND) + offset)
        information = columns.T @ (columns * means[:, None]) + 1e-12 * np.eye(weights.size)
        step = np.linalg.lstsq(information, columns.T @ (counts - means), rcond=None)[0]
        halvings = 0
        while (new := badness(weights + step)) > now and halvings < 30:
            step, halvings = step / 2, halvings + 1
        if now - new <= TOLERANCE**2 * max(1.0, abs(now)):
            break
        weights, now = weights + step, new
    return weights
