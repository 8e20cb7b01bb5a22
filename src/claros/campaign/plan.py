"""Planning a round: what the strategy picks, what is audited, and where each item comes from."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np

from claros.arrays import Indices, to_numpy
from claros.campaign.folder import Folder
from claros.campaign.items import Items
from claros.campaign.learner import Learner
from claros.campaign.state import Planned, Round, State
from claros.campaign.supply import inputs_for
from claros.data.pool import Pool
from claros.inputs import Inputs
from claros.rng import stream
from claros.strategy import Selection, Strategy

__all__ = ["next_round", "reason"]


def next_round(
    state: State,
    items: Items,
    pool: Pool,
    strategies: tuple[Strategy, Strategy],
    learner: Learner | None,
    folder: Folder,
    size: int,
) -> tuple[str, list[Planned]] | None:
    """The next round: the name of what chose, and its items in order; None when nothing is left to ask.

    ``strategies`` are the one for the first round and the one for later ones. Writes what was picked, its scores and
    the model's predictions of it beside the log.
    """
    number = len(state.rounds)
    audited = _due_audits(state, items, pool, size)
    candidates = _candidates(state, items)
    trained = learner is not None and learner.round >= 0
    first, later = strategies
    source, chosen = ("strategy", later) if trained or (learner is None and number) else ("start", first)
    wanted = min(size - len(audited), len(candidates))
    planned = [_audited(pool.ids[position], position, items) for position in audited]
    if wanted > 0:
        selection = _select(source, chosen, wanted, candidates, state, items, pool, learner)
        picked = candidates[selection.indices]
        folder.write_array(number, "picks", picked)
        folder.write_array(number, "scores", selection.scores)
        if learner is not None and "probs" in learner.outputs:
            folder.write_array(number, "batch_probs", to_numpy(learner.outputs["probs"])[picked].astype(np.float32))
        planned = [*_provenance(source, chosen, selection, pool, picked), *planned]
    return (chosen.name, planned) if planned else None


def _candidates(state: State, items: Items) -> Indices:
    """Positions that may be asked: one of each group of duplicates, not yet planned, told or closed, not reserved."""
    free = np.zeros(items.size, dtype=bool)
    free[items.representatives] = True
    for taken in (state.planned, state.told, state.closed):
        free[items.positions(list(taken))] = False
    if not state.audit_released:
        free[items.audit] = False
    return np.flatnonzero(free)


def _due_audits(state: State, items: Items, pool: Pool, size: int) -> Indices:
    """The next items of the audit order, as many as keep the audited share of all that is planned."""
    if state.audit_released:
        return items.audit[:0]
    taken = sum(row.source == "audit" for _, _, row in state.planned.values())
    due = math.ceil(state.config["audit"] * (len(state.planned) + size)) - taken
    waiting = (p for p in items.audit if pool.ids[p] not in state.planned and pool.ids[p] not in state.told)
    most = size - 1 if not state.rounds else max(1, size - 1)  # the start must leave something to train on
    return np.array(list(islice(waiting, max(0, min(due, most)))), dtype=np.int64)


def _select(
    source: str,
    chosen: Strategy,
    k: int,
    candidates: Indices,
    state: State,
    items: Items,
    pool: Pool,
    learner: Learner | None,
) -> Selection:
    labels = state.training()
    labeled = items.positions([label.item for label in labels])
    codes = np.array([label.code for label in labels], dtype=np.int64)
    names = (*chosen.needs, *chosen.optional)
    outputs = learner.outputs if learner is not None else {}
    given = inputs_for(names, outputs, pool.features, candidates=candidates, labeled=labeled, labels=codes)
    inputs = Inputs(given, chosen.needs, chosen.optional, who=chosen.name, n=len(candidates))
    return chosen.select(k, inputs, stream(state.config["seed"], source, len(state.rounds)))


def _audited(item: str, position: int, items: Items) -> Planned:
    """An audited item with the chance that it had in its draw from the permutation."""
    drawn_before = int(np.flatnonzero(items.audit == position)[0])
    return Planned(item, "audit", True, 1.0 / (len(items.representatives) - drawn_before), None)


def _provenance(source: str, chosen: Strategy, selection: Selection, pool: Pool, picked: Indices) -> list[Planned]:
    uniform = chosen.name == "random"
    chances = selection.probabilities
    return [
        Planned(
            pool.ids[position],
            source,
            uniform,
            None if chances is None else float(chances[place]),
            None if uniform else float(selection.scores[place]),
        )
        for place, position in enumerate(picked)
    ]


def reason(round: Round, place: int, row: Planned) -> str:
    """Why the item is asked, in a sentence; ``place`` counts from 0 in the round."""
    if row.source == "audit":
        return "drawn at random to measure the accuracy; not used for training"
    if row.random:
        return f"drawn at random (round {round.number})"
    return f"pick {place + 1} of {len(round.items)} by {round.strategy} (round {round.number}), score {row.score:.4g}"
