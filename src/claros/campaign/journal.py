"""The log and its fold, kept in step: read what is new, write what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from claros.campaign.folder import Folder
from claros.campaign.state import State
from claros.errors import ConflictError, CorruptLogError
from claros.log import Log, MemoryLog

__all__ = ["Draft", "Journal", "read_state"]

#: Kind, actor, payload of an event to be written.
Draft = tuple[str, str, Mapping[str, Any]]

#: How often an append is tried again when others write at the same time.
ATTEMPTS = 100


class Journal:
    """One process's view of a campaign's log."""

    def __init__(self, log: Log | MemoryLog) -> None:
        self.log = log
        self.state = State()

    def sync(self) -> State:
        """The state of now, with what others wrote."""
        try:
            self.state.apply(self.log.read(self.state.seq))
        except (KeyError, TypeError) as error:
            raise CorruptLogError(
                f"The log is damaged: event {self.state.seq + 1} lacks {error}. Restore it from a copy."
            ) from error
        return self.state

    def append(self, drafts: Callable[[State], Sequence[Draft]]) -> None:
        """Write the events that follow from the state of now; if somebody wrote in between, work them out again."""
        for _ in range(ATTEMPTS):
            events = drafts(self.sync())
            if not events:
                return
            try:
                self.state.apply(self.log.append(events, expected=self.state.seq))
                return
            except ConflictError:
                continue
        raise ConflictError("Others kept writing to the log; try again.")


def read_state(path: str | Path, database: str | None = None) -> State:
    """What the log of the campaign in a folder adds up to; neither its pool nor its model is looked at."""
    journal = Journal(Folder.existing(path, database, durable=True).log(database))
    try:
        return journal.sync()
    finally:
        journal.log.close()
