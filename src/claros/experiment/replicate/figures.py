"""The arithmetic of a replication: our figures with intervals, their difference to those published, and the gaps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from claros.arrays import Floats
from claros.experiment.compare import LEAST_SEEDS, holm, paired_difference, pairwise
from claros.experiment.curves import Curve
from claros.experiment.replicate.outcome import Gap, Row
from claros.experiment.replicate.preset import Published

__all__ = ["UNCERTAINTY", "Curves", "by_pairs", "gaps_of", "rows_of", "sentences"]

#: Strategies that ask where the model is unsure, and for nothing else.
UNCERTAINTY = ("margin", "least_confidence", "entropy")

Figures = Mapping[str, Floats]
"""By arm, (S, K): K figures of S paired seeds."""

Curves = Mapping[tuple[str, int], Mapping[str, Curve]]
"""By (setting, seed), by arm: its learning curve."""


def rows_of(
    figures: Figures, published: Mapping[str, Sequence[Published]], names: Sequence[str], level: float
) -> list[Row]:
    """A row for every arm and figure, those published first and in their order."""
    arms = [*published, *(arm for arm in figures if arm not in published)]
    return [
        _row(arm, name, _at(published.get(arm), place), None if arm not in figures else figures[arm][:, place], level)
        for arm in arms
        for place, name in enumerate(names)
    ]


def _at(published: Sequence[Published] | None, place: int) -> Published | None:
    return None if published is None else published[place]


def _row(arm: str, figure: str, published: Published | None, ours: Floats | None, level: float) -> Row:
    row = Row(arm, figure)
    if published is not None:
        row = replace(row, published=published.value)
        row = replace(row, published_deviation=published.deviation, published_runs=published.runs)
    if ours is None or not len(ours):
        return row
    mean, n = float(ours.mean()), len(ours)
    row = replace(row, ours=mean, seeds=n)
    if n > 1:
        half = float(stdtrit(n - 1, (1 + level) / 2)) * float(ours.std(ddof=1)) / math.sqrt(n)
        row = replace(row, low=mean - half, high=mean + half)
    if published is not None:
        between = mean - published.value
        row = replace(row, difference=between)
        if n > 1:
            half = _half_width(ours, published, level)
            row = replace(row, difference_low=between - half, difference_high=between + half)
    return row


def _half_width(ours: Floats, published: Published, level: float) -> float:
    """Half of the interval of ours less published: Welch's, or Student's on ours where the spread is not known."""
    n = len(ours)
    mine = float(ours.var(ddof=1)) / n
    theirs = 0.0
    if published.deviation is not None and published.runs is not None:
        theirs = published.deviation**2 / published.runs
    if mine + theirs == 0:
        return 0.0
    parts = mine**2 / (n - 1) + (theirs**2 / (published.runs - 1) if theirs and published.runs else 0.0)
    freedom = (mine + theirs) ** 2 / parts
    return float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(mine + theirs)


def gaps_of(
    figures: Figures,
    published: Mapping[str, Sequence[Published]],
    names: Sequence[str],
    level: float,
    control: str = "random",
) -> list[Gap]:
    """Every arm against the control in every figure: paired t tests, corrected for their number by Holm's method."""
    if control not in figures:
        return []
    pairs = [(arm, place) for arm in figures if arm != control for place in range(len(names))]
    n = len(figures[control])
    if n < LEAST_SEEDS:
        return [_gap(figures, published, names, control, pair, level, None) for pair in pairs]
    tests = [paired_difference(figures[arm][:, k], figures[control][:, k], level) for arm, k in pairs]
    corrected = holm(np.array([test.p_value for test in tests]))
    return [
        _gap(figures, published, names, control, pair, level, float(p))
        for pair, p in zip(pairs, corrected, strict=True)
    ]


def _gap(
    figures: Figures,
    published: Mapping[str, Sequence[Published]],
    names: Sequence[str],
    control: str,
    pair: tuple[str, int],
    level: float,
    p_value: float | None,
) -> Gap:
    arm, place = pair
    ours, base = figures[arm][:, place], figures[control][:, place]
    theirs, half = _published_gap(published.get(arm), published.get(control), place, level)
    mean = float((ours - base).mean())
    low = high = None
    if len(ours) > 1:
        test = paired_difference(ours, base, level)
        low, high = test.low, test.high
    finding = "too few seeds" if p_value is None else "not distinguishable"
    if p_value is not None and p_value < 1 - level:
        finding = "better" if mean > 0 else "worse"
    holds = None
    if theirs and finding in ("better", "worse"):
        holds = (mean > 0) == (theirs > 0)
    return Gap(arm, control, names[place], theirs, half, mean, low, high, len(ours), finding, holds)


