"""A bench over all its settings: what `claros.experiment.compare` makes of it, and what had to be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from claros.errors import InputError
from claros.experiment.compare import (
    Overall,
    Pairwise,
    Profiles,
    Ranks,
    across_settings,
    label_table,
    level_table,
    mean_ranks,
    pairwise,
    profiles,
)
from claros.experiment.curves import Curve
from claros.report.compared import learning_curve
from claros.report.load import Run

__all__ = ["Blocks", "blocks", "costs", "curves_of", "overall", "pairs", "ranks"]

#: The least share of settings that must have all arms; of fewer, the arms that are not everywhere are left out.
_MOST = 0.5

Arms = Mapping[str, Sequence[Curve | None]]


@dataclass(frozen=True)
class Blocks:
    """Settings with the same arms in each, as ranks and matrices need them, and what is not among them."""

    results: Mapping[str, Arms]
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    without: tuple[str, ...]

    @property
    def said(self) -> str:
        """What had to be left out, as a sentence; empty if nothing was."""
        parts = [
            f"{len(some)} {what}{'' if len(some) == 1 else 's'} left out: {', '.join(some)}"
            for some, what in ((self.left_out, "setting"), (self.without, "arm"))
            if some
        ]
        return f" ({'; '.join(parts)}.)" if parts else ""


def curves_of(run: Run) -> Arms | None:
    """Learning curves by arm and seed, None where a seed has none; None if they have no range of labels in common."""
    arms = {name: [_long(learning_curve(run, name, seed)) for seed in run.seeds] for name in run.strategies}
    arms = {name: curves for name, curves in arms.items() if any(curve is not None for curve in curves)}
    every = [curve for curves in arms.values() for curve in curves if curve is not None]
    if not every:
        return None
    start, end = max(curve.n_labeled[0] for curve in every), min(curve.n_labeled[-1] for curve in every)
    return arms if start < end else None


def _long(curve: Curve | None) -> Curve | None:
    return curve if curve is not None and len(curve.n_labeled) > 1 else None


def overall(results: Mapping[str, Arms], control: str | None) -> list[Overall]:
    """Every arm against the control over all settings; nothing where that cannot be said."""
    if control is None:
        return []
    try:
        return across_settings(results, control)
    except InputError:
        return []


def blocks(results: Mapping[str, Arms], names: Sequence[str]) -> Blocks | None:
    """Settings that all have the same arms and a seed that all arms have; None if that leaves fewer than two arms."""
    whole = [setting for setting, arms in results.items() if _together(arms, names)]
    if len(whole) < _MOST * len(results):
        names = [name for name in names if all(name in arms for arms in results.values())]
        whole = [setting for setting, arms in results.items() if _together(arms, names)]
    if len(names) < 2 or not whole:
        return None
    kept = {setting: {name: results[setting][name] for name in names} for setting in whole}
    every = dict.fromkeys(name for arms in results.values() for name in arms)
    return Blocks(
        kept,
        tuple(names),
        tuple(setting for setting in results if setting not in kept),
        tuple(name for name in every if name not in names),
    )


def _together(arms: Arms, names: Sequence[str]) -> bool:
    """Whether there is a seed that has a curve of every arm."""
    if not all(name in arms for name in names):
        return False
    return any(all(curve is not None for curve in seed) for seed in zip(*(arms[name] for name in names), strict=True))


def ranks(found: Blocks) -> Ranks:
    """Mean ranks of the arms' mean levels: over settings, or over seeds if there is one setting."""
    table = level_table(found.results, by_seed=len(found.results) == 1)
    return mean_ranks(table.values, table.names)


def pairs(found: Blocks, control: str | None) -> Pairwise:
    """Who beats whom, by the protocol of the BADGE paper."""
    return pairwise(found.results, control=control if control in found.names else None)


def costs(found: Blocks, control: str) -> Profiles | None:
    """Profiles of the labels needed to the target of each setting; None where no control gains anything."""
    if control not in found.names:
        return None
    table = label_table(found.results, control)
    reached = np.isfinite(table.values).any(axis=1)
    return profiles(table.values[reached], table.names) if reached.any() else None
