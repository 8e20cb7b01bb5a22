"""The models of a run's or a campaign's rounds, scored on other test data than the run was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from claros import data
from claros.arrays import blas_threads, to_numpy
from claros.campaign.rerun import Past, Trained
from claros.data.pool import Pool
from claros.data.split import aligned, also_in
from claros.errors import DataError, InputError
from claros.experiment import metrics
from claros.experiment.finished import RunFolder, is_run
from claros.experiment.setting import DATA_SETTINGS
from claros.experiment.tables import csv_bytes
from claros.files import write_atomically
from claros.models.model import Model
from claros.models.reads import seen_by

__all__ = ["COLUMNS", "METRICS", "Evaluation", "evaluate"]

#: Numbers that are told of every round.
METRICS = ("accuracy", "macro_f1", "nll", "ece")
#: Columns of the rows, and of the means over seeds.
COLUMNS = ("strategy", "seed", "round", "n_labeled", "n", *METRICS, "refitted")
MEANS = (
    "strategy",
    "round",
    "n_labeled",
    "seeds",
    *(f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")),
)

#: Fewer seeds have no interval worth the name; its level.
MIN_SEEDS, LEVEL = 3, 0.95


@dataclass(frozen=True)
class Evaluation:
    """Rows of metrics, one a round of an arm and seed, and their means over seeds with Student's 95 % intervals."""

    test: str
    classes: tuple[str, ...]
    n: int
    """Items of the test data."""
    also_in_pool: int
    """How many of them are also in the pool that was labeled from, where a model may have seen them."""
    rows: tuple[Mapping[str, Any], ...]
    """As the CSV has them, with ``confusion`` (rows: true classes) beside."""
    out: Path | None

    @property
    def means(self) -> list[dict[str, Any]]:
        """Each arm's rounds over its seeds; no interval with fewer than three. Confusions are summed."""
        groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault((row["strategy"], row["round"]), []).append(row)
        return [_mean(strategy, round, rows) for (strategy, round), rows in groups.items()]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "test": self.test,
            "classes": list(self.classes),
            "n": self.n,
            "also_in_pool": self.also_in_pool,
            "rows": [dict(row) for row in self.rows],
            "means": self.means,
            "out": None if self.out is None else str(self.out),
        }

    def __str__(self) -> str:
        lines = [f"{self.n} items of {self.test}:"]
        last = {row["strategy"]: row for row in self.means}
        for row in last.values():
            numbers = ", ".join(_said(row, name) for name in METRICS)
            seeds = f"{row['seeds']} seeds" if row["seeds"] > 1 else "1 seed"
            lines.append(f"  {row['strategy']}, round {row['round']}, {row['n_labeled']:g} labels, {seeds}: {numbers}")
        if self.also_in_pool:
            lines.append(
                f"{self.also_in_pool} of the items are also in the pool, where models may have been trained on them."
            )
        return "\n".join(lines)


def _said(row: Mapping[str, Any], name: str) -> str:
    interval = "" if row[f"{name}_low"] is None else f" [{row[f'{name}_low']:.4f}, {row[f'{name}_high']:.4f}]"
    return f"{name} {row[name]:.4f}{interval}"


def _mean(strategy: str, round: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"strategy": strategy, "round": round, "seeds": len(rows)}
    found["n_labeled"] = float(np.mean([row["n_labeled"] for row in rows]))
    for name in METRICS:
        values = np.array([row[name] for row in rows], dtype=np.float64)
        found[name], low, high = float(values.mean()), None, None
        if len(values) >= MIN_SEEDS:
            half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / math.sqrt(len(values)))
            low, high = found[name] - half, found[name] + half
        found |= {f"{name}_low": low, f"{name}_high": high}
    found["confusion"] = np.sum([row["confusion"] for row in rows], axis=0).tolist()
    return found


