"""One arm with one seed: a campaign whose annotator is simulated, evaluated on test data after every round."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from claros.arrays import Floats, blas_threads, to_numpy
from claros.campaign import Campaign, Fitted, Query, Round
from claros.campaign.pseudo import taken
from claros.errors import CorruptLogError
from claros.experiment import batches, metrics
from claros.experiment.config import Arm
from claros.experiment.leading import leading
from claros.experiment.progress import Listener, Moment
from claros.experiment.setting import Setting
from claros.experiment.workers import uninterrupted

__all__ = ["Evaluated", "Keeper", "Passing", "Task", "evaluate", "run_cell"]


@dataclass(frozen=True)
class Task:
    """A cell to run: until so many labels, or until the stopping rule says so if it may."""

    strategy: str
    seed: int
    arm: Arm
    until: int
    may_stop: bool = False


@dataclass(frozen=True)
class Evaluated:
    """A complete round: its metrics as JSON, what was labeled for it, and the test predictions (n_test, C)."""

    metrics: Mapping[str, Any]
    batch: Sequence[Mapping[str, Any]]
    test_probs: Floats


class Keeper(Protocol):
    """Where the rounds of one cell are kept, each whole or not at all."""

    @property
    def place(self) -> str:
        """What to call it in messages."""

    def last(self) -> Mapping[str, Any] | None:
        """The metrics of the last complete round; None before there is one."""

    def past(self) -> Iterator[Mapping[str, Any]]:
        """The metrics of every complete round, at least its numbers."""

    def open(self, setting: Setting, task: Task) -> Campaign:
        """The cell's campaign, new or as it was after the last complete round."""

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Keep a round."""


class Passing:
    """A keeper that has another one keep the rounds; what is to happen beside that is for others to add."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    @property
    def place(self) -> str:
        """That of the keeper."""
        return self._keeper.place

    def last(self) -> Mapping[str, Any] | None:
        """That of the keeper."""
        return self._keeper.last()

    def past(self) -> Iterator[Mapping[str, Any]]:
        """Those of the keeper."""
        return self._keeper.past()

    def open(self, setting: Setting, task: Task) -> Campaign:
        """That of the keeper."""
        return self._keeper.open(setting, task)

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Keep the round."""
        self._keeper.write(campaign, evaluated)


def run_cell(setting: Setting, task: Task, keeper: Keeper, report: Listener) -> None:
    """Label, train and evaluate, round by round; goes on where it was killed, and ends with the same numbers.

    A round is evaluated once, and complete when its keeper has it.
    """
    last, rounds = keeper.last(), setting.plan.rounds
    if last is not None and last["end"] is not None:
        report(_moment(setting, task, last))
        return
    done = 0 if last is None else last["round"] + 1
    with blas_threads(1), keeper.open(setting, task) as campaign:
        started = time.perf_counter()
        while True:
            _announce(campaign, Moment(task.strategy, task.seed, done, rounds, campaign.n_labeled), report)
            fitted = campaign.update()
            if fitted is not None and fitted.round > done:
                raise CorruptLogError(
                    f"{keeper.place} lacks the metrics of round {done}, but its campaign is at round {fitted.round}; "
                    "restore it from a copy, or run into another folder."
                )
            if fitted is not None and fitted.round == done:
                last = _finish_round(setting, task, keeper, campaign, fitted, started)
                done, started = fitted.round + 1, time.perf_counter()
                report(_moment(setting, task, last))
                if last["end"] is not None:
                    return
            with uninterrupted():
                queries = _label(setting, campaign, task)
            if not queries:  # what is left is set aside for the audit
                report(_moment(setting, task, {**(last or {}), "end": "pool"}))
                return


def _label(setting: Setting, campaign: Campaign, task: Task) -> list[Query]:
    """Ask for the next labels and tell them."""
    n = setting.plan.ask(campaign.n_labeled, task.until)
    queries = batches.ask(setting, campaign, task.arm, task.seed, n)
    campaign.tell_many(setting.answers((query.item for query in queries), task.seed))
    return queries


def _announce(campaign: Campaign, moment: Moment, report: Listener) -> None:
    """Say that a round's model is in training, and how far that is, if the model says it."""
    report(moment)
    if campaign.model is not None:
        campaign.model.on_epoch = lambda done, planned: report(moment._replace(epoch=(done, planned)))


