"""Runs that are made up, with round numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from claros.experiment.stopping import Key, Said, Watched

LABELS = np.array([10, 20, 40, 80, 160])
ACCURACY = np.array([0.5, 0.7, 0.8, 0.85, 0.86])


def said(values: Sequence[float], stops: Sequence[int] = (), threshold: float = 0.5, why: str = "") -> Said:
    """What a rule said, which stopped in some rounds."""
    stop = np.zeros(len(values), dtype=bool)
    stop[list(stops)] = True
    return Said(np.array(values, dtype=float), np.full(len(values), threshold), stop, "It says so.", why)


def made(
    rules: Mapping[str, Said],
    data: str = "a",
    *,
    n: Sequence[int] = LABELS,
    accuracy: Sequence[float] = ACCURACY,
    seed: int = 0,
    **more: object,
) -> Watched:
    """A run of these rounds in which rules said this."""
    key = Key(data, "logistic", "margin", seed)
    return Watched(key, np.arange(len(n)), np.asarray(n), np.asarray(accuracy, dtype=float), rules, **more)
