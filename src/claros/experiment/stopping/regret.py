"""What stopping where each arm does costs beyond the best stop of the same run, with intervals over data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats
from claros.experiment.compare import Ranks, mean_ranks
from claros.experiment.stopping.arms import KINDS, Arm, Field
from claros.experiment.stopping.costs import NEVER
from claros.experiment.stopping.over_sets import drawn, interval, units

__all__ = ["ADVISOR", "ALL", "COLUMNS", "CONSTANTS", "constant_rows", "ranks_of", "regret_rows", "scopes"]

COLUMNS = (
    "model",
    "strategy",
    "price",
    "arm",
    "kind",
    "regret",
    "low",
    "high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "never",
    "sets",
    "runs",
)

#: Columns of the table of constants.
CONSTANTS = ("arm", "data", "constant", "form")

#: Any model, or any strategy.
ALL = "all"

#: The arm whose regret is divided by that of the others.
ADVISOR = "advisor"


def scopes(field: Field) -> dict[tuple[str, str], npt.NDArray[np.bool_]]:
    """(model, strategy) -> which of the U runs are meant: all, each model, each strategy, each pair, where several."""
    models, strategies = (np.array([getattr(run.key, name) for run in field.runs]) for name in ("model", "strategy"))
    found: dict[tuple[str, str], npt.NDArray[np.bool_]] = {}
    for model in _with_all(models):
        for strategy in _with_all(strategies):
            here = ((models == model) | (model == ALL)) & ((strategies == strategy) | (strategy == ALL))
            if here.any():
                found[model, strategy] = here
    return found


def _with_all(names: npt.NDArray[np.str_]) -> list[str]:
    several = [str(name) for name in dict.fromkeys(names.tolist())]
    return [ALL, *several] if len(several) > 1 else [ALL]


def regret_rows(field: Field, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """A row for each scope, price (None: the mean over all) and arm that every run of the scope feeds.

    ``ratio`` is the advisor's regret over the arm's, below 1 where the advisor is better, with its interval over the
    same draws; ``never`` the share of runs in which the arm did not stop.
    """
    table = np.array([field.regrets(arm) for arm in arms])  # (A, U, P)
    rows: list[dict[str, Any]] = []
    for (model, strategy), here in scopes(field).items():
        scope = {"model": model, "strategy": strategy}
        sets = [data for data, inside in zip(field.sets, here, strict=True) if inside]
        able = [place for place, arm in enumerate(arms) if arm.fed[here].all()]
        values = table[able][:, here].transpose(1, 0, 2)  # (U', A', P)
        values = np.concatenate([values.mean(axis=2, keepdims=True), values], axis=2)
        known = [arms[place] for place in able]
        rows += [{**scope, **row} for row in _rows(field, known, values, sets, here)]
    return rows


def _rows(
    field: Field, arms: Sequence[Arm], values: Floats, sets: Sequence[str], here: npt.NDArray[np.bool_]
) -> Iterator[dict[str, Any]]:
    means = units(values, sets)  # (D, A, 1 + P)
    draws = drawn(means) if len(means) > 1 else None
    advisor = next((place for place, arm in enumerate(arms) if arm.name == ADVISOR), None)
    for at, price in enumerate([None, *field.prices]):
        for place, arm in enumerate(arms):
            never = arm.places[here] == NEVER
            row: dict[str, Any] = {"price": price, "arm": arm.name, "kind": arm.kind, "runs": int(here.sum())}
            row |= {"regret": float(means[:, place, at].mean()), "sets": len(set(sets))}
            row["never"] = float(never.mean() if price is None else never[:, at - 1].mean())
            if draws is not None:
                row["low"], row["high"] = interval(draws[:, place, at])
            if advisor is not None and place != advisor and row["regret"] > 0:
                row["ratio"] = float(means[:, advisor, at].mean()) / row["regret"]
                if draws is not None and (draws[:, place, at] > 0).all():
                    row["ratio_low"], row["ratio_high"] = interval(draws[:, advisor, at] / draws[:, place, at])
            yield row


def constant_rows(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """A row for each arm with a constant and each data set: what was found on all other sets."""
    return [
        {"arm": arm.name, "data": data, "constant": constant.value, "form": constant.form}
        for arm in arms
        for data, constant in arm.constants.items()
    ]


def ranks_of(field: Field, arms: Sequence[Arm], most: int = 16) -> Ranks | None:
    """Mean ranks of the arms over data sets by mean regret, with Wilcoxon's tests after Holm; None for a single arm.

    Only arms that somebody could follow and every run feeds, at most so many, those with the least regret.
    """
    able = [arm for arm in arms if arm.fed.all() and arm.kind != KINDS[4]]
    means: Mapping[str, Floats] = {arm.name: _by_block(field, arm) for arm in able}
    best = sorted(means, key=lambda name: float(means[name].mean()))[:most]
    return mean_ranks(-np.array([means[name] for name in best]).T, best) if len(best) > 1 else None


def _by_block(field: Field, arm: Arm) -> Floats:
    """The mean regret in each data set, or run where there is one set."""
    return units(field.regrets(arm).mean(axis=1), field.sets)