def _published_gap(
    arm: Sequence[Published] | None, control: Sequence[Published] | None, place: int, level: float
) -> tuple[float | None, float | None]:
    """The published gap, and half of its interval if both were published with a spread (unpaired, as they are)."""
    if arm is None or control is None:
        return None, None
    one, other = arm[place], control[place]
    gap = one.value - other.value
    if None in (one.deviation, one.runs, other.deviation, other.runs):
        return gap, None
    spread = sum((each.deviation or 0.0) ** 2 / (each.runs or 1) for each in (one, other))
    freedom = (one.runs or 0) + (other.runs or 0) - 2
    return gap, float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(spread)


def sentences(gaps: Sequence[Gap], level: float) -> list[str]:
    """What the gaps say: one sentence an arm and figure, and one on uncertainty where it all points one way."""
    several = len({gap.figure for gap in gaps}) > 1
    return [*(_sentence(gap, level, several) for gap in gaps), *_on_uncertainty(gaps)]


def _sentence(gap: Gap, level: float, several: bool) -> str:
    who = f"{_name(gap.arm, first=True)}{f' ({gap.figure})' if several else ''}"
    seeds = f"{gap.seeds} seed{'' if gap.seeds == 1 else 's'}"
    if gap.finding == "too few seeds":
        said = f"{who}: too few seeds ({gap.seeds}) to call its gap to {gap.control} of {gap.ours:+.3f}"
        said += f"; at least {LEAST_SEEDS} are needed."
    else:
        verbs = {
            "better": f"beats {gap.control}",
            "worse": f"loses to {gap.control}",
            "not distinguishable": f"is not distinguishable from {gap.control}",
        }
        said = f"{who} {verbs[gap.finding]} here: {gap.ours:+.3f} "
        said += f"({100 * level:g} % interval {gap.low:+.3f} to {gap.high:+.3f}, {seeds})."
    return said + _on_published(gap)


def _on_published(gap: Gap) -> str:
    if gap.published is None:
        return ""
    width = "" if gap.published_half_width is None else f" ± {gap.published_half_width:.3f}"
    said = f" Published: {gap.published:+.3f}{width}."
    if gap.published == 0:
        return said
    if gap.holds is None:
        return said + " So this run cannot tell whether the published order holds."
    return said + (" The published order holds." if gap.holds else " The published order does not hold here.")


def _on_uncertainty(gaps: Sequence[Gap]) -> list[str]:
    found = [gap for gap in gaps if gap.arm in UNCERTAINTY]
    for finding, verb in (("worse", "loses to"), ("better", "beats")):
        if found and all(gap.finding == finding for gap in found):
            by = ", ".join(f"{_name(gap.arm)} by {abs(gap.ours):.3f}" for gap in found)
            return [f"Uncertainty {verb} {found[0].control} on these data: {by}."]
    return []


def _name(arm: str, *, first: bool = False) -> str:
    words = arm.replace("_", " ")
    return words[:1].upper() + words[1:] if first else words


def by_pairs(
    claim: str, figure: str, curves: Curves, level: float, control: str = "random"
) -> tuple[list[Row], list[str]]:
    """Column means of the pairwise penalties, and whether the claim about them holds."""
    results: dict[str, dict[str, list[Curve | None]]] = defaultdict(lambda: defaultdict(list))
    for (setting, _), arms in curves.items():
        for arm, curve in arms.items():
            results[setting][arm].append(curve)
    found = pairwise(results, level=level, control=control)
    means = dict(zip(found.names, found.column_means.tolist(), strict=True))
    order = sorted(means, key=lambda arm: means[arm])
    if not found.compared:
        few = f"Too few seeds ({found.seeds}) for any test; at least {LEAST_SEEDS} are needed."
        return [Row(arm, figure, seeds=found.seeds) for arm in order], [few]
    rows = [Row(arm, figure, ours=means[arm], seeds=found.seeds) for arm in order]
    lowest = [arm for arm in order if means[arm] == means[order[0]]]
    listed = ", ".join(f"{arm} {means[arm]:.3f}" for arm in order)
    over = f"{found.compared} budgets of {found.settings} settings, {found.seeds} seeds"
    verdict = "This holds here" if lowest == ["badge"] else "This does not hold here"
    if "badge" in lowest and len(lowest) > 1:
        verdict = f"Here it shares the lowest with {', '.join(arm for arm in lowest if arm != 'badge')}"
    return rows, [f"Published: {claim}. {verdict} ({over}): {listed}."]
