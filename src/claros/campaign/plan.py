"""Planning a round: what the strategy picks or somebody chose, what is audited, and where each item comes from."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices
from claros.campaign import remembered
from claros.campaign.folder import Folder
from claros.campaign.items import Items
from claros.campaign.learner import Learner
from claros.campaign.state import Label, Planned, Round, State
from claros.campaign.streams import seed_for
from claros.campaign.supply import AUDITED, Supply
from claros.data.pool import Pool
from claros.errors import InputError
from claros.inputs import Inputs
from claros.memory import Json
from claros.rng import stream
from claros.shift.adjust import ratios
from claros.strategy import Selection, Strategy

__all__ = ["Batch", "Situation", "candidates", "chosen", "picked", "reason", "unlabeled"]


@dataclass(frozen=True)
class Situation:
    """What a round is planned from: what was said so far, the pool, the model with what it predicts, and the rest."""

    state: State
    items: Items
    pool: Pool
    learner: Learner | None
    supply: Supply
    folder: Folder

    @property
    def trained(self) -> bool:
        """Whether there is a model that predicts."""
        return self.learner is not None and self.learner.round >= 0


class Batch(NamedTuple):
    """A round to be: who or what chose it, and its items in order, those picked before those audited."""

    by: str
    rows: Sequence[Planned]
    picks: Indices
    """Positions in the pool of what was picked."""
    scores: Floats | None
    """Scores of what was picked, from a strategy."""
    note: str = ""
    """How the strategy came by it, if it has more than one way."""
    memory: remembered.Kept | None = None
    """What a strategy that learns has to remember of it."""
    arms: Sequence[Json] = ()
    """The arms' shares of it and their values, of a strategy that has arms."""


def picked(now: Situation, first: Strategy, later: Strategy, size: int) -> Batch | None:
    """What strategies pick, the first round's or that of later ones, and what is audited; None if nothing is left."""
    audited = _due_audits(now, size)
    free = candidates(now)
    start = not now.trained and (now.learner is not None or not now.state.rounds)
    source, strategy = ("start", first) if start else ("strategy", later)
    wanted = min(size - len(audited), len(free))
    rows = [_audited(now, position) for position in audited]
    if wanted <= 0:
        return Batch(strategy.name, rows, free[:0], None) if rows else None
    selection, memory, arms = _select(now, source, strategy, wanted, free)
    picks = free[selection.indices]
    rows = [*_provenance(now, source, selection, picks), *rows]
    return Batch(strategy.name, rows, picks, selection.scores, selection.note, memory, arms)


def chosen(now: Situation, items: Sequence[str], by: str) -> Batch:
    """What somebody chose, in the order given; an `InputError` that says why an item cannot be planned."""
    if isinstance(items, str) or not len(items):
        raise InputError(f"A round is planned from a list of one item or more; got {items!r}.")
    if not by.strip():
        raise InputError("A round that was chosen says by whom: pass by='ada', or the name of a program.")
    positions = now.items.positions(items)
    left = np.zeros(now.items.size, dtype=bool)
    left[candidates(now)] = True
    for place, (item, position) in enumerate(zip(items, positions.tolist(), strict=True)):
        if not left[position]:
            why = "is given twice" if position in positions[:place] else _why_not(now, item, position)
            raise InputError(f"The item {item!r} cannot be planned: it {why}.")
        left[position] = False
    return Batch(by, [Planned(item, "chosen", False, None, None) for item in items], positions, None)


def candidates(now: Situation) -> Indices:
    """Positions that may be asked: one of each group of duplicates, not yet planned, told or closed, not reserved."""
    state, items = now.state, now.items
    free = _left(items, state.planned, state.told, state.closed)
    if not state.audit_released:
        free[items.audit] = False
    return np.flatnonzero(free)


def unlabeled(state: State, items: Items) -> Indices:
    """Positions of what has no label and is not closed, reserved or planned or not; one of each group of duplicates."""
    return np.flatnonzero(_left(items, state.told, state.closed))


def _left(items: Items, *without: Collection[str]) -> npt.NDArray[np.bool_]:
    left = np.zeros(items.size, dtype=bool)
    left[items.representatives] = True
    for taken in without:
        left[items.positions(list(taken))] = False
    return left


