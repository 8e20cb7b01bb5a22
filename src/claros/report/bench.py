"""The folder of a bench as one immutable object: its settings, each like a run, and what became of its cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from claros.errors import DataError
from claros.report.format import join
from claros.report.load import Run, new_run, read, read_json
from claros.report.reading import read_table
from claros.report.tables import NUMBER, SETTING, TABLES, TEXT, Table

__all__ = ["Bench", "open_folder", "read_bench"]

_VERSION = 1
#: Settings that a sentence can name.
_NAMED = 4
_CELLS = {**SETTING, "strategy": TEXT, "seed": NUMBER, "status": TEXT, "rounds": NUMBER, "seconds": NUMBER,
          "error": TEXT}  # fmt: skip
_LAST = {
    "confusion": {"strategy": TEXT, "true": TEXT, "predicted": TEXT, "n": NUMBER},
    "reliability": {"strategy": TEXT, "bin": NUMBER, "n": NUMBER, "confidence": NUMBER, "accuracy": NUMBER},
}
_ALL = frozenset({*TABLES, *_LAST})


@dataclass(frozen=True)
class Bench:
    """What a bench left behind, finished or not; ``settings`` are those with a finished cell, each like a run.

    ``waiting`` names the settings without one. As long as no cell at all is finished, what there is counts.
    """

    folder: Path
    facts: Mapping[str, Any]
    settings: tuple[Run, ...]
    waiting: tuple[str, ...]
    cells: Table

    @cached_property
    def control(self) -> str | None:
        """The arm that the others are compared with, in all settings that have it."""
        return next((run.control for run in self.settings if run.control is not None), None)

    @cached_property
    def queried(self) -> list[str]:
        """The arms that are compared, in all settings together."""
        return [*dict.fromkeys(name for run in self.settings for name in run.queried)]

    @cached_property
    def strategies(self) -> list[str]:
        """All arms but the upper bound, the control last."""
        return [*self.queried, *([self.control] if self.control is not None else [])]

    @cached_property
    def factors(self) -> list[str]:
        """What differs between settings."""
        return [str(name) for name in self.facts.get("factors") or ()]

    @property
    def absent(self) -> str:
        """The settings of which nothing is there to show, and why, as a sentence; empty if there are none."""
        status = self.cells.by("setting", "status")
        left = {name: {state for setting, state in status if setting == name} for name in self.waiting}
        failed = [name for name, states in left.items() if states == {"failed"}]
        rest = [name for name in left if name not in failed]
        parts = [f"{_some(names)}, where {why}" for names, why in
                 ((failed, "every cell failed"), (rest, "no cell is finished")) if names]  # fmt: skip
        return f"Not in this report: {'; '.join(parts)}." if parts else ""

    def with_status(self, *wanted: str) -> Table:
        """The cells in one of these states."""
        return self.cells.keep(np.isin(self.cells["status"].astype(str), wanted))


def _some(names: Sequence[str]) -> str:
    shown = [*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])]
    return join(shown)


def open_folder(folder: Path, only: Collection[str] = _ALL) -> Run | Bench:
    """The run or the bench in a folder; of a bench, only these tables."""
    return read_bench(folder, only) if (Path(folder) / "bench.json").is_file() else read(folder)


def read_bench(folder: Path, only: Collection[str] = _ALL) -> Bench:
    """The bench in a folder that ``claros bench run --out`` wrote; a `DataError` says what is missing.

    Tables that are not among ``only`` are empty.
    """
    folder = Path(folder)
    facts = read_json(folder / "bench.json", "bench run")
    if facts.get("version") != _VERSION:
        raise DataError(
            f"{folder / 'bench.json'} should be of version {_VERSION}, which this Claros reads; it is of version "
            f"{facts.get('version')!r}. Make the report with the Claros that wrote it."
        )
    cells = read_table(folder / "cells.csv", _CELLS)
    done = {key for key, own in cells.by("setting", "strategy", "seed").items() if own["status"][0] == "done"}
    tables = {name: _parts(folder, name, kinds, done) for name, kinds in TABLES.items() if name in only}
    last = {name: _parts(folder, name, kinds, set()) for name, kinds in _LAST.items() if name in only}
    described = facts.get("settings") or []
    settings = tuple(
        _setting(folder, facts, one, tables, last) for one in described if one["name"] in tables["results"]
    )
    if not settings:
        raise DataError(
            f"{folder / 'results.csv'} has no rows: no round of the bench is finished yet. Let it go on first."
        )
    names = {run.name for run in settings}
    return Bench(folder, facts, settings, tuple(one["name"] for one in described if one["name"] not in names), cells)


def _parts(folder: Path, name: str, kinds: Mapping[str, str], done: set[tuple[Any, ...]]) -> dict[str, Table]:
    """A table's rows by setting; of finished cells only, where there are any."""
    table = read_table(folder / f"{name}.csv", {**SETTING, **kinds})
    if done:
        ids, firsts = table.ids("setting", "strategy", "seed")
        cells = zip(*(table[column][firsts].tolist() for column in ("setting", "strategy", "seed")), strict=True)
        finished = np.array([cell in done for cell in cells], dtype=bool)
        table = table.keep(finished[ids]) if not finished.all() else table
    return {setting: own for (setting,), own in table.by("setting").items()}


def _setting(
    folder: Path,
    facts: Mapping[str, Any],
    described: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Table]],
    last: Mapping[str, Mapping[str, Table]],
) -> Run:
    name = described["name"]
    own = {table: tables.get(table, {}).get(name, Table.empty(kinds)) for table, kinds in TABLES.items()}
    kept = {table: parts.get(name) for table, parts in last.items()}
    return new_run(folder, {"claros": facts.get("claros"), **described}, own, name=name, **kept)
