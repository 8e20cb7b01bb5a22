"""Mean ranks over settings, with Friedman's test and Wilcoxon's as the post hoc, corrected by Holm's method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from claros.arrays import Array, Floats
from claros.errors import InputError
from claros.experiment.compare.correction import holm
from claros.experiment.compare.paired import LEAST_SEEDS, ROUNDING, checked_level

__all__ = ["Ranks", "checked_table", "mean_ranks"]


@dataclass(frozen=True)
class Ranks:
    """Mean rank of each arm, (A,), 1 is best, over ``n`` blocks; and what can be told apart.

    ``friedman_p`` is the p-value of no difference among all, ``p_values`` (A, A) those of each pair (1 on the
    diagonal), adjusted. ``groups`` are the largest sets of two or more arms of which no two can be told apart, the best
    arm first, as the bars of a critical-difference diagram; an arm that can be told from all others is in none.
    """

    names: tuple[str, ...]
    mean: Floats
    n: int
    friedman_p: float
    p_values: Floats
    groups: tuple[tuple[str, ...], ...]
    level: float

    @property
    def too_few(self) -> bool:
        """Whether there are too few blocks to tell any two arms apart; then all are in one group."""
        return self.n < LEAST_SEEDS

    @property
    def order(self) -> tuple[str, ...]:
        """The arms from the best mean rank to the worst."""
        return tuple(self.names[a] for a in np.argsort(self.mean, kind="stable"))


def mean_ranks(scores: Array, names: Sequence[str], *, level: float = 0.95) -> Ranks:
    """Rank the arms in each block, a row of scores (T, A), highest = rank 1, and average; ties share their mean rank.

    A block is a setting, or a seed where there is one setting only; each must have a score for every arm. Pairs are
    told apart by Wilcoxon's signed-rank test on their scores, with Holm's correction, and only if Friedman's test finds
    a difference among all (Demšar 2006; the ranks of other arms play no part in a pair: Benavoli et al. 2016). With two
    arms there is one test, Wilcoxon's. Nothing is told apart on fewer than six blocks. O(T·A²) time.
    """
    level, values = checked_level(level), checked_table(scores, names, "score")
    if not np.isfinite(values).all():
        raise InputError("Scores to rank must be finite; leave out the block, or the arm, that has none.")
    from scipy.stats import friedmanchisquare, rankdata

    n, arms = values.shape
    size = np.abs(values).max()
    values = np.round(values / size, -round(np.log10(ROUNDING))) if size > 0 else values  # ties are ties up to rounding
    ranks = rankdata(-values, axis=1)
    p_values = np.ones((arms, arms))
    first, second = np.triu_indices(arms, 1)
    adjusted = holm([_wilcoxon(values[:, i] - values[:, j]) for i, j in zip(first, second, strict=True)])
    p_values[first, second] = p_values[second, first] = adjusted
    if arms == 2 or (ranks == ranks[:, :1]).all():
        friedman_p = float(p_values[0, 1])
    else:
        friedman_p = float(friedmanchisquare(*values.T).pvalue)
    apart = (p_values < 1 - level) & (friedman_p < 1 - level) & (n >= LEAST_SEEDS)
    mean = ranks.mean(axis=0)
    groups = tuple(tuple(names[a] for a in group) for group in _groups(apart, np.argsort(mean, kind="stable").tolist()))
    return Ranks(tuple(names), mean, n, friedman_p, p_values, groups, level)


def checked_table(values: Array, names: Sequence[str], what: str) -> Floats:
    """A table (T, A) of numbers with one name a column, or an error."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.shape[0] or table.shape[1] != len(names) or len(names) < 2:
        raise InputError(
            f"A row a block and a {what} for each of at least two arms are needed; got shape {table.shape} and "
            f"{len(names)} names."
        )
    if len(set(names)) < len(names):
        raise InputError(f"Arms must have different names; got {', '.join(names)}.")
    return table


def _wilcoxon(between: Floats) -> float:
    """Two-sided p-value of the signed-rank test; 1 if there is no difference at all."""
    from scipy.stats import wilcoxon

    return float(wilcoxon(between).pvalue) if between.any() else 1.0


def _groups(apart: NDArray[np.bool_], order: list[int]) -> list[list[int]]:
    """The largest sets of two or more arms of which no two are apart, in the order given."""
    together = {a: {b for b in order if b != a and not apart[a, b]} for a in order}
    found = [sorted(clique, key=order.index) for clique in _cliques(set(), set(order), set(), together)]
    return sorted((clique for clique in found if len(clique) > 1), key=lambda clique: [order.index(a) for a in clique])


def _cliques(inside: set[int], free: set[int], done: set[int], near: dict[int, set[int]]) -> Iterator[set[int]]:
    """All maximal cliques: Bron & Kerbosch 1973, with the pivot of Tomita et al. 2006."""
    if not free and not done:
        yield inside
        return
    pivot = max(free | done, key=lambda a: len(free & near[a]))
    for a in sorted(free - near[pivot]):
        yield from _cliques(inside | {a}, free & near[a], done & near[a], near)
        free, done = free - {a}, done | {a}
