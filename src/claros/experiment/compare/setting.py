"""The curves of all arms in one setting as one array, and tables of one row a setting for ranks and profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from claros.arrays import Floats
from claros.errors import InputError
from claros.experiment.compare.labels_saved import GAIN, gain_targets
from claros.experiment.curves import Curve, areas, crossings, shared

__all__ = ["Arms", "Results", "Table", "arms_everywhere", "label_table", "level_table", "on_one_grid"]

#: ``arms[name]`` are curves by seed, in the same order of seeds for all arms; None where a seed has none.
Arms: TypeAlias = Mapping[str, Sequence[Curve | None]]

#: ``results[setting][arm]``: the arms of many settings.
Results: TypeAlias = Mapping[str, Arms]


@dataclass(frozen=True)
class Table:
    """One number for every arm in every row: ``values`` (T, A); row t is of ``settings[t]``, or of one seed of it."""

    settings: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats


def level_table(results: Results, *, by_seed: bool = False) -> Table:
    """Mean level of each arm's curves, in the metric's unit, a row a setting; higher is better.

    That is the area under the curve over its width, on the labels that all curves of the setting share, averaged over
    the seeds that all arms have; with ``by_seed`` each such seed is a row. Arms that are not in every setting are left
    out: a row with a gap could not be ranked. (To keep such an arm, leave out the settings without it.)
    """
    names, settings, values = arms_everywhere(results), [], []
    for setting, arms in results.items():
        grid, curves = _complete(setting, arms, names)
        levels = areas(grid, curves.reshape(-1, grid.size)).reshape(curves.shape[:2])  # (A, S)
        values.append(levels.T if by_seed else levels.mean(axis=1)[None])
        settings += [setting] * len(values[-1])
    return Table(tuple(settings), names, np.concatenate(values))


def label_table(results: Results, control: str, *, gain: float = GAIN, target: float | None = None) -> Table:
    """Labels with which each arm's mean curve first is at the target, a row a setting; infinite where it never is.

    Without a target it is where the control's mean curve has made ``gain`` of its whole gain; a setting in which the
    control gains nothing has none, and is infinite for all. Arms and seeds as in `level_table`, the control included.
    """
    names, values = arms_everywhere(results, control), []
    for setting, arms in results.items():
        grid, curves = _complete(setting, arms, names)
        means = curves.mean(axis=1)
        base = means[names.index(control)][None]
        at = gain_targets(base, gain) if target is None else np.array([float(target)])
        values.append(crossings(grid, means, np.repeat(at, len(names))))
    return Table(tuple(results), names, np.stack(values))


def arms_everywhere(results: Results, control: str | None = None) -> tuple[str, ...]:
    """The arms that have a curve in every setting, in the order of the first; an error without any, or the control."""
    if not results:
        raise InputError("There are no settings to compare arms in; pass results[setting][arm] = curves by seed.")
    present = [{name for name, curves in arms.items() if any(curves)} for arms in results.values()]
    names = tuple(name for name in next(iter(results.values())) if all(name in there for there in present))
    if not names:
        raise InputError("No arm is in every setting; leave settings out, or run the arms that they lack.")
    if control is not None and control not in names:
        raise InputError(f"The control {control!r} must be in every setting; arms that are: {', '.join(names)}.")
    return names


def on_one_grid(setting: str, arms: Arms, names: Sequence[str]) -> tuple[Floats, Floats]:
    """The labels (G,) that all curves of a setting cover, and the curves on them, (A, S, G), NaN where one is None."""
    seeds = {len(arms[name]) for name in names}
    if len(seeds) > 1:
        raise InputError(
            f"Arms are compared seed by seed; in setting {setting!r} one has {min(seeds)} curves and one {max(seeds)}. "
            "Give None where a seed has none."
        )
    listed = [curve for name in names for curve in arms[name]]
    try:
        grid, values = shared([curve for curve in listed if curve is not None])
    except InputError as error:
        raise InputError(f"In setting {setting!r}: {error}") from error
    curves = np.full((len(listed), grid.size), np.nan)
    curves[[curve is not None for curve in listed]] = values
    return grid, curves.reshape(len(names), -1, grid.size)


def _complete(setting: str, arms: Arms, names: Sequence[str]) -> tuple[Floats, Floats]:
    """As `on_one_grid`, without the seeds that an arm lacks."""
    grid, curves = on_one_grid(setting, arms, names)
    complete = curves[:, np.isfinite(curves).all(axis=(0, 2))]
    if not complete.shape[1]:
        raise InputError(f"In setting {setting!r} no seed has a curve for every arm; leave an arm out, or run more.")
    return grid, complete
