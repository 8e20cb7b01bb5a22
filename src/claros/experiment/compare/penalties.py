"""Who beats whom, over all settings and budgets: the pairwise penalties of the BADGE paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from claros.arrays import Floats, Indices
from claros.errors import InputError
from claros.experiment.compare.correction import holm
from claros.experiment.compare.paired import LEAST_SEEDS, ROUNDING, checked_level, differences, paired_p_values
from claros.experiment.compare.setting import Results, arms_everywhere, on_one_grid
from claros.experiment.curves import crossings

__all__ = ["Pairwise", "pairwise"]

#: The control still learns until it is at this share of its last level; budgets past that say little.
LEARNED = 0.99


@dataclass(frozen=True)
class Pairwise:
    """How often each arm is significantly better than each other: rows beat columns.

    ``penalty[i, j]``, (A, A), sums over settings the share of budgets at which i beats j: at most ``settings``.
    ``wins[i, j]``, (A, A), counts the (setting, budget) pairs, of which there are ``compared``. ``seeds`` is the
    smallest number of seeds of an arm; settings in ``too_few`` have an arm with fewer than six and are not counted.
    Arms in ``left_out`` are not in every setting. ``corrected`` is "holm" or "none".
    """

    names: tuple[str, ...]
    penalty: Floats
    wins: Indices
    compared: int
    settings: int
    seeds: int
    level: float
    corrected: str
    too_few: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def column_means(self) -> Floats:
        """(A,) mean of each arm's column, itself included as in the paper: how often it is beaten; lower is better."""
        return np.asarray(self.penalty.mean(axis=0))


def pairwise(
    results: Results,
    *,
    level: float = 0.95,
    budgets: Literal["doubling", "all"] = "doubling",
    control: str | None = None,
    correction: Literal["holm"] | None = None,
) -> Pairwise:
    """Penalties of Ash et al. 2020, arXiv:1906.03671, section 4: two-sided paired t tests over seeds, pair by pair.

    ``results[setting][arm]`` are curves by seed, the same seeds in all arms, None where one has none. A setting's
    budgets are start + 2^(k-1) batches, k = 1, 2, ...; the first step of its curves is the batch. With a ``control``
    they end where its mean curve is at 99 % of its last level, as in the paper, though the first is always kept;
    without, where the shortest curve ends. "all" takes every round after the start.

    Nothing is corrected, as in the paper, so among equal arms each test is won by one with probability 1 - level;
    "holm" corrects all tests of a setting for each other. Departures: at least six seeds, where the paper has five;
    doublings go on to where the control has learned, where the paper's formula ends one before. O(T·K·S·A²) time.
    """
    level = checked_level(level)
    if budgets not in ("doubling", "all") or correction not in ("holm", None):
        raise InputError(
            f"budgets must be 'doubling' or 'all' and correction 'holm' or None; got {budgets!r} and {correction!r}."
        )
    names = arms_everywhere(results, control)
    if len(names) < 2:
        raise InputError(f"A pairwise comparison needs two arms that are in every setting; got only {names[0]!r}.")
    seeds, won, too_few = [], [], []
    for setting, arms in results.items():
        grid, curves = on_one_grid(setting, arms, names)
        seeds.append(int(np.isfinite(curves[..., 0]).sum(axis=1).min()))
        if seeds[-1] < LEAST_SEEDS:
            too_few.append(setting)
            continue
        end = grid[-1] if control is None else _learned(grid, curves[names.index(control)])
        at = grid[1:] if budgets == "all" else _doublings(grid, end)
        won.append(_better(_values(grid, curves, at), level, correction))
    none = np.zeros((len(names), len(names)))
    return Pairwise(
        names,
        penalty=sum((better.mean(axis=-1) for better in won), start=none),
        wins=sum((better.sum(axis=-1) for better in won), start=none.astype(np.int64)),
        compared=sum(better.shape[-1] for better in won),
        settings=len(won),
        seeds=min(seeds),
        level=level,
        corrected=correction or "none",
        too_few=tuple(too_few),
        left_out=tuple(dict.fromkeys(name for arms in results.values() for name in arms if name not in names)),
    )


def _doublings(grid: Floats, end: float) -> Floats:
    """The start plus 1, 2, 4, ... batches, while the curves go on and not past the end, but at least the first."""
    start, batch = grid[0], grid[1] - grid[0]
    at = start + batch * 2.0 ** np.arange(1 + int(np.log2((grid[-1] - start) / batch) + ROUNDING))
    return np.asarray(at[: max(1, int((at <= end).sum()))])


def _learned(grid: Floats, control: Floats) -> float:
    """Labels at which the mean of the control's (S, G) curves is where it has nearly learned all."""
    mean = np.nanmean(control, axis=0, keepdims=True)
    return float(crossings(grid, mean, LEARNED * mean[:, -1])[0])


def _values(grid: Floats, curves: Floats, at: Floats) -> Floats:
    """(A, S, K) values of (A, S, G) curves at budgets, by straight lines between their points."""
    after = np.clip(np.searchsorted(grid, at), 1, grid.size - 1)
    share = (at - grid[after - 1]) / (grid[after] - grid[after - 1])
    return np.asarray(curves[..., after - 1] * (1 - share) + curves[..., after] * share)


def _better(values: Floats, level: float, correction: str | None) -> NDArray[np.bool_]:
    """(A, A, K) whether i is significantly better than j at each budget; values are (A, S, K), NaN where none."""
    better = np.zeros((len(values), *np.delete(values.shape, 1)), dtype=bool)
    first, second = np.triu_indices(len(values), 1)
    p_values, means = np.stack([_test(values[i], values[j]) for i, j in zip(first, second, strict=True)], axis=1)
    called = (holm(p_values) if correction == "holm" else p_values) < 1 - level
    better[first, second], better[second, first] = called & (means > 0), called & (means < 0)
    return better


def _test(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """P-values (K,) and mean differences (K,) of (S, K) values over the seeds that both have; NaN on too few."""
    between = differences(a, b)
    enough = np.isfinite(between).sum(axis=0) >= LEAST_SEEDS
    means = np.where(np.isfinite(between), between, 0.0).sum(axis=0)
    return np.where(enough, paired_p_values(between), np.nan), means
