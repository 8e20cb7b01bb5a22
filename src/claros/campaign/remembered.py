"""What a strategy that learns remembers: kept with each round that it picked, and taken up again for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Indices
from claros.campaign.folder import Folder
from claros.campaign.state import State
from claros.data.pool import Pool
from claros.memory import Json
from claros.strategy import Selection, Strategy

__all__ = ["Kept", "memory_name", "select"]


class Kept(NamedTuple):
    """A memory as a round keeps it: what is remembered, and which items the picks are whose labels it waits for."""

    memory: Json
    items: Mapping[str, str]
    """Number of a pick, as a text, and the item's id."""


def memory_name(round: int) -> str:
    """Where a round's memory is kept."""
    return f"rounds/{round:04d}/memory.json"


def select(
    strategy: Strategy,
    k: int,
    given: Mapping[str, Any],
    rng: np.random.Generator,
    *,
    pool: Pool,
    free: Indices,
    state: State,
    folder: Folder,
) -> tuple[Selection, Kept, list[Json]]:
    """Learn from every label that came since the last round, then pick; what is to be kept, and what arms had.

    Nothing is written: a process that is killed before the round is in the log picks the same again.
    """
    memory, items = strategy.begin(), dict[int, str]()
    last = _last_round(state, folder)
    if last is not None:
        kept = folder.read_json(memory_name(last))
        memory.restore(kept["memory"])
        items = {int(number): item for number, item in kept["items"].items()}
    memory.forget([number for number in memory.waiting if items[number] in state.closed])
    come = [number for number in memory.waiting if items[number] in state.told]
    memory.learn([state.consensus(items[number]).code for number in come], come)
    selection = memory.select(k, rng=rng, n=len(free), **given)
    items.update(zip(memory.last, (pool.ids[position] for position in free[selection.indices]), strict=True))
    return selection, Kept(memory.state(), {str(number): items[number] for number in memory.waiting}), memory.arms


def _last_round(state: State, folder: Folder) -> int | None:
    """The last round that the strategy picked; what lies there of a round that was never logged is no memory."""
    for round in reversed(state.rounds):
        if any(row.source == "strategy" for row in round.items) and folder.has(memory_name(round.number)):
            return round.number
    return None
