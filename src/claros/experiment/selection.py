"""What a run or a campaign selected, ready to train on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros import data
from claros.arrays import Indices
from claros.campaign import Campaign
from claros.data.labels import recode
from claros.data.pool import Pool, derive
from claros.errors import DataError, InputError, UnknownNameError, suggest
from claros.experiment.config import CONTROL, UPPER_BOUND, RunConfig, parse_config
from claros.experiment.setting import Setting

__all__ = ["Selection", "open_selection"]


@dataclass(frozen=True)
class Selection:
    """What was selected, once for each seed: positions in the pool, and the codes of the labels told of them.

    ``codes_of(positions, seed)`` says what is told of any other item of the pool. ``model`` is a specification.
    """

    name: str
    pool: Pool
    test: Pool
    positions: tuple[Indices, ...]
    codes: tuple[Indices, ...]
    seeds: tuple[int, ...]
    codes_of: Callable[[Indices, int], Indices]
    model: Mapping[str, Any]


def open_selection(path: str | Path, *, arm: str | None = None, test: str | Path | None = None) -> Selection:
    """All that was labeled to train on, the start included: of an arm of a run, seed by seed, or of a campaign.

    Arguments:
        path: the folder of a run or of a campaign; its data are opened again from where they were.
        arm: of a run, by its label; the first strategy unless given.
        test: of a campaign, what to test on; without, the test part that its pool was loaded with.
    """
    path = Path(path)
    if (path / "run.json").is_file():
        if test is not None:
            raise InputError("A run has its own test data; leave out test.")
        return _of_run(path, arm)
    if (path / "items").is_dir():
        if arm is not None:
            raise InputError("A campaign has one selection; leave out the strategy.")
        return _of_campaign(path, test)
    raise DataError(f"{path} is the folder of neither a run (it has no run.json) nor a campaign.")


def _of_run(path: Path, arm: str | None) -> Selection:
    config: RunConfig = parse_config(json.loads((path / "run.json").read_bytes())["config"])
    known = [label for label in config.arms if label != UPPER_BOUND]
    arm = arm or next((label for label in known if label != CONTROL), CONTROL)
    if arm not in known:
        raise UnknownNameError(suggest(arm, known, f"strategy in {path}"))
    setting = Setting.load(config)
    pool, code = setting.pool, {name: code for code, name in enumerate(setting.pool.classes)}
    positions, codes, seeds = [], [], []
    for seed in config.all_seeds:
        rows = _labeled(path / "cells" / f"{arm}-{seed}")
        if rows:
            positions.append(np.array([pool.positions[row["item"]] for row in rows], dtype=np.int64))
            codes.append(np.array([code[row["class"]] for row in rows], dtype=np.int64))
            seeds.append(seed)
    if not seeds:
        raise DataError(f"{path} has no round of {arm} that is complete; let the run go on first.")
    told, spec = setting.oracle.codes, setting.model().spec()
    return Selection(arm, pool, setting.test, tuple(positions), tuple(codes), tuple(seeds), told, spec)


def _labeled(cell: Path) -> list[dict[str, str]]:
    """What the last complete round's model was trained on, in the order labeled; audited items are not."""
    rows: list[dict[str, str]] = []
    for number in range(10**9):
        folder = cell / "rounds" / f"{number:04d}"
        if not (folder / "metrics.json").is_file():
            return rows
        with (folder / "batch.csv").open(newline="", encoding="utf-8") as file:
            rows += [row for row in csv.DictReader(file) if row["source"] != "audit"]
    return rows


def _of_campaign(path: Path, test: str | Path | None) -> Selection:
    with Campaign.open(path) as campaign:
        classes, said = campaign.classes, campaign.labels()
        positions = campaign.labeled_positions()
        pool = _in_classes(campaign.pool, classes, str(path))
        spec = {} if campaign.model is None else campaign.model.spec()
        seed = campaign.seed
    if not len(positions):
        raise DataError(f"The campaign at {path} has no labels to train on yet.")
    code = {name: code for code, name in enumerate(classes)}
    codes = np.array([code[said[pool.ids[at]]] for at in positions.tolist()], dtype=np.int64)

    def truth(asked: Indices, seed: int) -> Indices:
        known = np.full(len(pool), -1) if pool.labels is None else np.array(pool.labels)
        known[positions] = codes  # what people said comes first
        if (known[asked] < 0).any():
            raise DataError(
                f"Random items need labels, but of {len(asked)} drawn {int((known[asked] < 0).sum())} have none; "
                "label the pool, or train on the selection alone (mode active)."
            )
        return np.asarray(known[asked])

    judged = _in_classes(_test_of(pool, path, test), classes, "the test data")
    return Selection(path.name, pool, judged, (positions,), (codes,), (seed,), truth, spec)


def _test_of(pool: Pool, path: Path, test: str | Path | None) -> Pool:
    source = dict(pool.source)
    if source.get("by") != "load":
        raise DataError(
            f"The pool of {path} was not opened by claros.data.load, so its test part cannot be found again."
        )
    if test is not None:
        source["test"] = str(Path(test).resolve()) if Path(test).exists() else str(test)
    elif source["test"] is None and not source["test_share"]:
        raise DataError(f"The pool of {path} has no test data; give --test.")
    return data.reopen({**source, "part": "test"})


def _in_classes(pool: Pool, classes: tuple[str, ...], where: str) -> Pool:
    """The pool with its labels as codes into the campaign's classes, which may be more, or in another order."""
    labels = None if pool.labels is None else recode(np.asarray(pool.labels), pool.classes, classes, where=where)
    return derive(pool, classes=classes, labels=labels)
