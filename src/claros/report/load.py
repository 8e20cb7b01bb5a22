"""A run's folder as one immutable object: tables, curves over labels, test labels, predictions on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices
from claros.errors import DataError
from claros.experiment.leading import leading
from claros.report.reading import read_table
from claros.report.tables import TABLES, Table
from claros.stopping.advisor import Advisor

__all__ = ["CONTROL", "UPPER_BOUND", "Curve", "Run", "new_run", "read", "read_json"]

T = TypeVar("T")
#: The strategy that the others are compared with, and the one that shows what could be had: it is not compared.
CONTROL, UPPER_BOUND = "random", "upper_bound"


@dataclass(frozen=True)
class Curve:
    """One metric of one strategy: labels spent (R,), and values (S, R), a row per seed; NaN where a seed has none."""

    labels: Floats
    values: Floats

    @property
    def n_seeds(self) -> int:
        """How many seeds have a value anywhere."""
        return int(np.isfinite(self.values).any(axis=1).sum())

    @property
    def shared(self) -> Curve:
        """The part that all seeds share, where a mean compares like with like; empty if there is none."""
        keep = np.isfinite(self.values).all(axis=0)
        return Curve(self.labels[keep], self.values[:, keep])

    @property
    def ready(self) -> Curve:
        """The part where any seed has a value."""
        keep = np.isfinite(self.values).any(axis=0)
        return Curve(self.labels[keep], self.values[:, keep])

    @property
    def final(self) -> Floats:
        """(S,) each seed's last value."""
        return np.array([row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in self.values])

    @property
    def ends(self) -> Floats:
        """(S,) each seed's last count of labels."""
        finite = np.isfinite(self.values)
        return np.array([self.labels[row][-1] if row.any() else np.nan for row in finite])


@dataclass(frozen=True)
class Run:
    """What a run left behind, or one setting of a bench; ``name`` is the setting's.

    ``confusion`` and ``reliability`` are the tables that a bench writes of its last rounds; of a run they are None,
    and what they say is found from the predictions in its folder.
    """

    folder: Path
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    facts: Mapping[str, Any]
    results: Table
    per_class: Table
    picks: Table
    rules: Table
    followed: Table
    test_labels: Indices | None
    name: str = ""
    confusion: Table | None = None
    reliability: Table | None = None
    shift: Table | None = None
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def control(self) -> str | None:
        """The arm that every other one is compared with: random, under its label if it has one; ``None`` without."""
        arms = self.config.get("strategy") or ()
        specs = [arm for arm in arms if isinstance(arm, Mapping) and arm.get("name") == CONTROL]
        names = [spec.get("label") or CONTROL for spec in specs] + [CONTROL]
        ran = self.results.distinct("strategy")
        return next((name for name in names if name in ran), None)

    @cached_property
    def strategies(self) -> list[str]:
        """All arms but the upper bound, the control last."""
        return [*self.queried, *([self.control] if self.control is not None else [])]

    @cached_property
    def queried(self) -> list[str]:
        """The arms that are compared with the control."""
        return [name for name in self.results.distinct("strategy") if name not in (self.control, UPPER_BOUND)]

    @cached_property
    def bound(self) -> str | None:
        """The arm that looks ahead with the true labels, if it ran: drawn, but neither compared nor ranked."""
        return UPPER_BOUND if UPPER_BOUND in self.results.distinct("strategy") else None

    @cached_property
    def seeds(self) -> list[int]:
        """All seeds, in order."""
        return sorted({int(seed) for seed in self.results["seed"]})

    @cached_property
    def classes(self) -> list[str]:
        """Class names: the data's, else those of the tables."""
        named = [str(name) for name in self.data.get("classes") or ()]
        return named or [str(name) for name in self.per_class.distinct("class")]

    @property
    def advice_rule(self) -> str | None:
        """The rule whose advice is shown, that of `claros.experiment.leading`."""
        chosen = self.config.get("stop")
        name = chosen.get("name") if isinstance(chosen, Mapping) else chosen
        known = {rule: bool(np.isfinite(self.rules.where(rule=rule)["threshold"]).any()) for rule in self.rule_names}
        return leading(known, None if name is None else str(name))

    @cached_property
    def used_up(self) -> int | None:
        """How many items the pool has to ask for, where every compared arm has labeled them all; else None."""
        n_pool, duplicates = self.data.get("n_pool"), self.data.get("duplicates") or 0
        ends = [self.curve(name, "accuracy").ends.min() for name in self.queried or self.strategies]
        return n_pool - duplicates if n_pool is not None and min(ends, default=0) >= n_pool - duplicates else None

    @cached_property
    def stopping_rules(self) -> list[str]:
        """Rules that can stop: not those that are ready without a threshold, as the advisor that knows no price."""
        return [name for name in self.rule_names if name not in self.telling_rules]

    @cached_property
    def telling_rules(self) -> list[str]:
        """Rules that say what more labels would bring, and leave the rest to people."""
        ready = self.rules.keep(np.asarray(self.rules["ready"], dtype=bool)) if len(self.rules) else self.rules
        thresholds = {name: ready.where(rule=name)["threshold"] for name in self.rule_names}
        return [name for name, found in thresholds.items() if len(found) and not np.isfinite(found).any()]

    def advisor(self, rule: str) -> Advisor | None:
        """The advisor that a rule is, as it was told; None if it is another."""
        watched = [self.config.get("stop"), *(self.config.get("watch") or ())]
        for spec in watched:
            if isinstance(spec, Mapping) and spec.get("name") == Advisor.name == rule:
                told = Advisor(**spec.get("parameters") or {})
                return told.told(price=self.config.get("price"), worth=self.config.get("worth"), warm=False)
        return None

    @property
    def arms(self) -> list[str]:
        """All arms, and the upper bound."""
        return [*self.strategies, *([self.bound] if self.bound is not None else [])]

    @property
    def lacks(self) -> frozenset[str]:
        """Sections that do not stand, as nothing of their kind was run: on bandits, on label shift, on other pairs."""
        tables = {"followed": self.followed, "shift": self.shift}
        missing = [name for name, rows in tables.items() if rows is None or not len(rows)]
        return frozenset([*missing, *(["pairs"] if len(self.strategies) < 3 else [])])

    def upper_bound(self, metric: str) -> float | None:
        """What a model trained on the whole pool reaches, where the run measured it."""
        measured = self.facts.get("upper_bound")
        value = measured.get(metric) if isinstance(measured, Mapping) else None
        return None if value is None else float(value)

    @cached_property
    def rule_names(self) -> list[str]:
        """Every rule that was watched."""
        return [str(name) for name in self.rules.distinct("rule")]

    def curve(self, strategy: str, metric: str) -> Curve:
        """A column of the results over labels spent, aligned between seeds."""
        return self.once((strategy, metric), lambda: _aligned(self.results.where(strategy=strategy), metric))

    def rule_curve(self, strategy: str, rule: str, column: str) -> Curve:
        """A rule's value or threshold over labels spent."""
        watched = self.rules.where(strategy=strategy, rule=rule)
        return self.once(("rule", strategy, rule, column), lambda: _aligned(watched, column))

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What ``make`` gives, worked out when a key is first asked for."""
        if key not in self._known:
            self._known[key] = make()
        known: T = self._known[key]
        return known

    def seeds_of(self, strategy: str) -> list[int]:
        """The seeds that a strategy ran with, in order."""
        return sorted({int(seed) for seed in self.results.where(strategy=strategy)["seed"]})

    def last_round(self, strategy: str, seed: int) -> int:
        """The number of a cell's last round."""
        return int(self.results.where(strategy=strategy, seed=seed)["round"].max())

    def cell(self, strategy: str, seed: int) -> Path:
        """The folder of one strategy and seed."""
        return self.folder / "cells" / f"{strategy}-{seed}"

    def test_probs(self, strategy: str, seed: int) -> Floats | None:
        """(n_test, C) predictions of the last round on the test set; ``None`` where they were not kept."""
        path = self.cell(strategy, seed) / "rounds" / f"{self.last_round(strategy, seed):04d}" / "test_probs.npy"
        if self.test_labels is None or not path.is_file():
            return None
        probs: Floats = _array(path)
        if probs.ndim != 2 or probs.shape[0] != self.test_labels.shape[0] or probs.shape[1] < len(self.classes):
            raise DataError(
                f"{path} should hold a row for each of {self.test_labels.shape[0]} test items and a column for each of "
                f"{len(self.classes)} classes; its shape is {probs.shape}. It belongs to another run."
            )
        return probs


