"""A campaign as it was before one of its rounds, in memory, so that the round can be done again beside its records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros import data, models
from claros.arrays import Array
from claros.campaign import items
from claros.campaign.campaign import Campaign
from claros.campaign.correction import Correction, Shift, weights_of
from claros.campaign.folder import Folder
from claros.campaign.journal import Journal
from claros.campaign.learner import labeled_of
from claros.campaign.pseudo import Training, tell
from claros.campaign.state import Round, State
from claros.campaign.streams import training_stream
from claros.data.pool import Pool
from claros.errors import InputError
from claros.log import Event, MemoryLog
from claros.models.model import Model
from claros.models.reads import seen_by

__all__ = ["Past", "Rerun", "Trained"]


class Overlay(Folder):
    """Files in memory over those of a campaign on disk, of which only rounds before ``round`` are seen, and read."""

    def __init__(self, under: Folder, round: int) -> None:
        super().__init__(None)
        self._under = under
        self._round = round

    def _shows(self, name: str) -> bool:
        folder, _, rest = name.partition("/")
        return folder != "rounds" or int(rest.partition("/")[0]) < self._round

    def read(self, name: str) -> bytes:
        """What was written here, else what is below."""
        if name in self.files or not self._shows(name):
            return super().read(name)
        return self._under.read(name)

    def has(self, name: str) -> bool:
        """Whether it was written here or is below."""
        return name in self.files or (self._shows(name) and self._under.has(name))

    def model(self, round: int) -> Path | None:
        """Where an earlier round's model lies; models of this one are not kept."""
        return self._under.model(round) if round < self._round else None

    def keep_only_model(self, round: int) -> None:
        """Nothing below is ever deleted."""


class Trained(NamedTuple):
    """A round's model as it was when the round was logged."""

    round: int
    logged: Mapping[str, Any]
    model: Model
    refitted: bool
    """Whether it was trained again from its labels, since it was not kept or cannot be."""
    used: Callable[[dict[str, Array]], dict[str, Array]]
    """What becomes of its outputs when they are used."""


class Past:
    """A campaign on disk as its log tells it, opened to be read."""

    def __init__(
        self,
        path: str | Path,
        *,
        pool: Pool | None = None,
        model: Model | None = None,
        target: Pool | None = None,
        database: str | None = None,
    ) -> None:
        self.folder = Folder.existing(path, database, durable=False)
        log = self.folder.log(database)
        try:
            self.events: list[Event] = log.read()
        finally:
            log.close()
        self.state = State()
        self.state.apply(self.events)
        config = self.state.config
        if not config:
            raise InputError(f"The making of the campaign at {path} was interrupted; there is nothing to do again.")
        if model is None and config["model"] is not None:
            model = models.from_spec(config["model"])
        self.model, self.target = model, target
        self.pool = seen_by(model, pool if pool is not None else data.reopen(config["pool"]))
        items.check_same(self.folder, self.state.pools, config, self.pool)

    def place_of(self, kind: str, round: int) -> int | None:
        """How many events were before that one of a round."""
        places = (at for at, event in enumerate(self.events) if event.kind == kind and event.payload["round"] == round)
        return next(places, None)

    def before(self, round: int) -> Rerun:
        """The campaign as it was when the round was planned.

        A model that goes on from its last weights starts with the round before where that one's were kept, else all
        rounds are done again from the first.
        """
        if self.place_of("planned", round) is None:
            raise InputError(f"The campaign at {self.folder.root} has no round {round}; its last is {self._last}.")
        if self.state.pools > 1:
            raise InputError(
                f"The campaign at {self.folder.root} was given more items on the way; only campaigns whose pool is the "
                "same from the first round can be done again."
            )
        first, kept = round, self.folder.model(round - 1)
        if self.model is not None and self.model.warm and round > 0 and not (kept is not None and kept.is_dir()):
            first = 0
        rerun = Rerun(self, first)
        for earlier in range(first, round):
            rerun.replay(earlier)
            rerun.train()
        return rerun

    @property
    def _last(self) -> str:
        return str(len(self.state.rounds) - 1) if self.state.rounds else "not planned yet"

    def trained(self, without: Collection[int] = ()) -> Iterator[Trained]:
        """Each logged round's model, one after another in the same object, loaded or else trained again.

        Rounds ``without`` need no model; one that goes on from its last weights is trained nevertheless.
        """
        state, model = State(), self.model
        for event in self.events:
            if event.kind == "fitted" and model is not None and event.payload["round"] not in state.fitted:
                round = int(event.payload["round"])
                saved = self.folder.model(round)
                kept = model.restorable and saved is not None and saved.is_dir()
                if kept and saved is not None:
                    model.load(saved)
                elif round not in without or model.warm:
                    labels = state.training()
                    positions = np.array([self.pool.positions[label.item] for label in labels], dtype=np.int64)
                    known, n_classes = labeled_of(self.pool, positions, labels, state), len(state.classes)
                    weights = known.weighted(weights_of(event.payload, known))
                    tell(model, labels, None)
                    rng = training_stream(state.config, round)
                    model.fit(known.items, known.codes, n_classes=n_classes, weights=weights, rng=rng)
                    Training(self.pool, positions, labels, n_classes, state.config, round).repeat(model, self.folder)
                yield Trained(round, event.payload, model, not kept, self._used(event.payload))
            state.apply([event])

    def _used(self, logged: Mapping[str, Any]) -> Callable[[dict[str, Array]], dict[str, Array]]:
        """What a round's predictions become when they are used: adjusted, where a label shift is corrected so."""
        given = self.state.config.get("correction")
        if given is None or not logged.get("shift") or not Correction.of(given).predicts_by:
            return dict
        return Shift(**logged["shift"]).adjusted


class Rerun:
    """A campaign in memory that does rounds again, one after another."""

    def __init__(self, past: Past, round: int) -> None:
        self.past = past
        self._log = MemoryLog()
        self._log.copy(past.events[: past.place_of("planned", round)])
        self.files = Overlay(past.folder, round)
        self.campaign = Campaign(self.files, Journal(self._log), past.pool, past.model, past.target)

    def plan(self, round: int) -> Round | None:
        """Plan the round anew by its strategy; None where somebody else chose it, whose choice is taken."""
        event = self._event("planned", round)
        if all(row["source"] == "chosen" for row in event.payload["items"]):
            self.campaign._planner.given([row["item"] for row in event.payload["items"]], event.payload["strategy"])
            return None
        self.campaign._planner.again(event.payload.get("size", len(event.payload["items"])))
        return self.campaign.rounds[round]

    def replay(self, round: int) -> None:
        """Take the record of a round's plan."""
        self._log.copy([self._event("planned", round)])

    def train(self) -> Mapping[str, Any] | None:
        """Take the answers from the record, and train; what is logged of it, None where the record has no training."""
        round = len(self.campaign.rounds) - 1
        start, end = self.past.place_of("planned", round), self.past.place_of("fitted", round)
        if start is None or end is None:
            return None
        self._log.copy(self.past.events[start + 1 : end])
        self.campaign._planner.train()
        return self._log.read(end)[0].payload

    def _event(self, kind: str, round: int) -> Event:
        place = self.past.place_of(kind, round)
        if place is None:
            raise InputError(f"The campaign at {self.past.folder.root} has no round {round}.")
        return self.past.events[place]

    def arrays(self, round: int) -> Mapping[str, bytes]:
        """The arrays of a round as they were written now, by name."""
        prefix = f"rounds/{round:04d}/"
        names = [name for name in self.files.files if name.startswith(prefix) and name.endswith(".npy")]
        return {name.removeprefix(prefix): self.files.files[name] for name in names}