def _why_not(now: Situation, item: str, position: int) -> str:
    """Why an item is no candidate."""
    if item in now.state.told:
        return "is labeled already"
    if item in now.state.planned:
        return f"is planned already, in round {now.state.planned[item][0]}"
    if item in now.state.closed:
        return "was skipped for good"
    if position in now.items.audit:
        return "is reserved for the audit"
    return f"is a duplicate of {now.pool.ids[now.pool.groups[position]]!r}, which is asked instead"


def _due_audits(now: Situation, size: int) -> Indices:
    """The next items of the audit order, as many as keep the audited share of all that is planned."""
    state, audit, ids = now.state, now.items.audit, now.pool.ids
    if state.audit_released:
        return audit[:0]
    taken = sum(row.source == "audit" for _, _, row in state.planned.values())
    due = math.ceil(state.config["audit"] * (len(state.planned) + size)) - taken
    waiting = (p for p in audit if ids[p] not in state.planned and ids[p] not in state.told)
    most = size - 1 if not state.rounds else max(1, size - 1)  # the start must leave something to train on
    return np.array(list(islice(waiting, max(0, min(due, most)))), dtype=np.int64)


def _select(
    now: Situation, source: str, strategy: Strategy, k: int, free: Indices
) -> tuple[Selection, remembered.Kept | None, Sequence[Json]]:
    state, labels = now.state, now.state.training()
    given = now.supply.inputs(
        strategy,
        now.learner.seen if now.learner is not None else {},
        candidates=free,
        labeled=now.items.positions([label.item for label in labels]),
        labels=np.array([label.code for label in labels], dtype=np.int64),
        known=_known(now, {*strategy.needs, *strategy.optional}, labels),
    )
    seed = seed_for(state.config, "init" if source == "start" else "strategy")
    rng = stream(seed, source, len(state.rounds))
    if strategy.learner is not None:
        return remembered.select(strategy, k, given, rng, pool=now.pool, free=free, state=state, folder=now.folder)
    inputs = Inputs(given, strategy.needs, strategy.optional, who=strategy.name, n=len(free))
    return strategy.select(k, inputs, rng), None, ()


def _known(now: Situation, names: Collection[str], labels: Sequence[Label]) -> dict[str, Any]:
    """What the campaign knows of what is asked for: by its audit, and of the target's class shares."""
    found = _audit(now) if AUDITED & set(names) else {}
    if "class_weights" in names and now.learner is not None and now.learner.shift is not None:
        prior = now.learner.shift.target_prior
        counts = np.bincount([label.code for label in labels], minlength=len(now.state.classes))
        if prior is not None and len(labels):
            found["class_weights"] = ratios(np.array(prior), counts / counts.sum())
    return found


def _audit(now: Situation) -> dict[str, Any]:
    """The accuracy on the audited items, and how many they are; without a model, nothing."""
    if now.learner is None or not now.trained:
        return {}
    audited = now.state.audited()
    correct = now.learner.correct(now.items.positions([label.item for label in audited]), audited)
    return {"metric": sum(correct) / max(1, len(correct)), "n_audited": len(correct)}


def _audited(now: Situation, position: int) -> Planned:
    """An audited item with the chance that it had in its draw from the permutation."""
    drawn_before = int(np.flatnonzero(now.items.audit == position)[0])
    chance = 1.0 / (len(now.items.representatives) - drawn_before)
    return Planned(now.pool.ids[position], "audit", True, chance, None)


def _provenance(now: Situation, source: str, selection: Selection, picks: Indices) -> list[Planned]:
    uniform = selection.strategy == "random"
    chances = selection.probabilities
    return [
        Planned(
            now.pool.ids[position],
            source,
            uniform,
            None if chances is None else float(chances[place]),
            None if uniform else float(selection.scores[place]),
        )
        for place, position in enumerate(picks)
    ]


def reason(round: Round, place: int, row: Planned) -> str:
    """Why the item is asked, in a sentence; ``place`` counts from 0 in the round."""
    if row.source == "audit":
        return "drawn at random to measure the accuracy; not used for training"
    if row.random:
        return f"drawn at random (round {round.number})"
    if row.source == "chosen":
        return f"chosen by {round.strategy} (round {round.number})"
    pick = f"pick {place + 1} of {len(round.items)} by {round.strategy} (round {round.number}), score {row.score:.4g}"
    return f"{pick}: {round.note}" if round.note else pick
