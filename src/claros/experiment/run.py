"""A run: every arm with every seed, each a campaign in a folder of its own, gathered into tables at the end."""

from __future__ import annotations

import importlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import claros
from claros.campaign.environment import versions
from claros.campaign.hooks import Hooks
from claros.errors import DataError, InputError
from claros.experiment import upper_bound
from claros.experiment.cell import Keeper, Task, run_cell
from claros.experiment.config import CONTROL, STRATIFIED, UPPER_BOUND, RunConfig, parse_config
from claros.experiment.following import Following
from claros.experiment.hooked import Hooked
from claros.experiment.progress import Display, Listener
from claros.experiment.run_folder import InFolder
from claros.experiment.setting import Setting
from claros.experiment.tables import Cell, read_round, rounds_done, write_tables
from claros.experiment.workers import in_processes
from claros.files import write_atomically

__all__ = ["cells_of", "gather_run", "run"]

logger = logging.getLogger("claros")

#: Version of a run's folder.
VERSION = 1


def run(
    config: RunConfig,
    out: str | Path,
    *,
    jobs: int = 1,
    listener: Listener | None = None,
    track: Sequence[str] = (),
    hooks: Sequence[Any] = (),
) -> Path:
    """Run all cells that are not complete, write the tables into the folder ``out``, and return it.

    The same call goes on where an earlier one was killed, and ends with the numbers of one that was not; with more
    seeds or strategies it adds theirs. A folder that holds another run is an `InputError` that says what differs.
    ``jobs`` cells run side by side in processes of their own, with the same numbers. Progress is shown on standard
    error unless ``listener`` takes it. ``track`` names trackers that hear of every round (`claros.track`).
    ``hooks`` are called before and after each round (`claros.campaign.hooks`): objects, or texts
    ``package.module:factory``, which alone can go into other processes.
    """
    if jobs < 1:
        raise InputError(f"jobs must be at least 1; got {jobs}.")
    if jobs > 1 and not all(isinstance(hook, str) for hook in hooks):
        raise InputError(
            "With several jobs each process makes the hooks anew: give them by name, package.module:factory."
        )
    Hooks(hooks)
    setting = Setting.load(config)
    setting.check()
    out = Path(out)
    dalmax = importlib.import_module("claros.experiment.dalmax") if config.files == "dalmax" else None
    if dalmax is not None:
        dalmax.check_folder(out / "dalmax")  # what cannot be written is said before anything is trained
    _claim(out, setting)
    if config.init.name == STRATIFIED:
        logger.warning("The start is stratified: it reads labels that nobody has bought, which only an experiment can.")
    if not (out / "test.npz").exists():
        write_atomically(out / "test.npz", _npz(labels=np.asarray(setting.test.labels, dtype=np.int64)))
    cells = cells_of(config, out)
    work = _Work(setting, out, tuple(track), tuple(hooks))
    if listener is not None:
        _run_waves(work, cells, jobs, listener)
    else:
        with Display(len(cells)) as display:
            _run_waves(work, cells, jobs, display)
    write_tables(out, cells)
    if dalmax is not None:
        dalmax.write_run(setting, cells, out / "dalmax")
    if config.candidates and "upper_bound" not in _read_facts(out):
        _write_facts(out, {**_read_facts(out), "upper_bound": upper_bound.ceiling(setting, config.all_seeds)})
    return out


def cells_of(config: RunConfig, out: Path) -> list[Cell]:
    """All cells of a run, arm by arm, in the order of its tables."""
    return [_cell(out, label, seed) for label in config.arms for seed in config.all_seeds]


def gather_run(out: str | Path) -> None:
    """Write the tables of a run that may not be finished, from the rounds that are; without any, nothing is written."""
    cells = cells_of(parse_config(_read_facts(Path(out))["config"]), Path(out))
    if any(map(rounds_done, cells)):
        write_tables(Path(out), cells)


class _Work:
    """Runs the cells of a setting, in this process."""

    def __init__(self, setting: Setting, out: Path, track: tuple[str, ...], hooks: tuple[Any, ...] = ()) -> None:
        self.setting = setting
        self.out = out
        self.track = track
        self.hooks = hooks
        self._hooks = Hooks(hooks)
        self._following = Following(track, out) if track else None

    def __call__(self, task: Task, report: Listener) -> None:
        """Run a cell, or what is left of it."""
        keeper: Keeper = InFolder(_cell(self.out, task.strategy, task.seed))
        if self._hooks:
            keeper = Hooked(keeper, self._hooks)
        if self._following is None:
            run_cell(self.setting, task, keeper, report)
            return
        group, id = Path(self.setting.config.data).name, f"{task.strategy}-{task.seed}"
        with self._following.of(keeper, self.setting, task, group, id) as followed:
            run_cell(self.setting, task, followed, report)


