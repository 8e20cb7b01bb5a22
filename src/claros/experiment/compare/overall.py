"""What an arm gains on average over settings, and in how many of them it is better or worse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from claros.errors import InputError
from claros.experiment.compare.comparison import called, with_both
from claros.experiment.compare.correction import holm
from claros.experiment.compare.paired import LEAST_SEEDS, checked_level, differences, paired_difference, paired_p_values
from claros.experiment.compare.setting import Arms, Results
from claros.experiment.curves import aligned, areas

__all__ = ["Overall", "across_settings"]


@dataclass(frozen=True)
class Overall:
    """An arm against its control over ``settings`` settings, each counted once, whatever its number of seeds.

    ``mean`` is the mean difference of the mean levels, ``low`` and ``high`` its Student interval over settings, None
    for a single one. ``p_value`` is adjusted for the ``corrected`` arms it was worked out for, None with fewer than six
    settings. ``ahead`` counts settings in which the mean
    over seeds is above the control's, ``better``, ``worse`` and ``same`` what is called in each by itself (Holm over
    its arms); in ``too_few`` settings there are too few seeds to.
    """

    name: str
    control: str
    metric: str
    settings: int
    mean: float
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    corrected: int
    ahead: int
    better: int
    worse: int
    same: int
    too_few: int

    @property
    def finding(self) -> str:
        """One of "better", "worse", "not distinguishable", "too few settings": on average over settings."""
        if self.p_value is None:
            return "too few settings"
        return called(self.mean, self.p_value, self.level)

    def __str__(self) -> str:
        name = self.name[:1].upper() + self.name[1:]
        if self.finding == "too few settings":
            return (
                f"{name} against {self.control}: too few settings ({self.settings}) to call a difference on average: "
                f"at least {LEAST_SEEDS} are needed; {self._counts()}."
            )
        of, over = self.metric, f"on average over {self.settings} settings"
        if self.finding == "not distinguishable" or self.low is None or self.high is None:
            return f"{name} is not distinguishable from {self.control} {over}; {self._counts()}."
        low, high = sorted((abs(self.low), abs(self.high)))
        return (
            f"{name} is {self.finding} than {self.control} by {100 * abs(self.mean):.1f} points of {of} {over} "
            f"({100 * self.level:g} % interval {100 * low:.1f} to {100 * high:.1f}); {self._counts()}."
        )

    def _counts(self) -> str:
        if self.too_few == self.settings:
            return f"ahead in {self.ahead} of {self.settings}, each with too few seeds to be called by itself"
        counts = f"better in {self.better}, worse in {self.worse}, not distinguishable in {self.same}"
        return f"{counts}, too few seeds in {self.too_few}" if self.too_few else counts


def across_settings(results: Results, control: str, *, level: float = 0.95, metric: str = "accuracy") -> list[Overall]:
    """Every arm against the control over all settings that have both, in the order in which arms first appear.

    ``results[setting][arm]`` are curves by seed, the same seeds in all arms, None where one has none. In each setting
    it is the mean difference that `compare_all` tests; over settings it is the mean of these with a t test, a setting
    being one observation: it speaks of settings like these, not of these alone. Holm's method corrects for the number
    of arms, within each setting and over all, but not for the number of settings: of many settings without any
    difference a few may have an arm called. O(A·S·R log R) time a setting.
    """
    level = checked_level(level)
    found: dict[str, list[_Here]] = {}
    for setting, arms in results.items():
        for name, here in _in_setting(setting, arms, control, level).items():
            found.setdefault(name, []).append(here)
    if not found:
        raise InputError(f"No setting has the control {control!r} and another arm with a seed in common.")
    means = {name: np.array([here.mean for here in rows]) for name, rows in found.items()}
    adjusted = holm([paired_p_values(mean) if mean.size >= LEAST_SEEDS else np.nan for mean in means.values()])
    corrected = int(np.isfinite(adjusted).sum())
    whole = []
    for (name, rows), p_value in zip(found.items(), adjusted.tolist(), strict=True):
        mean, findings = means[name], [here.finding for here in rows]
        over = paired_difference(mean, np.zeros(mean.size), level) if mean.size > 1 else None
        whole.append(
            Overall(
                name,
                control,
                metric,
                settings=mean.size,
                mean=float(mean.mean()),
                low=None if over is None else over.low,
                high=None if over is None else over.high,
                level=level,
                p_value=None if math.isnan(p_value) else p_value,
                corrected=corrected,
                ahead=int((mean > 0).sum()),
                better=findings.count("better"),
                worse=findings.count("worse"),
                same=findings.count("not distinguishable"),
                too_few=findings.count("too few seeds"),
            )
        )
    return whole


class _Here(NamedTuple):
    """Mean difference of an arm from the control in one setting, and what it is called there."""

    mean: float
    finding: str


def _in_setting(setting: str, arms: Arms, control: str, level: float) -> dict[str, _Here]:
    means, p_values = {}, []
    for name, curves in arms.items():
        try:
            own, base = with_both(name, curves, control, arms.get(control, [None] * len(curves)))
            if name == control or not own:
                continue
            grid, arm, other = aligned(own, base)
        except InputError as error:
            raise InputError(f"In setting {setting!r}, arm {name!r}: {error}") from error
        between = differences(areas(grid, arm), areas(grid, other))
        means[name] = float(between.mean())
        p_values.append(paired_p_values(between) if len(between) >= LEAST_SEEDS else np.nan)
    found = {}
    for (name, mean), p_value in zip(means.items(), holm(p_values).tolist(), strict=True):
        found[name] = _Here(mean, "too few seeds" if math.isnan(p_value) else called(mean, p_value, level))
    return found
