"""A results database as a folder: ``bench.json`` and tables, as CSV, and as Parquet where pyarrow is installed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import claros
from claros.campaign.environment import versions
from claros.errors import DataError
from claros.experiment.bench.names import factors_of, names_of, varying
from claros.experiment.bench.store import Store
from claros.experiment.config import UPPER_BOUND
from claros.experiment.table_files import Tables
from claros.experiment.tables import TABLES as RUN_TABLES
from claros.experiment.tables import rows_of
from claros.files import write_atomically

__all__ = ["TABLES", "export"]

#: Version of such a folder.
FORMAT = 1

#: Columns of the tables, in order: those of a run behind the setting's name, and three more tables.
TABLES: Mapping[str, tuple[str, ...]] = {
    **{name: ("setting", *columns) for name, columns in RUN_TABLES.items()},
    "confusion": ("setting", "strategy", "true", "predicted", "n"),
    "reliability": ("setting", "strategy", "bin", "n", "confidence", "accuracy"),
    "cells": ("setting", "strategy", "seed", "status", "rounds", "seconds", "error"),
}


def export(store: Store, out: Path) -> Path:
    """Write everything that is in the database into a folder that `claros.report` reads; O(rows), in blocks."""
    settings, cells = store.settings(), store.cells()
    if not settings:
        raise DataError(f"The results database {store.place} has no cells; run claros bench run first.")
    names = names_of(settings)
    whose = {cell["id"]: {**cell, "setting": names[cell["setting"]]} for cell in cells}
    with Tables(out, TABLES) as tables:
        for row in store.rounds():
            key = {name: whose[row["cell"]][name] for name in ("setting", "strategy", "seed")}
            details = json.loads(row["details"])
            metrics = {**row, "seconds": json.loads(row["seconds"])}
            for table, rows in rows_of({**key, "round": row["round"]}, metrics, details, details["batch"]):
                tables.write(table, rows)
        tables.write("cells", [{**cell, "error": _first_line(cell["error"])} for cell in whose.values()])
        classes = {names[one.key]: one.facts["data"]["classes"] for one in settings}
        for (setting, strategy), ends in _ends(whose.values()).items():
            key = {"setting": setting, "strategy": strategy}
            tables.write("confusion", [{**key, **row} for row in _confusion(ends, classes[setting])])
            tables.write("reliability", [{**key, **row} for row in _reliability(ends)])
    facts = {"version": FORMAT, "claros": claros.__version__, "versions": versions(), "factors": varying(settings)}
    described = [
        {
            "name": names[one.key],
            "factors": factors_of(one, settings),
            "config": {**one.config, **_cells_of(one.key, cells)},
            "plan": one.facts["plan"],
            "data": one.facts["data"],
            "manifest": one.facts["manifest"],
        }
        for one in settings
    ]
    write_atomically(
        out / "bench.json", json.dumps({**facts, "settings": described}, ensure_ascii=False, indent=2).encode()
    )
    return out


def _cells_of(key: str, cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The arms and seeds that are there, which may be more than the last grid asked for."""
    mine = [cell for cell in cells if cell["setting"] == key]
    arms = {cell["strategy"]: json.loads(cell["arm"]) for cell in mine}
    bound = arms.pop(UPPER_BOUND, None)
    seeds = sorted({cell["seed"] for cell in mine})
    return {
        "strategy": list(arms.values()),
        "upper_bound": bound["parameters"]["candidates"] if bound is not None else False,
        "seed": seeds[0],
        "seeds": len(seeds),
    }


def _ends(cells: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The last metrics of every finished seed of an arm."""
    ends: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for cell in cells:
        if cell["status"] == "done":
            ends[cell["setting"], cell["strategy"]].append(json.loads(cell["last"]))
    return ends


def _confusion(ends: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Counts of true and predicted classes, all seeds together."""
    table = np.sum([end["confusion"] for end in ends], axis=0)
    for true, predicted in np.argwhere(table > 0):
        yield {"true": classes[true], "predicted": classes[predicted], "n": int(table[true, predicted])}


def _reliability(ends: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Confidence and accuracy by bin, all seeds together."""
    bins: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for end in ends:
        for place, n, confidence, accuracy in end["reliability"]:
            bins[place].append((n, confidence, accuracy))
    for place, rows in sorted(bins.items()):
        counts, confidences, accuracies = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        n = counts.sum()
        yield {
            "bin": place,
            "n": int(n),
            "confidence": float(counts @ confidences / n),
            "accuracy": float(counts @ accuracies / n),
        }


def _first_line(error: str | None) -> str | None:
    return error.splitlines()[0] if error else None
