"""Everything that recorded runs say about stopping: stops, correlations, regret, first stops, intervals; as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claros.checks import number
from claros.errors import DataError, InputError
from claros.experiment.compare import Ranks
from claros.experiment.stopping import correlations, first_stops, gains, regret, stops
from claros.experiment.stopping.arms import Arm, Field, arms_of
from claros.experiment.stopping.costs import PRICES
from claros.experiment.stopping.recorded import Recorded
from claros.experiment.stopping.watched import Watched, watch
from claros.experiment.table_files import Tables
from claros.stopping.rule import Rule

__all__ = ["TABLES", "Evaluation", "evaluate"]

#: The tables, and their columns in order.
TABLES: Mapping[str, tuple[str, ...]] = {
    "stops": stops.COLUMNS,
    "correlations": correlations.COLUMNS,
    "regret": regret.COLUMNS,
    "constants": regret.CONSTANTS,
    "first_stops": first_stops.COLUMNS,
    "verdicts": first_stops.VERDICTS,
    "gains": gains.COLUMNS,
}


@dataclass(frozen=True)
class Evaluation:
    """What was found: the rows of every table, the runs and arms behind them, and the arms' mean ranks."""

    rows: Mapping[str, list[dict[str, Any]]]
    field: Field
    arms: Sequence[Arm]
    ranks: Ranks | None

    @property
    def runs(self) -> Sequence[Watched]:
        """The runs, with what every rule said in them."""
        return self.field.runs

    def write(self, out: Path) -> Path:
        """Write every table as CSV, and as Parquet where pyarrow is installed."""
        with Tables(out, TABLES) as tables:
            for name, rows in self.rows.items():
                tables.write(name, rows)
        return out


def evaluate(runs: Iterable[Recorded], rules: Mapping[str, Rule], prices: Sequence[float] = PRICES) -> Evaluation:
    """Replay the rules on every run and compare where they stop; the runs are read once, one at a time.

    ``prices`` are those of one label over the worth of 1.00 of accuracy. A run needs an accuracy on test data and two
    rounds; a campaign of a person has none, and is a `DataError`.
    """
    checked = [number(price, 0, math.inf, "A price") for price in prices]
    if not checked or min(checked) == 0:
        raise InputError("At least one price is needed, and each must be above 0.")
    return _evaluated([watch(run, rules, checked) for run in runs if _usable(run)], rules, checked)


def _usable(run: Recorded) -> bool:
    if run.accuracy is None:
        raise DataError(
            f"{run.key} has no accuracy on test data to judge a stop by; claros stop replay says when it stops."
        )
    return len(run.rounds) > 1


def _evaluated(runs: Sequence[Watched], rules: Mapping[str, Rule], prices: Sequence[float]) -> Evaluation:
    if not runs:
        raise DataError("No run has two rounds or more, so there is nothing to stop.")
    field = Field(runs, prices)
    arms = arms_of(field, rules)
    rows = {
        "stops": [row for run in runs for row in stops.stop_rows(run)],
        "correlations": correlations.correlation_rows(runs),
        "regret": regret.regret_rows(field, arms),
        "constants": regret.constant_rows(arms),
        "first_stops": first_stops.first_stop_rows(field, arms),
        "verdicts": first_stops.verdict_rows(field),
        "gains": gains.gain_rows(field),
    }
    return Evaluation(rows, field, arms, regret.ranks_of(field, arms))
