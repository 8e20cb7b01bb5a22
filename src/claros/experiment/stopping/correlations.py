"""How well the figure that each rule watches follows the true accuracy, beside the published correlations."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.experiment.stopping.watched import Watched

__all__ = ["COLUMNS", "correlation", "correlation_rows", "published"]

COLUMNS = ("model", "strategy", "rule", "correlation", "sem", "sets", "runs", "svm", "rf", "nn")

#: A correlation is not said of fewer rounds.
LEAST_ROUNDS = 3


def correlation(value: Floats, accuracy: Floats) -> float | None:
    """Absolute Pearson correlation of (R,), (R,) over the rounds that have a value; None where it is not defined.

    >>> correlation([1, 2, 3], [0.5, 0.25, 0.0])
    1.0
    """
    x, y = np.asarray(value, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    ready = np.isfinite(x)
    x, y = x[ready], y[ready]
    if x.size < LEAST_ROUNDS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    x, y = x - x.mean(), y - y.mean()
    return min(1.0, abs(float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))))


def correlation_rows(runs: Sequence[Watched]) -> list[dict[str, Any]]:
    """A row for each model, strategy and rule: the mean over data sets of the mean over runs, its standard error.

    Beside it what Pullar-Strecker et al. 2022 found for the rule with a linear support vector machine, a random forest
    and a network. Runs in which the rule's value never changed, or was hardly ever ready, have no correlation.
    """
    found: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for rule, said in run.said.items():
            here = None if run.accuracy is None else correlation(said.value, run.accuracy)
            if here is not None:
                found[run.key.model, run.key.strategy, rule][run.key.data].append(here)
    rows = [_row(*key, by_set) for key, by_set in found.items()]
    return sorted(rows, key=lambda row: (row["model"], row["strategy"], -row["correlation"]))


def _row(model: str, strategy: str, rule: str, by_set: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    means = np.array([np.mean(values) for values in by_set.values()])
    sem = float(means.std(ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else None
    row = {"model": model, "strategy": strategy, "rule": rule, "correlation": float(means.mean()), "sem": sem}
    row |= {"sets": len(means), "runs": sum(map(len, by_set.values()))}
    return {**row, **published().get(rule, {})}


@cache
def published() -> dict[str, dict[str, float]]:
    """By rule, the published mean correlations of the three kinds of models: ``svm``, ``rf``, ``nn``."""
    text = resources.files("claros.experiment.stopping").joinpath("correlations.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    kinds = ("svm", "rf", "nn")
    return {row["rule"]: {kind: float(row[kind]) for kind in kinds if row[kind]} for row in rows}
