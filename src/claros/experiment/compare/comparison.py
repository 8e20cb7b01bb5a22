"""An arm against its control: one test decides, and one sentence says what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from claros.arrays import Array
from claros.errors import InputError
from claros.experiment.compare.correction import holm
from claros.experiment.compare.labels_saved import Savings, savings
from claros.experiment.compare.paired import LEAST_SEEDS, Difference, paired_difference
from claros.experiment.curves import Curve, aligned, areas

__all__ = ["Comparison", "called", "compare", "compare_all", "correct", "verdict", "with_both"]


@dataclass(frozen=True)
class Comparison:
    """An arm against its control: the paired difference of mean levels, and the labels saved if there is one.

    ``p_value`` is adjusted for the ``corrected`` comparisons it is one of, and decides what the finding is; without a
    correction, or without one being needed, it is that of the difference. Intervals are never adjusted.
    """

    name: str
    control: str
    metric: str
    seeds: int
    difference: Difference | None
    savings: Savings | None
    p_value: float | None = None
    corrected: int = 1

    @property
    def finding(self) -> str:
        """One of "better", "worse", "not distinguishable", "too few seeds"."""
        if self.difference is None:
            return "too few seeds"
        p_value = self.difference.p_value if self.p_value is None else self.p_value
        return called(self.difference.mean, p_value, self.difference.level)

    def __str__(self) -> str:
        name = self.name[:1].upper() + self.name[1:]
        if self.difference is None:
            return (
                f"{name} against {self.control}: too few seeds ({self.seeds}) to call a difference: "
                f"at least {LEAST_SEEDS} are needed."
            )
        if self.finding == "not distinguishable":
            return f"{name} is not distinguishable from {self.control} ({self.seeds} seeds)."
        about = f"{100 * self.difference.level:g} % interval"
        saved = self.savings
        if saved is not None and saved.value and saved.low and saved.high and saved.target is not None:
            unit = "" if self.metric == "accuracy" else f" {self.metric}"
            return (
                f"{name} reached {100 * saved.target:.1f} %{unit} with {_count(saved.labels)} labels; {self.control} "
                f"needed {_count(saved.control_labels)} (saves {100 * saved.value:.0f} %, {about} "
                f"{100 * saved.low:.0f} to {100 * saved.high:.0f}, {self.seeds} seeds)."
            )
        low, high = sorted((abs(self.difference.low), abs(self.difference.high)))
        return (
            f"{name} is {self.finding} than {self.control} by {100 * abs(self.difference.mean):.1f} points of "
            f"{self.metric} on average over the curve ({about} {100 * low:.1f} to {100 * high:.1f}, "
            f"{self.seeds} seeds)."
        )


def called(difference: float, p_value: float, level: float) -> str:
    """What a difference is called: "better", "worse" or "not distinguishable"."""
    if not p_value < 1 - level:
        return "not distinguishable"
    return "better" if difference > 0 else "worse"


def compare(
    name: str,
    control: str,
    curves: Sequence[tuple[Array, Array]],
    control_curves: Sequence[tuple[Array, Array]],
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.95,
    metric: str = "accuracy",
) -> Comparison:
    """Compare an arm with its control, curve i with curve i.

    One test decides: the paired t test on the curves' areas over the labels that all share, so a difference between
    equal arms is called with probability 1 - level. With several arms each has that probability: see `compare_all`.
    Savings are worked out only where the arm is better.
    """
    grid, arm, base = aligned(curves, control_curves)
    if len(arm) < LEAST_SEEDS:
        return Comparison(name, control, metric, len(arm), None, None)
    difference = paired_difference(areas(grid, arm), areas(grid, base), level)
    found = Comparison(name, control, metric, len(arm), difference, None, difference.p_value)
    if found.finding != "better":
        return found
    saved = savings(curves, control_curves, target, rng=rng, level=level)
    if saved.low is not None and saved.low <= 0:
        return found  # more over the whole curve, but not surely sooner at the target: say only what is sure
    return replace(found, savings=saved)


def compare_all(
    arms: Mapping[str, Sequence[Curve | None]],
    control: str,
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.95,
    metric: str = "accuracy",
) -> list[Comparison]:
    """Compare every arm of a setting with the control, and correct for their number; in the order given.

    Curves are in the same order of seeds in all arms, None where a seed has none: a pair needs both. What is called
    follows the p-value adjusted by Holm's method over all arms with enough seeds, so that with probability ``level``
    no arm is called falsely. Intervals stay those of one comparison. All arms see the same bootstrap draws.
    """
    if control not in arms:
        raise InputError(f"The control {control!r} is none of the arms: {', '.join(arms) or 'there are none'}.")
    draws, found = int(rng.integers(2**63)), []
    for name, curves in arms.items():
        if name != control:
            own, base = with_both(name, curves, control, arms[control])
            if not own:
                raise InputError(f"{name} and {control} have no seed in common, so they cannot be compared.")
            stream = np.random.default_rng(draws)
            found.append(compare(name, control, own, base, rng=stream, target=target, level=level, metric=metric))
    return correct(found)


def correct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with their p-values adjusted by Holm's method for each other.

    Those with too few seeds are not counted, since nothing is called there. An arm that is no longer better has no
    savings.
    """
    raw = [np.nan if one.difference is None else one.difference.p_value for one in comparisons]
    adjusted, corrected = holm(raw), int(np.isfinite(raw).sum())
    found = []
    for one, p_value in zip(comparisons, adjusted.tolist(), strict=True):
        if one.difference is not None:
            one = replace(one, p_value=p_value, corrected=corrected)
            one = one if one.finding == "better" else replace(one, savings=None)
        found.append(one)
    return found


def verdict(
    name: str,
    control: str,
    curves: Sequence[tuple[Array, Array]],
    control_curves: Sequence[tuple[Array, Array]],
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.95,
    metric: str = "accuracy",
) -> str:
    """The comparison as one sentence; see `compare`.

    >>> curve = ([20, 40, 60], [0.5, 0.7, 0.8])
    >>> verdict("margin", "random", [curve] * 3, [curve] * 3, rng=np.random.default_rng(0))
    'Margin against random: too few seeds (3) to call a difference: at least 6 are needed.'
    >>> verdict("margin", "random", [curve] * 10, [curve] * 10, rng=np.random.default_rng(0))
    'Margin is not distinguishable from random (10 seeds).'
    """
    return str(compare(name, control, curves, control_curves, rng=rng, target=target, level=level, metric=metric))


def with_both(
    name: str, curves: Sequence[Curve | None], control: str, control_curves: Sequence[Curve | None]
) -> tuple[list[Curve], list[Curve]]:
    """The curves of the seeds that both arms have; None is a seed without one."""
    if len(curves) != len(control_curves):
        raise InputError(
            f"Arms are compared seed by seed; got {len(curves)} curves of {name} and {len(control_curves)} of "
            f"{control}. Give None where a seed has none."
        )
    both = [pair for pair in zip(curves, control_curves, strict=True) if pair[0] is not None and pair[1] is not None]
    return [own for own, _ in both if own], [other for _, other in both if other]


def _count(value: float | None) -> str:
    return "no" if value is None else f"{value:,.0f}".replace(",", "\u202f")
