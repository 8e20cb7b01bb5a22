"""What a tracker is: it is told that a cell starts, what came of each round, and that the cell is over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Tracked", "Tracker"]

Plain = bool | int | float | str

#: Characters that are kept of a long text in the parameters; the tools refuse texts of some thousands.
LONGEST = 500


@dataclass(frozen=True)
class Tracked:
    """A cell as the tools are to know it."""

    project: str
    """Of everything that belongs together: the name of a run's or a bench's folder."""
    group: str
    """Of the cells of one setting: "digits, logistic, 40"."""
    name: str
    """Of the cell, unlike the others of its group: "margin, seed 0"."""
    id: str
    """Any text that is this cell's whenever it goes on, and no other cell's of any run."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """What was computed: data, model, strategy, seed, batch, ...; mappings may lie in mappings."""

    @property
    def key(self) -> str:
        """32 hexadecimal digits made of the id, which every tool takes as the identity of a run."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:32]

    @property
    def parameters(self) -> dict[str, Plain]:
        """The configuration in one level, as every tool takes it.

        >>> Tracked("p", "g", "n", "i", {"model": {"name": "mlp", "sizes": [8, 8]}, "seed": 0}).parameters
        {'model.name': 'mlp', 'model.sizes': '[8, 8]', 'seed': 0}
        """
        return dict(_flat(self.config, ""))


def _flat(config: Mapping[str, Any], above: str) -> Iterator[tuple[str, Plain]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        elif isinstance(value, (bool, int, float)):
            yield f"{above}{key}", value
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{above}{key}", text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


class Tracker(Protocol):
    """One tool; it follows one cell after the other. Any method may raise: `Trackers` sees to what then happens.

    A cell that goes on after a crash is started again under its id, and all its rounds are logged again from the first
    one: a tracker continues the tool's run where it can, leaves out the rounds that the run has, and writes the run
    anew where it cannot.
    """

    def start(self, run: Tracked) -> None:
        """A cell starts, or goes on."""

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        """A round is complete: finite numbers by name, with ``n_labeled`` among them, at the step ``n_labeled``."""

    def finish(self, *, failed: bool = False) -> None:
        """The cell is over; everything is written when this returns."""