def _run_waves(work: _Work, cells: Sequence[Cell], jobs: int, listener: Listener) -> None:
    """Seed by seed, the control first; but where a rule ends the arms, those it does not end follow the longest."""
    config, total = work.setting.config, work.setting.plan.total
    led = [label for label in config.arms if label in (CONTROL, UPPER_BOUND)]
    if len(led) == len(config.arms) or not (config.control or UPPER_BOUND in led):
        led = []  # random alone is an arm like any other
    in_turn = sorted(cells, key=lambda cell: (cell.seed, cell.strategy != CONTROL))
    ends = config.stop is not None

    def task(cell: Cell, until: int = total) -> Task:
        return Task(cell.strategy, cell.seed, config.arms[cell.strategy], until, ends and cell.strategy not in led)

    if not (ends and led):
        _run_tasks(work, [task(cell) for cell in in_turn], jobs, listener)
        return
    arms = [cell for cell in in_turn if cell.strategy not in led]
    _run_tasks(work, [task(cell) for cell in arms], jobs, listener)
    spent = {seed: max(_spent(cell) for cell in arms if cell.seed == seed) for seed in config.all_seeds}
    followers = [task(cell, spent[cell.seed]) for cell in in_turn if cell.strategy in led]
    _run_tasks(work, followers, jobs, listener)


def _spent(cell: Cell) -> int:
    return int(read_round(cell, rounds_done(cell) - 1)["n_bought"])


def _run_tasks(work: _Work, tasks: Sequence[Task], jobs: int, listener: Listener) -> None:
    if min(jobs, len(tasks)) > 1:
        settings = work.setting.config.model_dump(mode="json")
        in_processes(tasks, jobs, _worker, (settings, work.out, work.track, work.hooks), listener)
    else:
        for task in tasks:
            work(task, listener)


def _worker(settings: Mapping[str, Any], out: Path, track: tuple[str, ...], hooks: tuple[str, ...]) -> _Work:
    """What a process does for each cell; it reads the data once."""
    return _Work(Setting.load(parse_config(settings)), out, track, hooks)


def _cell(out: Path, label: str, seed: int) -> Cell:
    return Cell(label, seed, out / "cells" / f"{label}-{seed}")


def _claim(out: Path, setting: Setting) -> None:
    """Write what the run is into its folder, or see that this is what the folder holds, or a part of it."""
    facts = {
        "version": VERSION,
        "claros": claros.__version__,
        "versions": versions(),
        "config": setting.config.computed(),
        **setting.facts(),
    }
    if (out / "run.json").exists():
        before = _read_facts(out)
        _check_same(out, before, facts)
        if before["config"] == facts["config"]:
            return
    else:
        strangers = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
        if strangers:
            raise InputError(f"{out} holds other things than a run ({strangers[0]}); give --out a folder of its own.")
    _write_facts(out, facts)


def _write_facts(out: Path, facts: Mapping[str, Any]) -> None:
    write_atomically(out / "run.json", json.dumps(facts, ensure_ascii=False, indent=2).encode())


def _npz(**arrays: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _read_facts(out: Path) -> dict[str, Any]:
    path = out / "run.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{out} is not the folder of a run: it has no run.json, which claros run writes.") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); run into another folder.") from error
    if facts.get("version") != VERSION:
        raise DataError(f"{path} has version {facts.get('version')!r}, this Claros reads {VERSION}; update it.")
    return facts


def _check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    was, wanted = before["config"], now["config"]
    names = [name for name in {**was, **wanted} if was.get(name) != wanted.get(name) and not _grew(name, was, wanted)]
    if names:
        said = "; ".join(f"{name} was {_short(was.get(name))}, now {_short(wanted.get(name))}" for name in names)
        raise InputError(f"{out} holds a run with other settings ({said}); give another --out, or the same settings.")
    for part, kept in before["manifest"].items():
        if kept != now["manifest"][part]:
            what = "pool" if part == "pool" else "test data"
            raise DataError(f"{out} holds a run on another {what} of the same name; give another --out, or that data.")


def _grew(name: str, was: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a setting only asks for more cells beside those that are there, which stay what they are.

    Where a rule ends the arms, the control follows the longest of them, so a further arm could change its cells.
    """
    if name == "seeds":
        return bool(wanted[name] >= was[name])
    if wanted["stop"] is not None:
        return False
    if name == "upper_bound":
        return was.get(name) is False
    return name == "strategy" and all(arm in wanted[name] for arm in was[name])


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