def evaluate(
    path: str | Path,
    test: str | Path | Pool,
    *,
    arm: str | None = None,
    out: str | Path | None = None,
    reading: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    model: Model | None = None,
    database: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score every complete round of a run, or of a campaign, on other test data.

    Each round's model is loaded where it was kept and can be, else trained again on the labels that the round had, with
    its own random streams. ``test`` is a source as those of `claros.data.load` (its test part, if it has one), read as
    the run's data were unless ``reading`` says otherwise, or a labeled pool. Classes that only the test data have count
    as errors. ``arm`` is one of a run's, else all are scored. With ``out``, a ``.csv``, rows are written there as they
    come, their means over seeds into ``..._means.csv`` and everything into a ``.json`` beside it; the same call goes on
    where an earlier one was ended. ``pool`` and ``model`` are needed for a campaign that was given them as objects.
    ``progress`` is called with (rounds done, rounds in all). Raises `DataError` for data without labels.
    """
    path = Path(path)
    if out is not None and Path(out).suffix != ".csv":
        raise InputError(f"out must be a .csv file, beside which the .json goes; got {str(out)!r}.")
    if is_run(path):
        run = RunFolder.read(path)
        setting = run.setting()
        options = {**{name: getattr(run.config, name) for name in DATA_SETTINGS}, **(reading or {})}
        pasts = (
            (
                cell.strategy,
                cell.seed,
                Past(cell.folder, pool=setting.pool, model=setting.model(), target=setting.target),
            )
            for cell in run.only(arm)
        )
        tested = _read(test, setting.pool, setting.model(), options)
        with blas_threads(1):  # as every cell of a run
            return _evaluated(list(pasts), tested, str(path), out, progress)
    if arm is not None:
        raise InputError(f"{path} is no run, so it has no arms; leave arm out.")
    past = Past(path, pool=pool, model=model, database=database)
    if past.model is None:
        raise InputError(f"The campaign at {path} has no model to score.")
    options = {**dict(past.state.config["pool"].get("options", {})), **(reading or {})}
    tested = _read(test, past.pool, past.model, options)
    strategy, seed = str(past.state.config["strategy"]["name"]), int(past.state.config["seed"])
    return _evaluated([(strategy, seed, past)], tested, str(path), out, progress)


@dataclass(frozen=True)
class _Tested:
    """Test data as the models read them, their labels in the classes of the pool and then their own."""

    name: str
    pool: Pool
    also_in_pool: int

    def scores(self, trained: Trained) -> dict[str, Any]:
        """Metrics of a round's model, as it is used; a class that it does not know has probability 0."""
        probs = to_numpy(trained.used(trained.model.outputs(self.pool, ["probs"]))["probs"]).astype(np.float64)
        unknown = len(self.pool.classes) - probs.shape[1]
        return metrics.evaluate(self.pool.labels, np.pad(probs, ((0, 0), (0, unknown))))


#: Options that a source of its own does not share with the pool.
_OF_THE_POOL = ("annotations", "near_duplicates", "labels", "without", "classes", "test_part", "test_share")


def _read(test: str | Path | Pool, pool: Pool, model: Model, options: Mapping[str, Any]) -> _Tested:
    if not isinstance(test, Pool):
        known = {name: value for name, value in options.items() if name not in _OF_THE_POOL}
        split = data.load(test, test_share=0.0, **known)
        given, name = split.train if split.test is None else split.test, str(test)
    else:
        given, name = test, f"{len(test)} items in memory"
    given = seen_by(model, given)
    if len(given) == 0 or given.labels is None or (given.labels < 0).any():
        raise DataError(f"{name}: every item of test data needs a label (is --label-column right?).")
    both = aligned(pool, given)
    if both.test is None:
        raise DataError(f"{name} has no items to test on.")
    return _Tested(name, both.test, int(also_in(both.test, pool).sum()))


def _evaluated(
    pasts: Sequence[tuple[str, int, Past]],
    tested: _Tested,
    place: str,
    out: str | Path | None,
    progress: Callable[[int, int], None] | None,
) -> Evaluation:
    facts = {"test": tested.pool.manifest()}
    done = _done(out, facts)
    rows: list[Mapping[str, Any]] = []
    total = sum(len(past.state.fitted) for _, _, past in pasts)

    def so_far() -> Evaluation:
        where = None if out is None else Path(out)
        return Evaluation(tested.name, tested.pool.classes, len(tested.pool), tested.also_in_pool, tuple(rows), where)

    for strategy, seed, past in pasts:
        for row in _rounds(strategy, seed, past, tested, done):
            rows.append(row)
            if out is not None and (strategy, seed, row["round"]) not in done:
                _write(Path(out), so_far(), facts, done)
            if progress is not None:
                progress(len(rows), total)
    if not rows:
        raise InputError(f"{place} has no round with a trained model yet.")
    if out is not None:
        _write(Path(out), so_far(), facts, {})
    return so_far()


_Done = Mapping[tuple[str, int, int], Mapping[str, Any]]


def _rounds(strategy: str, seed: int, past: Past, tested: _Tested, done: _Done) -> Iterator[Mapping[str, Any]]:
    known = {
        round: row
        for (arm, own, round), row in done.items()
        if (arm, own, row.get("campaign")) == (strategy, seed, past.state.created)
    }
    for trained in past.trained(without=known):
        if trained.round in known:
            yield known[trained.round]
            continue
        scores = tested.scores(trained)
        yield {
            "strategy": strategy,
            "seed": seed,
            "round": trained.round,
            "n_labeled": int(trained.logged["n_trained"]),
            "n": scores["n"],
            **{name: scores[name] for name in METRICS},
            "refitted": trained.refitted,
            "confusion": scores["confusion"],
            "campaign": past.state.created,  # when it was made: another one of the same place is another
        }


def _done(out: str | Path | None, facts: Mapping[str, Any]) -> _Done:
    """What an earlier call has written there of the same models on the same data."""
    file = None if out is None else Path(out).with_suffix(".json")
    if file is None or not file.exists():
        return {}
    try:
        before = json.loads(file.read_bytes())
        if before["facts"] != json.loads(json.dumps(facts)):
            return {}
        return {(row["strategy"], row["seed"], row["round"]): row for row in before["rows"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is not what claros evaluate writes ({error}); give --out another file.") from error


def _write(out: Path, found: Evaluation, facts: Mapping[str, Any], also: _Done) -> None:
    """The files as of now; rows of an earlier call that are still to come are kept in the JSON."""
    here = {(row["strategy"], row["seed"], row["round"]) for row in found.rows}
    rows = [*found.to_json()["rows"], *(dict(row) for key, row in also.items() if key not in here)]
    content = {**found.to_json(), "facts": facts, "rows": rows}
    write_atomically(out, csv_bytes(COLUMNS, found.rows))
    write_atomically(out.with_name(f"{out.stem}_means.csv"), csv_bytes(MEANS, found.means))
    write_atomically(out.with_suffix(".json"), json.dumps(content, ensure_ascii=False, allow_nan=False).encode())