def _finish_round(
    setting: Setting, task: Task, keeper: Keeper, campaign: Campaign, fitted: Fitted, started: float
) -> Mapping[str, Any]:
    """Evaluate the round's model on the test data and keep the round; its metrics."""
    evaluating = time.perf_counter()
    probs, scores = evaluate(campaign, setting)
    evaluated = time.perf_counter() - evaluating
    planned, bought = campaign.rounds[fitted.round], campaign.n_labeled
    batch = _batch(setting, planned, task.seed)
    stopped = task.may_stop and campaign.should_stop()
    seconds = {**fitted.seconds, "select": planned.seconds, "evaluate": evaluated}
    content = {
        "round": fitted.round,
        "n_labeled": fitted.n_labeled,
        "n_bought": bought,
        **scores,
        "per_class": _per_class(setting.pool.classes, scores, Counter(row["class"] for row in batch)),
        "decisions": {name: asdict(decision) for name, decision in fitted.decisions.items()},
        "arms": [dict(arm) for arm in planned.arms],
        **({} if fitted.shift is None else {"shift": _shift(setting, fitted.shift)}),
        **({} if fitted.pseudo_labels is None else {"pseudo_labels": _pseudo(setting, campaign, fitted)}),
        "end": "stop" if stopped else "labels" if bought >= task.until else None,
    }
    rest = time.perf_counter() - started - sum(seconds.values())
    content["seconds"] = {**seconds, "rest": max(0.0, rest)}  # a resumed round may have trained before
    with uninterrupted():
        keeper.write(campaign, Evaluated(content, batch, probs))
    if content["end"] is not None:
        campaign.tidy()
    return content


def _shift(setting: Setting, found: Mapping[str, Any]) -> dict[str, Any]:
    """What was found of a label shift; of a simulated one, also how far it is from the truth."""
    if setting.shifted is None:
        return dict(found)
    truth = {"true_prior": setting.shifted.target_prior.tolist(), "warm_prior": setting.shifted.warm_prior.tolist()}
    if found["target_prior"] is None:
        return {**found, **truth, "prior_error": None}
    error = float(np.abs(np.array(found["target_prior"]) - setting.shifted.target_prior).sum())
    return {**found, **truth, "prior_error": error}


def _pseudo(setting: Setting, campaign: Campaign, fitted: Fitted) -> dict[str, Any]:
    """On how many of its own predictions the model was trained, below which entropy, and how many of them are right."""
    chosen = taken(campaign, fitted.round)
    truth = np.asarray(setting.pool.labels)[chosen[:, 0]]
    return {**(fitted.pseudo_labels or {}), "n_right": int(np.sum(truth == chosen[:, 1]))}


def evaluate(campaign: Campaign, setting: Setting) -> tuple[Floats, dict[str, Any]]:
    """The last model's predictions (n_test, C) of the test data, float32, and their metrics."""
    probs = to_numpy(campaign.predict(setting.test)["probs"]).astype(np.float32)
    return probs, metrics.evaluate(setting.test.labels, probs.astype(np.float64))


def _batch(setting: Setting, planned: Round, seed: int) -> list[dict[str, Any]]:
    """What was labeled for a round, in the order planned, with the class that was told."""
    said = setting.answers((row.item for row in planned.items), seed)
    return [{**vars(row), "class": said[row.item]} for row in planned.items]


def _per_class(classes: Sequence[str], scores: Mapping[str, Any], picked: Mapping[str, int]) -> list[dict[str, Any]]:
    """The scores that are lists over classes, as a row for each class, with how many the round's batch has of it."""
    columns = ("precision", "recall", "f1", "support")
    return [
        {"class": name, **{column: scores[column][code] for column in columns}, "n_picked": picked.get(name, 0)}
        for code, name in enumerate(classes)
    ]


def _moment(setting: Setting, task: Task, written: Mapping[str, Any]) -> Moment:
    return Moment(
        task.strategy,
        task.seed,
        written["round"],
        setting.plan.rounds,
        written["n_labeled"],
        written["accuracy"],
        _advice(setting, written),
        written["end"] is not None,
    )


def _advice(setting: Setting, written: Mapping[str, Any]) -> str:
    """What the leading rule says, with its name; that there is nothing left to label, unless it says stop."""
    decisions, stop = written["decisions"], setting.config.stop
    thresholds = {name: one["threshold"] is not None for name, one in decisions.items()}
    rule = leading(thresholds, None if stop is None else stop.name)
    said = None if rule is None else decisions[rule]
    over = written["end"] == "pool" or (written["end"] == "labels" and written["n_bought"] >= setting.n_askable)
    if over and (said is None or not said["stop"]):
        return "the pool is used up"
    return "" if said is None or said.get("verdict") == "no price" else f"advice: {_verdict(said)} ({rule})"


def _verdict(decision: Mapping[str, Any]) -> str:
    if not decision["ready"]:
        return "too early to say"
    word = "stop" if decision["stop"] else "go on"
    verdict = decision.get("verdict") or word
    return str(verdict) if verdict == word else f"{verdict}, {word}"
