"""Run a preset, measure what came out, and put the published figures beside it."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.errors import DataError, InputError, ModelError, require
from claros.experiment.bench import bench
from claros.experiment.config import CONTROL
from claros.experiment.curves import Curve
from claros.experiment.replicate.figures import Curves, by_pairs, gaps_of, rows_of, sentences
from claros.experiment.replicate.outcome import Replication
from claros.experiment.replicate.preset import Preset, Published, Request
from claros.experiment.replicate.table import get
from claros.files import write_atomically

__all__ = ["run"]

#: Level of the intervals and tests.
LEVEL = 0.95


def run(
    name: str,
    out: str | Path,
    *,
    seeds: int | None = None,
    jobs: int = 1,
    rounds: int | None = None,
    data: Iterable[str | Path] = (),
    features: str | Path | None = None,
    quiet: bool = False,
) -> Replication:
    """Run the preset into the folder ``out``: its data, a bench, ``replicate.json`` and ``.csv``; what was found.

    The same call goes on where an earlier one ended; more ``seeds`` are added. ``rounds`` ends every arm early, for a
    quick look: then what was published for the whole budget is left out. ``data`` and ``features`` are the files that
    some presets need; what is missing is said in one sentence before anything is trained.
    """
    preset = get(name)
    require(preset.extra, preset.extra, f"The preset {name}")
    if (seeds is not None and seeds < 1) or (rounds is not None and rounds < 1):
        raise InputError(f"seeds and rounds must be at least 1; got {seeds} and {rounds}.")
    files = tuple(_there(path) for path in data)
    encoded = None if features is None else _there(features)
    if preset.needs is not None and not files and encoded is None:
        raise InputError(preset.needs if preset.needs.endswith(".") else f"{preset.needs}.")
    out = Path(out)
    _claim(out, {"name": name, "rounds": rounds, "data": list(files), "features": encoded})
    request = Request(out, seeds or preset.seeds, rounds, files, encoded)
    outcome = bench(preset.settings(request), out, jobs=jobs, quiet=quiet)
    if not outcome.counts.get("done"):
        raise ModelError(f"{name} could not be run: {outcome}")
    failures = (str(outcome),) if outcome.failures else ()
    if preset.compare is not None:
        replication = preset.compare(preset, request, failures)
    else:
        replication = _compared(preset, request, read_curves(out), failures)
    replication.write()
    return replication


def _there(path: str | Path) -> str:
    from claros.data import names

    if isinstance(path, str) and path in names():
        return path
    if not Path(path).exists():
        raise DataError(f"There is no file {path}; give the path of the data that the preset runs on.")
    return str(Path(path).absolute())


def _claim(out: Path, asked: Mapping[str, Any]) -> None:
    """See that the folder is free, or holds a replication that asked for the same."""
    path = out / "asked.json"
    if path.exists():
        before = json.loads(path.read_bytes())
        differing = [key for key in asked if before.get(key) != asked[key]]
        if differing:
            key = differing[0]
            raise InputError(
                f"{out} holds a replication with another {key} ({before.get(key)!r}, now {asked[key]!r}); give --out a "
                "folder of its own."
            )
    elif out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} holds other things than a replication; give --out a folder of its own.")
    else:
        write_atomically(path, json.dumps(asked, indent=2).encode())


def read_curves(out: Path) -> Curves:
    """The learning curves of every setting and seed of which all arms are done."""
    unfinished = set()
    with (out / "cells.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["status"] != "done":
                unfinished.add((row["setting"], int(row["seed"])))
    points: dict[tuple[str, int], dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            where = (row["setting"], int(row["seed"]))
            if where not in unfinished:
                points[where][row["strategy"]].append((float(row["n_labeled"]), float(row["accuracy"])))
    return {
        where: {arm: Curve(*map(np.array, zip(*rows, strict=True))) for arm, rows in arms.items()}
        for where, arms in points.items()
    }


def _compared(preset: Preset, request: Request, curves: Curves, failures: tuple[str, ...]) -> Replication:
    if preset.claim is not None:
        rows, findings = by_pairs(preset.claim, preset.figures[0], curves, LEVEL)
        gaps, notes = [], preset.notes
    else:
        figures = figures_of(preset, curves)
        published, notes = _published(preset, request, curves)
        rows = rows_of(figures, published, preset.figures, LEVEL)
        gaps = gaps_of(figures, published, preset.figures, LEVEL, CONTROL)
        findings = sentences(gaps, LEVEL)
    return Replication(
        preset.name,
        preset.title,
        preset.source,
        tuple(rows),
        tuple(gaps),
        tuple(findings),
        tuple(notes),
        max(row.seeds for row in rows),
        LEVEL,
        request.folder,
        failures,
    )


def figures_of(preset: Preset, curves: Curves) -> dict[str, Floats]:
    """By arm, (S, K): the preset's figures of every (setting, seed)."""
    arms = list(next(iter(curves.values())))
    arms.sort(key=lambda arm: arm != CONTROL)
    return {arm: np.array([preset.measure(each[arm]) for each in curves.values()]) for arm in arms}


def _published(
    preset: Preset, request: Request, curves: Curves
) -> tuple[Mapping[str, Sequence[Published]], tuple[str, ...]]:
    """What can be compared with this run, and the notes; what was published for a whole budget only beside a whole."""
    if preset.curves is not None:
        some = next(iter(next(iter(curves.values())).values()))
        start, end = some.n_labeled[0], some.n_labeled[-1]
        found = {}
        for arm, (labels, levels) in preset.curves().items():
            there = (labels >= start) & (labels <= end)
            found[arm] = tuple(Published(value) for value in preset.measure(Curve(labels[there], levels[there])))
        return found, preset.notes
    if request.rounds is None:
        return preset.published, preset.notes
    short = f"Every arm was ended after {request.rounds} rounds, so the published figures are not shown beside these."
    return {}, (short, *preset.notes)
