"""What the result files tell of: one arm with one seed that is done, iteration by iteration."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros import strategies
from claros.arrays import Floats, Indices
from claros.data.options import PARTS
from claros.data.pool import Pool
from claros.errors import DataError
from claros.experiment.setting import Setting
from claros.experiment.tables import Cell, read_round, rounds_done

__all__ = ["Iteration", "Record", "dataset_name", "read_cell"]


@dataclass(frozen=True)
class Iteration:
    """A round: its metrics, the trainer's log, what was labeled for it (item, class, source), and its saved model."""

    number: int
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    batch: Sequence[Mapping[str, Any]]
    model: Path | None

    @property
    def confusion(self) -> Indices:
        """(C, C) counts on the test data: row = true class, column = predicted class."""
        return np.asarray(self.metrics["confusion"], dtype=np.int64)

    @property
    def seconds(self) -> float:
        """Seconds that the iteration took, all in all."""
        return float(sum(self.metrics["seconds"].values()))


@dataclass(frozen=True)
class Record:
    """A training that is done: its name, the strategy behind it, data, iterations and last test predictions (n, C).

    ``about`` has what the program was told, for ``results.json`` and ``infos.txt``.
    """

    name: str
    strategy: str
    model: str
    seed: int
    pool: Pool
    test: Pool
    iterations: tuple[Iteration, ...]
    test_probs: Floats
    about: Mapping[str, Any]

    @property
    def last(self) -> Iteration:
        """The last iteration."""
        return self.iterations[-1]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names in the order of their codes."""
        return self.pool.classes

    @property
    def bought(self) -> int:
        """Labels that the last model was trained on."""
        return int(self.last.metrics["n_labeled"])


def read_cell(setting: Setting, cell: Cell, about: Mapping[str, Any] | None = None) -> Record:
    """The record of a cell of a run, from its folder; O(rounds) small files are read."""
    config, n = setting.config, rounds_done(cell)
    if n == 0:
        raise DataError(f"{cell.folder} has no round that is complete; let the run go on first.")
    last = cell.round_folder(n - 1) / "test_probs.npy"
    arm = config.arms[cell.strategy]
    told = {
        "dataset_name": dataset_name(config.data),
        "strategy_name": cell.strategy,
        "n_init_labeled": setting.plan.start,
        "n_query": setting.plan.batch,
        "n_round": n - 1,
        **(about or {}),
    }
    return Record(
        name=cell.strategy,
        strategy=strategies.get(arm.name, **arm.parameters).name if arm.name in strategies.REGISTRY else arm.name,
        model=config.model.name,
        seed=cell.seed,
        pool=setting.pool,
        test=setting.test,
        iterations=tuple(_iteration(cell, number) for number in range(n)),
        test_probs=np.asarray(np.load(last, allow_pickle=False)),
        about=told,
    )


def dataset_name(source: str | Path) -> str:
    """What to call a source: its last part, or that before it where the last only says what it is for.

    >>> dataset_name("DATA/DATA_CIFAR10/train/"), dataset_name("digits")
    ('DATA_CIFAR10', 'digits')
    """
    path = Path(source)
    return path.parent.name if path.name.lower() in PARTS and path.parent.name else path.name


def _iteration(cell: Cell, number: int) -> Iteration:
    folder, model = cell.round_folder(number), cell.folder / "models" / f"{number:04d}"
    history = folder / "history.json"
    with (folder / "batch.csv").open(newline="", encoding="utf-8") as file:
        batch = list(csv.DictReader(file))
    return Iteration(
        number,
        read_round(cell, number),
        json.loads(history.read_bytes()) if history.is_file() else [],
        batch,
        model if model.is_dir() else None,
    )
