"""Does the interval of what twice the labels would bring hold what they brought?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.experiment.stopping.arms import Field, accuracy_of
from claros.experiment.stopping.over_sets import mean_over_sets
from claros.experiment.stopping.regret import ALL, scopes
from claros.experiment.stopping.watched import Watched

__all__ = ["COLUMNS", "gain_rows", "gained"]

COLUMNS = (
    "model",
    "strategy",
    "data",
    "arm",
    "coverage",
    "low",
    "high",
    "width_points",
    "bias_points",
    "rounds",
    "runs",
)


def gained(n_labeled: Floats, accuracy: Floats) -> Floats:
    """What twice the labels really brought, (R,): between rounds by a straight line, NaN where the run was too short.

    >>> gained(np.array([10.0, 15.0, 25.0]), np.array([0.5, 0.6, 0.8])).round(3).tolist()
    [0.2, nan, nan]
    """
    later = np.interp(2 * n_labeled, n_labeled, accuracy, right=np.nan)
    return np.asarray(later - accuracy)


def gain_rows(field: Field) -> list[dict[str, Any]]:
    """A row for each scope, advisor and data set, and one for all sets together, each counting once.

    ``coverage`` is the share of the rounds of which it can be said whose interval held the truth, by the run's own test
    accuracy, noise and all; ``low`` and ``high`` its interval over sets. ``width_points`` is the interval's mean width,
    ``bias_points`` the mean of the forecast less the truth, both in hundredths of accuracy.
    """
    rows: list[dict[str, Any]] = []
    names = list(dict.fromkeys(name for run in field.runs for name in run.advice))
    for (model, strategy), here in scopes(field).items():
        inside = [run for run, within in zip(field.runs, here, strict=True) if within]
        scope = {"model": model, "strategy": strategy}
        for name in names:
            rows += [{**scope, "arm": name, **row} for row in _rows(name, inside)]
    return rows


def _rows(name: str, runs: Sequence[Watched]) -> list[dict[str, Any]]:
    found: dict[str, list[Floats]] = {}
    for run in runs:
        if name in run.advice:
            found.setdefault(run.key.data, []).append(_of_run(name, run))
    by_set = {data: np.concatenate(parts) for data, parts in found.items()}
    rows = [_row(data, values, len(found[data])) for data, values in by_set.items() if len(values)]
    if len(rows) > 1:
        means = {key: float(np.mean([row[key] for row in rows])) for key in ("width_points", "bias_points")}
        whole = mean_over_sets(np.array([row["coverage"] for row in rows]), [row["data"] for row in rows])
        counts = {key: sum(row[key] for row in rows) for key in ("rounds", "runs")}
        rows.append({"data": ALL, "coverage": whole.value, "low": whole.low, "high": whole.high, **means, **counts})
    return rows


def _of_run(name: str, run: Watched) -> Floats:
    """(G, 3) whether the interval held the truth, its width, and the forecast less the truth, in rounds that know."""
    advice = run.advice[name]
    truth = gained(run.n_labeled.astype(np.float64), accuracy_of(run))
    known = np.isfinite(truth) & np.isfinite(advice.gain)
    held = (advice.low <= truth) & (truth <= advice.high)
    return np.stack([held, advice.high - advice.low, advice.gain - truth], axis=1)[known]


def _row(data: str, values: Floats, runs: int) -> dict[str, Any]:
    coverage, width, bias = values.mean(axis=0).tolist()
    points = {"width_points": 100 * width, "bias_points": 100 * bias}
    return {"data": data, "coverage": coverage, **points, "rounds": len(values), "runs": runs}
