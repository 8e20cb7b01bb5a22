"""Whether predictions on the target differ from those on the hold-out by more than noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from claros.arrays import Array, Floats, row_blocks
from claros.checks import whole
from claros.errors import InputError
from claros.rng import generator
from claros.shift.evidence import mean_rows, probabilities

__all__ = ["ShiftTest", "shift_test"]

#: With more rows than this, the limit in distribution is used in place of permutations.
MANY = 4000
#: A covariance is known well enough from so many rows of a sample.
ENOUGH = 16_384


@dataclass(frozen=True)
class ShiftTest:
    """Hotelling's two-sample ``statistic``, and how often noise alone gives one as large: ``p_value`` in (0, 1]."""

    statistic: float
    p_value: float
    n_source: int
    n_target: int


def shift_test(
    source_probs: Array,
    target_probs: Array,
    *,
    permutations: int = 499,
    seed: int | None = None,
    rng: np.random.Generator | None = None,
) -> ShiftTest:
    """Test that the mean predictions on the hold-out and on the target are equal; (n, C), (N, C).

    Under label shift they differ wherever weights do and the confusion matrix is not singular; other shifts can make
    them differ too. The statistic is Hotelling's T² of the difference in means, in the directions in which predictions
    vary at all. Its p-value comes from permuting rows between the samples, which is exact whatever their distribution;
    with more than 4,000 rows, and more than 20 for each class in both, from its chi-squared limit.

    The hold-out must not have trained the model: on training items a model is too sure, and every test sees that. The
    test knows nothing of the size of a shift: a large target makes a small one significant.

    Cost: O((n + N) · C²), and O(permutations · (n + N) · C) where they are few.

    >>> same = np.array([[0.8, 0.2], [0.3, 0.7]] * 20)
    >>> shift_test(same, same).p_value
    1.0
    """
    source, target = probabilities(source_probs, "source_probs"), probabilities(target_probs, "target_probs")
    if source.shape[1] != target.shape[1]:
        raise InputError(f"source_probs has {source.shape[1]} classes and target_probs has {target.shape[1]}.")
    n, m = len(source), len(target)
    means = mean_rows(source), mean_rows(target)
    center = (n * means[0] + m * means[1]) / (n + m)
    spread = (n * _spread(source, center) + m * _spread(target, center)) / (n + m)
    values, vectors = np.linalg.eigh(spread)
    kept = values > 1e-9 * max(float(values[-1]), 1e-12)
    if not kept.any():
        return ShiftTest(0.0, 1.0, n, m)
    whiten = vectors[:, kept] / np.sqrt(values[kept])
    distance = (means[1] - means[0]) @ whiten
    statistic = float(distance @ distance) * n * m / (n + m)
    if n + m > MANY and min(n, m) > 20 * source.shape[1]:
        return ShiftTest(statistic, float(chdtrc(int(kept.sum()), statistic)), n, m)
    times = whole(permutations, 1, "permutations")
    chance = generator(seed, rng, "shift test")
    whitened = np.vstack([(source - center) @ whiten, (target - center) @ whiten])
    as_large = 0
    chunk = max(1, 8_000_000 // (n + m))
    for begin in range(0, times, chunk):
        flags = np.zeros((min(chunk, times - begin), n + m))
        flags[:, n:] = 1.0
        sums = chance.permuted(flags, axis=1) @ whitened
        # the whole sums to 0, so the difference of the means is the target's sum times 1/n + 1/m
        found = (sums**2).sum(axis=1) * (1 / n + 1 / m)
        as_large += int((found >= statistic * (1 - 1e-9) - 1e-12).sum())
    return ShiftTest(statistic, (1 + as_large) / (1 + times), n, m)


def _spread(table: Floats, center: Floats) -> Floats:
    """(C, C) mean of squares and products around the center, from evenly spaced rows where there are many."""
    some = table[:: max(1, len(table) // ENOUGH)]
    total = np.zeros((len(center), len(center)))
    for rows in row_blocks(len(some), 16 * len(center)):
        block = some[rows] - center
        total += block.T @ block
    return total / len(some)