def read(folder: Path) -> Run:
    """The run in a folder that ``claros run --out`` wrote; a `DataError` says what is missing."""
    folder = Path(folder)
    facts = read_json(folder / "run.json", "run")
    tables = {name: read_table(folder / f"{name}.csv", kinds) for name, kinds in TABLES.items()}
    if len(tables["results"]) == 0:
        raise DataError(
            f"{folder / 'results.csv'} has no rows: no round of the run is finished yet. Let it go on first."
        )
    return new_run(folder, facts, tables, test_labels=_labels(folder / "test.npz"))


def new_run(folder: Path, facts: Mapping[str, Any], tables: Mapping[str, Table], **more: Any) -> Run:
    """A run of what it says of itself and its tables by name."""
    config, data = facts.get("config") or {}, facts.get("data") or {}
    named = {"followed" if name == "arms" else name: table for name, table in tables.items()}
    given = {"test_labels": None, **more, **named}
    return Run(folder=folder, config=config, data=data, facts=facts, **given)


def _aligned(table: Table, metric: str) -> Curve:
    """Seeds on one axis: the union of their label counts, with straight lines between a seed's own points."""
    seeds = sorted(table.by("seed").items())
    labels = np.unique(table["n_labeled"])
    values = np.full((len(seeds), labels.size), np.nan)
    for row, (_, own) in enumerate(seeds):
        finite = np.isfinite(own[metric])
        x, y = own["n_labeled"][finite], own[metric][finite]
        if x.size:
            order = np.argsort(x, kind="stable")
            values[row] = np.interp(labels, x[order], y[order], left=np.nan, right=np.nan)
    return Curve(labels, values)


def read_json(path: Path, command: str) -> dict[str, Any]:
    """What a run or a bench says of itself; a `DataError` where it does not."""
    if not path.is_file():
        raise DataError(
            f"{path.parent} should be the folder of a run, with a {path.name} that `claros {command} --out` writes; it "
            "has none."
        )
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON ({error}); the folder is damaged.") from error
    if not isinstance(facts, dict):
        raise DataError(f"{path} should hold a JSON object; it holds a {type(facts).__name__}.")
    return facts


def _labels(path: Path) -> Indices | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive["labels"], dtype=np.int64)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} should hold an array named labels; it cannot be read ({error}).") from error


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an array ({error}); it is damaged.") from error
