"""One round of a run or a campaign, done again from its records: is it the same?"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claros.arrays import blas_threads
from claros.campaign.environment import differences, environment
from claros.campaign.rerun import Past, Rerun
from claros.campaign.state import Planned, Round
from claros.data.pool import Pool
from claros.errors import InputError
from claros.experiment import batches, cell
from claros.experiment.differences import CLOSE, DIFFERENT, Part, arrays, numbers, texts
from claros.experiment.finished import RunFolder, is_run
from claros.experiment.setting import Setting
from claros.experiment.tables import Cell, read_round, rounds_done
from claros.files import npy_bytes
from claros.models.model import Model

__all__ = ["Verification", "verify"]

#: Numbers are the same if they differ by no more than this, relative to the recorded one where that is above 1.
TOLERANCE = 1e-6

#: Metrics of a round that are single numbers, and facts of a training.
METRICS = ("accuracy", "macro_f1", "nll", "ece")
FACTS = ("labels_seq", "n_trained", "n_labeled", "n_pool")


@dataclass(frozen=True)
class Verification:
    """What came of doing a round again; true in an ``if`` when it is the same."""

    place: str
    arm: str | None
    seed: int
    round: int
    parts: tuple[Part, ...]
    changes: tuple[str, ...]
    """Versions, threads and devices that are others than those that the round was computed with."""
    recorded: bool
    """Whether the log says what it was computed with."""
    tolerance: float

    @property
    def same(self) -> bool:
        """Whether no part is different."""
        return all(part.verdict != DIFFERENT for part in self.parts)

    def __bool__(self) -> bool:
        return self.same

    def __str__(self) -> str:
        what = f"round {self.round}" if self.arm is None else f"{self.arm}, seed {self.seed}, round {self.round}"
        close = [part for part in self.parts if part.verdict == CLOSE]
        bits = f"within {self.tolerance:g}" if close else "to the bit"
        head = f"{self.place}: {what} is {'the same ' + bits if self.same else 'not the same'}."
        lines = [head, *(f"  {part}" for part in self.parts)]
        if self.changes:
            lines.append("Computed with something else: " + "; ".join(self.changes) + ".")
        elif self.recorded:
            lines.append("Computed with the same versions and threads.")
        else:
            lines.append("The log does not say which versions and threads the round was computed with.")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "same": self.same,
            "place": self.place,
            "arm": self.arm,
            "seed": self.seed,
            "round": self.round,
            "parts": [vars(part) for part in self.parts],
            "changes": list(self.changes),
            "environment_recorded": self.recorded,
            "tolerance": self.tolerance,
        }


def verify(
    path: str | Path,
    *,
    round: int | None = None,
    arm: str | None = None,
    seed: int | None = None,
    tolerance: float = TOLERANCE,
    pool: Pool | None = None,
    model: Model | None = None,
    target: Pool | None = None,
    database: str | None = None,
) -> Verification:
    """Do one round of a run, or of a campaign, again from its records, and compare: nothing on disk is changed.

    The round is planned anew from the labels that were there, and its model trained and evaluated anew. Compared are
    the picks in their order with where they came from, their scores, the predictions that were kept, and of a run what
    the annotator told, the predictions on the test data, the metrics and the tables. Without ``round`` it is the last
    complete one; of a run the first arm and seed unless ``arm`` and ``seed`` say otherwise. ``pool``, ``model`` and
    ``target`` are needed for a campaign that was given them as objects, ``database`` if its log is elsewhere. Costs
    what a round costs, and the training before it where that model was not kept. Raises `InputError` for a round that
    is not there.
    """
    path = Path(path)
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance must be a number from 0 to less than 1; got {tolerance!r}.")
    if not is_run(path):
        if arm is not None or seed is not None:
            raise InputError(f"{path} is no run, so it has no arms and seeds; leave them out.")
        past = Past(path, pool=pool, model=model, target=target, database=database)
        return _campaign(past, str(path), round, tolerance)
    run = RunFolder.read(path)
    chosen = run.only(arm, seed)[0]
    setting = run.setting()
    with blas_threads(1):  # as every cell of a run
        return _cell(setting, chosen, path, round, tolerance)


def _campaign(past: Past, place: str, round: int | None, tolerance: float) -> Verification:
    number = _number(round, max(past.state.fitted, default=len(past.state.rounds) - 1), place)
    rerun = past.before(number)
    planned = rerun.plan(number)
    parts = list(_planned(past.state.rounds[number], planned, tolerance))
    logged = rerun.train()
    parts += _trained(past, rerun, number, logged, tolerance)
    return _verified(past, place, None, number, parts, tolerance)


def _cell(setting: Setting, one: Cell, out: Path, round: int | None, tolerance: float) -> Verification:
    number = _number(round, rounds_done(one) - 1, str(one.folder))
    if number >= rounds_done(one):
        raise InputError(
            f"Round {number} of {one.folder} is not complete; the last that is, is {rounds_done(one) - 1}."
        )
    past = Past(one.folder, pool=setting.pool, model=setting.model(), target=setting.target)
    rerun, recorded = past.before(number), past.state.rounds[number]
    by, items = batches.chosen(
        setting, rerun.campaign, setting.config.arms[one.strategy], one.seed, len(recorded.items)
    )
    planned = rerun.plan(number)
    if items:  # the oracle chose, by what only an experiment knows
        planned = Round(number, by, tuple(Planned(item, "chosen", False, None, None) for item in items), 0.0)
    parts = list(_planned(recorded, planned, tolerance))
    again = planned if planned is not None else recorded
    told = {item: past.state.labels().get(item) for item in (row.item for row in recorded.items)}
    parts.append(texts("labels told", [*told.values()], [*setting.answers(told, one.seed).values()]))
    logged = rerun.train()
    parts += _trained(past, rerun, number, logged, tolerance)
    probs, scores = cell.evaluate(rerun.campaign, setting)
    kept = one.round_folder(number) / "test_probs.npy"
    parts.append(arrays("test predictions", kept.read_bytes(), npy_bytes(probs), tolerance))
    written = read_round(one, number)
    parts.append(numbers("metrics", {name: written[name] for name in METRICS}, scores, tolerance))
    parts += _tables(one, out, number, again, scores, tolerance)
    return _verified(past, str(out), one, number, parts, tolerance)


def _number(asked: int | None, last: int, place: str) -> int:
    if asked is not None and asked < 0:
        raise InputError(f"A round's number is 0 or more; got {asked}.")
    if last < 0:
        raise InputError(f"{place} has no round yet.")
    return last if asked is None else asked


def _planned(recorded: Round, again: Round | None, tolerance: float) -> Iterator[Part]:
    """Items in their order, where they came from, scores and chances; nothing where somebody else chose them."""
    if again is None:
        return
    yield texts("picks", _items(recorded.items), _items(again.items))
    yield texts("sources", [row.source for row in recorded.items], [row.source for row in again.items])
    for name in ("score", "probability"):
        was, now = ({row.item: getattr(row, name) for row in one.items} for one in (recorded, again))
        if any(value is not None for value in was.values()):
            yield numbers("scores" if name == "score" else "chances", was, now, tolerance)


def _items(rows: Sequence[Planned]) -> list[str]:
    return [row.item for row in rows]


def _trained(
    past: Past, rerun: Rerun, number: int, logged: Mapping[str, Any] | None, tolerance: float
) -> Iterator[Part]:
    """What was kept of the plan and of the training: arrays as they lie in the round's folder, and facts in the log."""
    root = past.folder.root
    kept = {} if root is None else {file.name: file.read_bytes() for file in (root / _folder(number)).glob("*.npy")}
    now = rerun.arrays(number)
    for name in sorted({*kept, *now} - {"test_probs.npy"}):
        yield arrays(name, kept.get(name), now.get(name), tolerance)
    if logged is not None:
        before = {fact: past.state.fitted[number][fact] for fact in FACTS}
        yield numbers("training", before, logged, 0.0)
        yield numbers("audit", past.state.fitted[number]["audit"], logged["audit"], 0.0)
        if past.state.fitted[number].get("shift"):
            was, now = (_flat(one.get("shift") or {}) for one in (past.state.fitted[number], logged))
            yield numbers("label shift", was, now, tolerance)


