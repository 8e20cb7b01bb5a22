"""One arm with one seed: a campaign whose annotator is simulated, evaluated on test data after every round."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros import data, models, stopping, strategies
from claros.arrays import blas_threads, to_numpy
from claros.campaign import Campaign, Fitted, Query, Round
from claros.campaign.state import Planned
from claros.data.pool import Pool
from claros.errors import CorruptLogError, DataError, ModelError
from claros.experiment import metrics
from claros.experiment.config import Arm, Plan, RunConfig
from claros.experiment.oracle import Oracle
from claros.experiment.progress import Listener, Moment
from claros.experiment.tables import Cell, csv_bytes, read_round, rounds_done
from claros.experiment.workers import uninterrupted
from claros.files import npy_bytes, write_atomically

__all__ = ["Bench", "Task", "run_cell"]

#: Settings that say how the data are read; those of `claros.data.load` by the same names.
DATA_SETTINGS = (
    "text_column",
    "label_column",
    "id_column",
    "split_column",
    "label_pattern",
    "image_size",
    "skip_unreadable",
)
BATCH_COLUMNS = ("item", "class", "source", "score", "probability")


@dataclass(frozen=True)
class Bench:
    """What all cells of a run share: settings, size, pool, test data and the simulated annotator."""

    config: RunConfig
    plan: Plan
    pool: Pool
    test: Pool
    oracle: Oracle

    @classmethod
    def load(cls, config: RunConfig) -> Bench:
        """Read the data, and say what is wrong with them for a simulation."""
        pool, test = data.load(
            config.data,
            test=config.test,
            **{name: getattr(config, name) for name in DATA_SETTINGS},
        )
        oracle = Oracle(pool)
        if test is None or len(test) == 0 or test.labels is None or (test.labels < 0).any():
            raise DataError(
                f"{config.test or config.data} has no test data of which every item is labeled; pass --test."
            )
        return cls(config, config.plan(len(np.unique(pool.groups))), pool, test, oracle)

    def campaign(self, arm: Arm, seed: int, path: Path | None) -> Campaign:
        """A new campaign for one arm and seed; raises what cannot work before anything is trained."""
        config = self.config
        early = {} if config.validation is None else {"validation": config.validation}
        return Campaign.create(
            path,
            pool=self.pool,
            model=models.get(config.model.name, **{**early, **config.model.parameters}),
            strategy=strategies.get(arm.name, **arm.parameters),
            stop=stopping.from_spec(config.stop.model_dump()) if config.stop is not None else None,
            watch=[stopping.from_spec(rule.model_dump()) for rule in config.watch],
            seed=seed,
            start=1 if config.init == "stratified" else self.plan.start,
            batch=self.plan.batch,
            audit=config.audit,
            price=config.price,
            checkpoints=config.checkpoints,
            durable=False,
        )


@dataclass(frozen=True)
class Task:
    """A cell to run: until so many labels, or until the stopping rule says so if it may."""

    cell: Cell
    arm: Arm
    until: int
    may_stop: bool


def run_cell(bench: Bench, task: Task, report: Listener) -> None:
    """Label, train and evaluate, round by round; goes on where it was killed, and ends with the same numbers.

    A round is evaluated once; its ``metrics.json`` is written last and says that the round is complete.
    """
    cell, rounds = task.cell, bench.plan.rounds
    done = rounds_done(cell)
    if done and (last := read_round(cell, done - 1))["end"] is not None:
        report(_moment(cell, rounds, last))
        return
    with blas_threads(1), _opened(bench, task) as campaign:
        started = time.perf_counter()
        while True:
            _announce(campaign, Moment(cell.strategy, cell.seed, done, rounds, campaign.n_labeled), report)
            fitted = campaign.update()
            if fitted is not None and fitted.round > done:
                raise CorruptLogError(
                    f"{cell.round_folder(done)} has no metrics.json, but the campaign is at round {fitted.round}; "
                    "restore the file from a copy, or run into another folder."
                )
            if fitted is not None and fitted.round == done:
                written = _finish_round(bench, task, campaign, fitted, started)
                done, started = fitted.round + 1, time.perf_counter()
                report(_moment(cell, rounds, written))
                if written["end"] is not None:
                    return
            with uninterrupted():
                queries = _label(bench, campaign, task)
            if not queries:  # what is left is set aside for the audit
                report(_moment(cell, rounds, {**read_round(cell, done - 1), "end": "pool"}))
                return


def _opened(bench: Bench, task: Task) -> Campaign:
    """The cell's campaign; a new one gets its name when it is complete, so that there never is half of one."""
    folder = task.cell.folder
    if not folder.exists():
        unfinished = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        bench.campaign(task.arm, task.cell.seed, unfinished).close()
        unfinished.rename(folder)
    return Campaign.open(folder, pool=bench.pool, durable=False)


