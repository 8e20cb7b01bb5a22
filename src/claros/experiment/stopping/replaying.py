"""When would each rule have stopped? Any recorded run, any rule, by one call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claros.errors import InputError
from claros.experiment.stopping import stops
from claros.experiment.stopping.rules import chosen
from claros.experiment.stopping.sources import recorded
from claros.experiment.stopping.watched import watch
from claros.experiment.table_files import Tables
from claros.stopping.advisor import Advisor

__all__ = ["Replays", "replays"]


@dataclass(frozen=True)
class Replays:
    """The first stop of every rule in every run, as rows; see `claros.experiment.stopping.stops`."""

    rows: list[dict[str, Any]]
    runs: int

    @property
    def summary(self) -> list[dict[str, Any]]:
        """A row a rule over all runs."""
        return stops.summed_up(self.rows)

    def write(self, out: Path) -> Path:
        """The rows as ``stops.csv``, and as Parquet where pyarrow is installed."""
        with Tables(out, {"stops": stops.COLUMNS}) as tables:
            tables.write("stops", self.rows)
        return out


def replays(
    places: Iterable[str | Path], rules: Iterable[str] = (), *, price: float | None = None, worth: float | None = None
) -> Replays:
    """Replay rules, all registered ones unless some are named, on the runs recorded at these places.

    ``price`` of a label and ``worth`` of a point of accuracy are told to rules that weigh them, those of each run's own
    campaign where none are given; a rule that was given its own price keeps that.
    """
    if (price is None) != (worth is None):
        raise InputError("A price is weighed against a worth: give --price, of one label, and --worth, of one point.")
    Advisor(price=price, worth=worth)  # it says what is wrong with them
    known = chosen(rules)
    rows: list[dict[str, Any]] = []
    n = 0
    for run in recorded(places):
        rows += stops.stop_rows(watch(run, {name: run.told(rule, price, worth) for name, rule in known.items()}))
        n += 1
    return Replays(rows, n)
