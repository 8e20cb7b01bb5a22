"""Tables by column, whose rows are found by their keys: sorted once, then looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices

__all__ = ["DTYPES", "FLAG", "LATER", "NUMBER", "SETTING", "TABLES", "TEXT", "Column", "Table"]

Column = npt.NDArray[Any]

TEXT, NUMBER, FLAG = "text", "number", "flag"
#: What a column's values are in memory.
DTYPES: Mapping[str, type] = {TEXT: object, NUMBER: np.float64, FLAG: bool}
_CELL = {"strategy": TEXT, "seed": NUMBER, "round": NUMBER}
#: The columns that the report reads of a run's tables, and what they hold.
TABLES: Mapping[str, Mapping[str, str]] = {
    "results": {
        **_CELL,
        **dict.fromkeys(("n_labeled", "accuracy", "macro_f1", "nll", "ece"), NUMBER),
        **{f"seconds_{phase}": NUMBER for phase in ("train", "predict", "select", "evaluate", "rest")},
    },
    "per_class": {
        **_CELL,
        "class": TEXT,
        **dict.fromkeys(("precision", "recall", "f1"), NUMBER),
    },
    "picks": {**_CELL, "item": TEXT, "class": TEXT, "source": TEXT},
    "rules": {
        **_CELL,
        "n_labeled": NUMBER,
        "rule": TEXT,
        "ready": FLAG,
        "stop": FLAG,
        "value": NUMBER,
        "threshold": NUMBER,
        "reason": TEXT,
    },
    "arms": {**_CELL, "n_labeled": NUMBER, "arm": TEXT, "share": NUMBER, "value": NUMBER},
    "shift": {
        **_CELL,
        "active": FLAG,
        "why": TEXT,
        "class": TEXT,
        **dict.fromkeys(("n_labeled", "prior_error", "weight", "low", "high"), NUMBER),
    },
}
#: Tables that a folder may lack, since earlier versions did not write them.
LATER = frozenset({"arms", "shift"})
#: The column that a bench's tables have before those.
SETTING = {"setting": TEXT}


@dataclass(frozen=True)
class Table:
    """Columns of equal length: text as objects, numbers as float64, NaN where nothing was written, flags as bool."""

    columns: Mapping[str, Column]
    _groups: dict[tuple[str, ...], dict[tuple[Any, ...], Table]] = field(default_factory=dict, repr=False)

    @classmethod
    def empty(cls, kinds: Mapping[str, str]) -> Table:
        """No rows of these columns."""
        return cls({name: np.empty(0, dtype=DTYPES[kind]) for name, kind in kinds.items()})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def by(self, *names: str) -> dict[tuple[Any, ...], Table]:
        """The rows of each combination of values, in their order; O(N log N) when first asked, then nothing."""
        if names not in self._groups:
            ids, firsts = self.ids(*names)
            order = np.argsort(ids, kind="stable")
            ends = np.cumsum(np.bincount(ids, minlength=len(firsts)))[:-1]
            parts = {name: np.split(column[order], ends) for name, column in self.columns.items()}
            keys = zip(*(self.columns[name][firsts].tolist() for name in names), strict=True)
            self._groups[names] = {
                key: Table({name: part[i] for name, part in parts.items()}) for i, key in enumerate(keys)
            }
        return self._groups[names]

    def where(self, **equal: object) -> Table:
        """The rows whose columns equal all given values."""
        found = self.by(*equal).get(tuple(equal.values()))
        return self.keep(np.zeros(len(self), dtype=bool)) if found is None else found

    def keep(self, rows: npt.NDArray[np.bool_]) -> Table:
        """The rows that are marked."""
        return Table({name: column[rows] for name, column in self.columns.items()})

    def last_rounds(self) -> Table:
        """The rows of each strategy's and seed's last round."""
        ids, firsts = self.ids("strategy", "seed")
        last = np.full(len(firsts), -np.inf)
        np.maximum.at(last, ids, self["round"])
        return self.keep(self["round"] == last[ids])

    def distinct(self, name: str) -> list[Any]:
        """The values of a column, in order of first appearance."""
        return list(dict.fromkeys(self.columns[name].tolist()))

    def ids(self, *names: str) -> tuple[Indices, Indices]:
        """A number for each row's combination of values, (N,), by first appearance, and the row where each is first."""
        ids = firsts = np.zeros(len(self), dtype=np.int64)
        for name in names:
            places: dict[Any, int] = {}
            values = self.columns[name].tolist()
            codes = np.fromiter((places.setdefault(value, len(places)) for value in values), np.int64, len(values))
            _, firsts, ids = np.unique(ids * max(1, len(places)) + codes, return_index=True, return_inverse=True)
            order = np.argsort(firsts)
            firsts, ids = firsts[order], np.argsort(order)[ids]
        return ids, firsts
