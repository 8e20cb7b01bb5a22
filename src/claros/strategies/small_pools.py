"""Strategies with a matrix of all pairs, for pools of up to 2,000 candidates."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import factorial

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.errors import InputError
from claros.pick import Picked, first_highest
from claros.strategies.parameters import check_counts, check_positive
from claros.strategy import scorer, strategy

__all__ = ["emoc", "mcpal", "quire"]

#: More candidates than that are refused, unless the caller allows them.
LIMIT = 2000


@strategy(reference="Huang, Jin & Zhou 2014, PAMI 36")
def quire(
    k: int,
    *,
    features: Array,
    labeled_features: Array,
    labels: Indices,
    probs: Array,
    rng: np.random.Generator,
    regularization: float = 1.0,
    width: float = 0.0,
    limit: int = LIMIT,
) -> Picked:
    """Informative and representative candidates: the smallest worst-case loss of a kernel machine over the whole pool.

    For each class against the rest, the smallest objective of regularised least squares over all items, when the
    candidate's label is the worst of two and the other candidates' labels are free; summed over the classes. A pick's
    score is minus that, with the labeled items' part left out. The kernel is exp(-|x - x'|²/width²); 0 takes the root
    mean squared distance of two items. Later picks of a batch take those before as labeled with the predicted class.
    Ties are broken by a permutation drawn from ``rng``.

    Cost: O((N + L)³ + k·N·(N + L)·C) time, O((N + L)²) memory. Above ``limit`` candidates it is an error: use
    `prefilter`, or `uherding` in its place.

    Use it for small tabular pools and as a reference of older comparisons; not where a margin is at hand: `uherding`
    joins both aims for a millionth of the price.
    """
    check_positive("quire", regularization=regularization, limit=limit)
    n, order = _small("quire", features, limit, rng)
    rows = np.concatenate([to_numpy(features), to_numpy(labeled_features)]).astype(np.float64)
    inverse = np.linalg.inv(_kernel(rows, rows, _width(rows, width)) + regularization * np.eye(len(rows)))
    predicted = np.argmax(to_numpy(probs), axis=1)
    classes = int(probs.shape[1])
    signs = np.where(np.concatenate([predicted, labels])[:, None] == np.arange(classes)[None, :], 1.0, -1.0)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    free, known = np.arange(n), np.arange(n, len(rows))
    for turn in range(k):
        values = -_worst_losses(inverse, free, known, signs)
        best = first_highest(values, order[free], tie=1e-9, least=1.0)
        picks[turn], scores[turn] = free[best], values[best]
        known = np.append(known, free[best])
        free = np.delete(free, best)
    return Picked(picks, scores)


def _worst_losses(inverse: Floats, free: Indices, known: Indices, signs: Floats) -> Floats:
    """For each free candidate s: the loss of its worst sign, with the other free ones chosen to make it least; (n,).

    With M the inverse of (K + λI), the loss is y'My. Minimised over the free signs (relaxed), the quadratic form of the
    rest is M_ss - m'M_uu⁻¹m and so on; the inverse of M without s comes from the one with it by a rank-one step.
    """
    covariance = np.linalg.inv(inverse[np.ix_(free, free)])
    pull = inverse[np.ix_(free, known)] @ signs[known]  # (n, C): M_ul y_l
    answer = covariance @ pull
    diagonal = np.diag(covariance)
    # Over the free ones without s: M_ss - m_s'(M_uu)⁻¹m_s = 1 / covariance_ss; the cross term likewise.
    own = 1.0 / diagonal
    cross = answer / diagonal[:, None]
    rest = -np.sum(pull * answer, axis=0)[None, :] + answer**2 / diagonal[:, None]
    losses: Floats = np.sum(own[:, None] + 2.0 * np.abs(cross) + rest, axis=1)
    return losses


@scorer(reference="Kottke, Krempl, Lang, Teschner & Spiliopoulou 2016, ECAI")
def mcpal(
    *,
    features: Array,
    labeled_features: Array,
    labels: Indices,
    probs: Array,
    width: float = 0.0,
    labels_ahead: int = 2,
    limit: int = LIMIT,
) -> Floats:
    """Density times the expected gain in accuracy of some labels around the candidate: probabilistic active learning.

    Around a candidate each class has a kernel frequency, the sum of exp(-|x - x'|²/2·width²) over its labeled items;
    the true shares there have the posterior Dirichlet(1 + frequencies). The gain is the expected rise in accuracy of
    the most frequent class, for up to ``labels_ahead`` labels more, divided by their number, the best number taken. It
    is multiplied with the mean kernel over the pool. ``width=0`` takes half the root mean squared distance of two
    items. ``probs`` only say how many classes there are. At least 0.

    Cost: O(N·(N + L)·D + N·C^labels_ahead) time, O(N·(C + D)) memory. Above ``limit`` candidates it is an error.

    Use it for small pools of few features, where a kernel density means something; not in high dimensions.
    """
    check_counts("mcpal", labels_ahead=labels_ahead, limit=limit)
    n, _ = _small("mcpal", features, limit, None)
    rows, known = to_numpy(features).astype(np.float64), to_numpy(labeled_features).astype(np.float64)
    size = (_width(np.concatenate([rows, known]), 0.0) / 2.0 if width == 0.0 else width) * np.sqrt(2.0)
    classes = int(probs.shape[1])
    frequencies = np.zeros((n, classes))
    for code in np.unique(labels):
        frequencies[:, code % classes] += _kernel(rows, known[labels == code], size).sum(axis=1)
    density = np.array([_kernel(rows[i : i + 1], rows, size).mean() for i in range(n)])
    return np.asarray(density * expected_gain(frequencies, labels_ahead))


def expected_gain(frequencies: Floats, labels_ahead: int) -> Floats:
    """The best mean gain in accuracy a label, of up to so many labels; frequencies (N, C) -> (N,), at least 0.

    Under Dirichlet(α), α = 1 + frequencies, of A in all, m labels with counts l come with the chance
    m!/Πl! · Π(α)_l / (A)_m, and then class d has the expected share (α_d + l_d)/(A + m).
    """
    alpha = 1.0 + frequencies
    total = alpha.sum(axis=1)
    classes = frequencies.shape[1]
    at = np.arange(len(alpha))
    before = alpha[at, np.argmax(frequencies, axis=1)] / total
    best = np.zeros(len(alpha))
    for ahead in range(1, labels_ahead + 1):
        after = np.zeros(len(alpha))
        for combination in combinations_with_replacement(range(classes), ahead):
            counts = np.bincount(combination, minlength=classes)
            chance = np.full(len(alpha), float(factorial(ahead)))
            for code in np.flatnonzero(counts):
                for step in range(counts[code]):
                    chance *= (alpha[:, code] + step) / (step + 1)
            for step in range(ahead):
                chance /= total + step
            decided = np.argmax(frequencies + counts, axis=1)
            after += chance * (alpha[at, decided] + counts[decided]) / (total + ahead)
        np.maximum(best, (after - before) / ahead, out=best)
    best[best < 1e-12] = 0.0
    return best


@scorer(reference="Freytag, Rodner & Denzler 2014, ECCV")
def emoc(
    *,
    features: Array,
    labeled_features: Array,
    labels: Indices,
    probs: Array,
    width: float = 0.0,
    noise: float = 0.1,
    limit: int = LIMIT,
) -> Floats:
    """Expected change of a Gaussian process's outputs over the pool, once the candidate has its label; at least 0.

    One regression a class on labels of ±1, with the kernel exp(-|x - x'|²/width²) and ``noise`` the variance of a
    label. A new label moves the output at x' by cov(x, x')/(var(x) + noise) times the error; the score is the mean of
    that over the candidates, times the mean error over the classes, the label being ±1 with the chances of ``probs``.
    ``width=0`` takes the root mean squared distance of two items.

    Cost: O(N·(N + L)·(D + L)) time, O(N·(C + L)) memory. Above ``limit`` candidates it is an error.

    Use it for small pools with few labels; not on features whose distances mean little.
    """
    check_positive("emoc", noise=noise, limit=limit)
    n, _ = _small("emoc", features, limit, None)
    rows, known = to_numpy(features).astype(np.float64), to_numpy(labeled_features).astype(np.float64)
    size = _width(np.concatenate([rows, known]), width)
    chances = to_numpy(probs).astype(np.float64)
    signs = np.where(labels[:, None] == np.arange(chances.shape[1])[None, :], 1.0, -1.0)
    if len(known):
        factor = cho_factor(_kernel(known, known, size) + noise * np.eye(len(known)))
        across = _kernel(rows, known, size)
        solved = cho_solve(factor, across.T)  # (L, N)
        outputs = solved.T @ signs
    else:
        across, solved, outputs = np.zeros((n, 0)), np.zeros((0, n)), np.zeros_like(chances)
    errors = np.mean(chances * np.abs(1.0 - outputs) + (1.0 - chances) * np.abs(1.0 + outputs), axis=1)
    moves = np.empty(n)
    for start in range(0, n, 256):
        block = slice(start, start + 256)
        covariance = _kernel(rows[block], rows, size) - across[block] @ solved
        variance = 1.0 - np.sum(across[block] * solved[:, block].T, axis=1)
        moves[block] = np.mean(np.abs(covariance), axis=1) / (np.maximum(variance, 0.0) + noise)
    return np.asarray(moves * errors)


def _small(who: str, features: Array, limit: int, rng: np.random.Generator | None) -> tuple[int, Indices]:
    n = int(features.shape[0])
    if n > limit:
        raise InputError(
            f"{who} works on all pairs of candidates, and takes at most {limit}; got {n}. Filter the pool first, as in "
            f"prefilter(margin, {who}) or subsample({who}, size={limit}), or raise limit."
        )
    return n, np.arange(n) if rng is None else rng.permutation(n)


def _kernel(left: Floats, right: Floats, width: float) -> Floats:
    squares = np.sum(left**2, axis=1)[:, None] + np.sum(right**2, axis=1)[None, :] - 2.0 * left @ right.T
    kernel: Floats = np.exp(-np.maximum(squares, 0.0) / width**2)
    return kernel


def _width(rows: Floats, width: float) -> float:
    """The width, or where it is 0 the root of the mean squared distance of two items."""
    if width > 0.0:
        return width
    found = float(np.sqrt(2.0 * np.sum(np.var(rows, axis=0)))) if len(rows) else 0.0
    return found if found > 0.0 else 1.0
