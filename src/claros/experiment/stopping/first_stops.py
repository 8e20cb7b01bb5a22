"""Was the first stop of a run right, and what did a wrong one cost?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.experiment.stopping.arms import KINDS, Arm, Field, accuracy_of
from claros.experiment.stopping.costs import NEVER, first_places
from claros.experiment.stopping.over_sets import mean_over_sets
from claros.experiment.stopping.regret import scopes

__all__ = ["COLUMNS", "VERDICTS", "first_stop_rows", "verdict_rows"]

COLUMNS = (
    "model",
    "strategy",
    "arm",
    "kind",
    "stops",
    "never",
    "right",
    "low",
    "high",
    "wrong_net_points",
    "wrong_accuracy_points",
    "sets",
)

#: Columns of the table of verdicts.
VERDICTS = ("arm", "verdict", "rounds", "past")

#: What an advisor calls a clear stop.
CLEAR = "stop"


def first_stop_rows(field: Field, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """A row for each scope and each arm that is told the price: how often its first stop was right.

    It is right where the optimum, the cheapest round of the run at that price, was not still to come. ``right`` is the
    share among the stops of a data set, mean over sets, with its interval over sets. A wrong stop cost
    ``wrong_net_points``, hundredths of accuracy after the labels that it saved, and ``wrong_accuracy_points`` before,
    both means over wrong stops. An advisor has a row more: the first time that its verdict was a clear stop.
    """
    told = [(arm.name, arm.kind, arm.places) for arm in arms if arm.kind in KINDS[1:4] and arm.fed.all()]
    told += [
        (f"{arm.name}: clear stop", arm.kind, _clear(field, arm.name)) for arm in arms if _advises(field, arm.name)
    ]
    rows = []
    for (model, strategy), here in scopes(field).items():
        inside = np.flatnonzero(here).tolist()
        for name, kind, places in told:
            rows.append(
                {"model": model, "strategy": strategy, "arm": name, "kind": kind, **_row(field, places, inside)}
            )
    return rows


def _advises(field: Field, name: str) -> bool:
    return all(name in run.advice for run in field.runs)


def _clear(field: Field, name: str) -> Indices:
    """(U, P) the first rounds in which the advisor's verdict was a clear stop."""
    return np.array([first_places(run.advice[name].verdict == CLEAR) for run in field.runs])


def _row(field: Field, places: Indices, inside: Sequence[int]) -> dict[str, Any]:
    right, sets, net, lost = [], [], [], []
    for run in inside:
        cost, accuracy = field.costs[run], accuracy_of(field.runs[run])
        best = cost.argmin(axis=1)
        for price, stop in enumerate(places[run].tolist()):
            if stop == NEVER:
                continue
            right.append(stop >= best[price])
            sets.append(field.sets[run])
            if not right[-1]:
                net.append(100 * float(cost[price, stop] - cost[price, best[price]]))
                lost.append(100 * float(accuracy[best[price]] - accuracy[stop]))
    asked = len(inside) * len(field.prices)
    row: dict[str, Any] = {"stops": len(right), "never": 1 - len(right) / asked, "sets": len(set(sets))}
    if right:
        mean = mean_over_sets(np.array(right, dtype=np.float64), sets)
        row |= {"right": mean.value, "low": mean.low, "high": mean.high}
    if net:
        row |= {"wrong_net_points": float(np.mean(net)), "wrong_accuracy_points": float(np.mean(lost))}
    return row


def verdict_rows(field: Field) -> list[dict[str, Any]]:
    """A row for each advisor and verdict: in how many rounds it was given, and in what share the optimum was past."""
    rows = []
    for name in dict.fromkeys(name for run in field.runs for name in run.advice):
        counts: dict[str, Floats] = {}
        for run, cost in zip(field.runs, field.costs, strict=True):
            if name in run.advice:
                _count(counts, run.advice[name].verdict, cost)
        rows += [_verdict_row(name, verdict, count) for verdict, count in sorted(counts.items())]
    return rows


def _count(counts: dict[str, Floats], verdicts: Any, cost: Floats) -> None:
    past = np.arange(cost.shape[1]) >= cost.argmin(axis=1)[:, None]
    for verdict in np.unique(verdicts).tolist():
        here = verdicts == verdict
        counts[verdict] = counts.get(verdict, np.zeros(2)) + np.array([here.sum(), (here & past).sum()])


def _verdict_row(name: str, verdict: str, count: Floats) -> dict[str, Any]:
    return {"arm": name, "verdict": verdict, "rounds": int(count[0]), "past": float(count[1] / count[0])}