def _flat(shift: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of what was found of a label shift, by name and class."""
    lists = {name: value for name, value in shift.items() if isinstance(value, list)}
    single = {name: value for name, value in shift.items() if isinstance(value, (int, float, type(None)))}
    return {**single, **{f"{name}[{at}]": one for name, values in lists.items() for at, one in enumerate(values)}}


def _folder(number: int) -> str:
    return f"rounds/{number:04d}"


def _tables(
    one: Cell, out: Path, number: int, again: Round, scores: Mapping[str, Any], tolerance: float
) -> Iterator[Part]:
    """The files that people and reports read: ``batch.csv``, and the run's tables where they are written."""
    key = {"strategy": one.strategy, "seed": str(one.seed), "round": str(number)}
    batch = _rows(one.round_folder(number) / "batch.csv", {})
    yield texts("batch.csv", [row["item"] for row in batch], _items(again.items))
    if picks := _rows(out / "picks.csv", key):
        yield texts("picks.csv", [row["item"] for row in picks], _items(again.items))
    for row in _rows(out / "results.csv", key):
        yield numbers("results.csv", {name: float(row[name]) for name in METRICS}, scores, tolerance)


def _rows(path: Path, key: Mapping[str, str]) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[name] == value for name, value in key.items())]


def _verified(
    past: Past, place: str, one: Cell | None, number: int, parts: Sequence[Part], tolerance: float
) -> Verification:
    recorded = past.state.environment_of(number)
    changes = () if recorded is None else tuple(differences(recorded, environment()))
    arm, seed = (None, int(past.state.config["seed"])) if one is None else (one.strategy, one.seed)
    return Verification(place, arm, seed, number, tuple(parts), changes, recorded is not None, tolerance)
