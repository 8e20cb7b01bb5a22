"""What a preset is: a published comparison, what is run in its place, and how the two are put side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.curves import Curve, area
from claros.experiment.replicate.outcome import Replication

__all__ = ["Preset", "Published", "Request", "mean_level", "settings", "thirds", "without_start"]


@dataclass(frozen=True)
class Published:
    """A published figure, with the standard deviation over so many runs where the source has it."""

    value: float
    deviation: float | None = None
    runs: int | None = None


@dataclass(frozen=True)
class Request:
    """What somebody asks of a preset: seeds, fewer rounds than published, files, a folder for what it makes."""

    folder: Path
    seeds: int
    rounds: int | None = None
    data: tuple[str, ...] = ()
    features: str | None = None


@dataclass(frozen=True)
class Preset:
    """A published comparison and its counterpart here."""

    name: str
    title: str
    source: str
    """Who published it, and where the figures and the recipe are: with commits, where it is code."""
    measure: Callable[[Curve], tuple[float, ...]]
    """The published figures of one learning curve."""
    figures: tuple[str, ...]
    """What they are, one name for each."""
    published: Mapping[str, tuple[Published, ...]]
    """By arm. Arms that are not run here are listed with what was published alone."""
    settings: Callable[[Request], list[RunConfig]]
    """What is run; it writes its data files into the folder of the request."""
    notes: tuple[str, ...]
    """Where it departs from what was published, and what else to know."""
    seeds: int = 30
    curves: Callable[[], Mapping[str, Curve]] | None = None
    """Published mean curves by arm, where there are any: they are measured on as many labels as the run has."""
    claim: str | None = None
    """What was published in words, where there are no figures: then arms are compared pair by pair."""
    extra: str = "torch"
    """The extra that its model needs, and its package: torch or sklearn."""
    needs: str | None = None
    """The file that somebody must give, said to who did not."""
    compare: Callable[[Preset, Request, tuple[str, ...]], Replication] | None = None
    """What puts the figures side by side, where arms are not compared over all settings at once; given failures."""


def mean_level(curve: Curve) -> tuple[float]:
    """The mean of a curve's points, each round counting the same."""
    return (float(np.mean(curve.metric)),)


def without_start(curve: Curve) -> tuple[float]:
    """Area under the curve after its first point by trapezoids, over the number of labels bought (AUBC of Lu et al.).

    That is (K - 1) / K of the mean level of K rounds, as the source sums K - 1 trapezoids and divides by K.
    """
    bought, levels = np.asarray(curve.n_labeled)[1:], np.asarray(curve.metric)[1:]
    return (area(bought, levels) * (len(levels) - 1) / len(levels),)


def thirds(curve: Curve) -> tuple[float, float, float]:
    """Mean level of the first, middle and last third of a curve's points, as equal as they can be."""
    first, middle, last = (float(np.mean(part)) for part in np.array_split(_levels(curve), 3))
    return first, middle, last


def _levels(curve: Curve) -> Floats:
    return np.asarray(curve.metric, dtype=np.float64)


def settings(
    request: Request, files: Sequence[Path | str], rounds: int, of: Callable[[Path | str], Mapping[str, Any]]
) -> list[RunConfig]:
    """One setting a data file: all seeds on one file, or seed i on file i where there are several.

    ``of`` gives the settings of a file; ``rounds`` are those published, and the request may ask for fewer.
    """
    quiet = {"watch": [], "checkpoints": "last"}
    wanted = rounds if request.rounds is None else min(rounds, request.rounds)
    each: list[dict[str, int]] = [{"seed": seed} for seed in range(len(files))]
    if len(files) == 1:
        each = [{"seeds": request.seeds}]
    return [
        parse_config({**quiet, **of(file), **seeds, "data": str(file), "rounds": wanted})
        for file, seeds in zip(files, each, strict=True)
    ]