def _label(bench: Bench, campaign: Campaign, task: Task) -> list[Query]:
    """Ask for the next labels and tell them; a stratified start is told unasked, but for one item that opens it."""
    if bench.config.init == "stratified" and not campaign.rounds:
        campaign.tell_many(bench.oracle.answers(bench.oracle.stratified(bench.plan.start - 1, task.cell.seed)))
    queries = campaign.ask(bench.plan.ask(campaign.n_labeled, task.until))
    campaign.tell_many(bench.oracle.answers(query.item for query in queries))
    return queries


def _announce(campaign: Campaign, moment: Moment, report: Listener) -> None:
    """Say that a round's model is in training, and how far that is, if the model says it."""
    report(moment)
    if campaign.model is not None:
        campaign.model.on_epoch = lambda done, planned: report(moment._replace(epoch=(done, planned)))


def _finish_round(bench: Bench, task: Task, campaign: Campaign, fitted: Fitted, started: float) -> dict[str, Any]:
    """Evaluate the round's model on the test data and write the round's files; what was written in the last one."""
    evaluating = time.perf_counter()
    probs, scores = _evaluate(campaign, bench.test)
    evaluated = time.perf_counter() - evaluating
    planned, bought = campaign.rounds[fitted.round], campaign.n_labeled
    batch = _batch(bench, campaign, planned)
    stopped = task.may_stop and campaign.should_stop()
    content = {
        "round": fitted.round,
        "n_labeled": fitted.n_labeled,
        "n_bought": bought,
        **scores,
        "per_class": _per_class(bench.pool.classes, scores, Counter(row["class"] for row in batch)),
        "decisions": {name: asdict(decision) for name, decision in fitted.decisions.items()},
        "end": "stop" if stopped else "labels" if bought >= task.until else None,
    }
    folder = task.cell.round_folder(fitted.round)
    with uninterrupted():
        write_atomically(folder / "batch.csv", csv_bytes(BATCH_COLUMNS, batch), durable=False)
        write_atomically(folder / "test_probs.npy", npy_bytes(probs), durable=False)
        seconds = {**fitted.seconds, "select": planned.seconds, "evaluate": evaluated}
        rest = time.perf_counter() - started - sum(seconds.values())
        content["seconds"] = {**seconds, "rest": max(0.0, rest)}  # a resumed round may have trained before
        write_atomically(
            folder / "metrics.json", json.dumps(content, ensure_ascii=False, allow_nan=False).encode(), durable=False
        )
    return content


def _evaluate(campaign: Campaign, test: Pool) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    if campaign.model is None:
        raise ModelError("A run needs a model; this campaign has none.")
    probs = to_numpy(campaign.model.outputs(test, ["probs"])["probs"]).astype(np.float32)
    return probs, metrics.evaluate(test.labels, probs.astype(np.float64))


def _batch(bench: Bench, campaign: Campaign, planned: Round) -> list[dict[str, Any]]:
    """What was labeled for a round, in the order planned; what was told unasked belongs to the start."""
    rows = list(planned.items)
    if bench.config.init == "stratified" and planned.number == 0:
        unasked = (label for label in campaign.provenance() if label.round is None)
        rows[:0] = [Planned(label.item, label.source, label.random, None, None) for label in unasked]
    said = bench.oracle.answers(row.item for row in rows)
    return [{**asdict(row), "class": said[row.item]} for row in rows]


def _per_class(classes: Sequence[str], scores: Mapping[str, Any], picked: Mapping[str, int]) -> list[dict[str, Any]]:
    """The scores that are lists over classes, as a row for each class, with how many the round's batch has of it."""
    columns = ("precision", "recall", "f1", "support")
    return [
        {"class": name, **{column: scores[column][code] for column in columns}, "n_picked": picked.get(name, 0)}
        for code, name in enumerate(classes)
    ]


def _moment(cell: Cell, rounds: int, written: Mapping[str, Any]) -> Moment:
    first = next(iter(written["decisions"].values()), None)
    return Moment(
        cell.strategy,
        cell.seed,
        written["round"],
        rounds,
        written["n_labeled"],
        written["accuracy"],
        "" if first is None else f"advice: {_verdict(first)}",
        written["end"] is not None,
    )


def _verdict(decision: Mapping[str, Any]) -> str:
    if not decision["ready"]:
        return "too early to say"
    return "stop" if decision["stop"] else "go on"
