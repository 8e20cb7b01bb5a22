"""The append-only log of a campaign: what people did and what was planned, durable before a call returns.

One table, (campaign, seq) unique; an append names the seq that it expects to follow, so of two writers one is told to
look again. SQLite by default, any other database by its SQLAlchemy URL.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from claros.database import connect, place
from claros.errors import ConflictError, CorruptLogError, LogError, NewerLogError, StorageError

__all__ = ["KINDS", "VERSION", "Event", "Log", "MemoryLog"]

#: Version of the payloads that this code writes. Newer ones are refused, older ones migrated when they are read.
VERSION = 1

KINDS = (
    "created",
    "pool-changed",
    "classes-changed",
    "planned",
    "asked",
    "told",
    "skipped",
    "retracted",
    "fitted",
    "stopped",
    "noted",
)

#: Version -> what turns a (kind, payload) of that version into one of the next.
MIGRATIONS: Mapping[int, Callable[[str, dict[str, Any]], dict[str, Any]]] = {}

_EVENTS = sa.Table(
    "claros_events",
    sa.MetaData(),
    sa.Column("campaign", sa.String(200), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(32), nullable=False),
    sa.Column("time", sa.Float(53), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Event:
    """One thing that happened: ``seq`` from 1 without gaps, ``time`` in seconds since 1970 (UTC)."""

    seq: int
    kind: str
    actor: str
    time: float
    payload: Mapping[str, Any]


class MemoryLog:
    """The log of a campaign that is in memory only: as `Log`, for one process, and gone with it."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def append(self, drafts: Sequence[tuple[str, str, Mapping[str, Any]]], *, expected: int) -> list[Event]:
        """Write (kind, actor, payload) events after seq ``expected``; a `ConflictError` if that is not the last."""
        if len(self._events) != expected:
            raise ConflictError("Somebody else wrote to the log in memory first; try again.")
        events = _drafted(drafts, expected)
        self._events += events
        return events

    def copy(self, events: Sequence[Event]) -> None:
        """Write events of another log as they are, after those that are here."""
        self._events += events

    def read(self, after: int = 0) -> list[Event]:
        """All events with a seq above ``after``, in order."""
        return self._events[after:]

    def close(self) -> None:
        """There is nothing to give back."""


class Log:
    """The log of one campaign in a database.

    ``url`` is a SQLAlchemy URL. Where ``durable`` is false, SQLite does not wait for the disk:
    nothing is lost if the process is killed, but a power failure may take the last events; for simulations.

    Errors are `LogError`s: `CorruptLogError` when the database or a row is damaged, `NewerLogError` when a newer Claros
    wrote it, `StorageError` when a write failed (then nothing of that append is there).
    """

    def __init__(self, url: str | sa.URL, campaign: str = "main", *, durable: bool = True) -> None:
        self.campaign = campaign
        self._engine = connect(url, durable)
        self._where = place(url)
        with self._guarded("open"):
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "sqlite":
                    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                    if verdict != "ok":
                        raise CorruptLogError(self._damaged(str(verdict)))
            if not sa.inspect(self._engine).has_table(_EVENTS.name):
                with self._engine.execution_options(writes=True).begin() as connection:
                    _EVENTS.metadata.create_all(connection)

    @classmethod
    def at(cls, path: Path, *, durable: bool = True) -> Log:
        """The log in a SQLite file, made if it is not there."""
        return cls(sa.URL.create("sqlite", database=str(path.absolute())), durable=durable)

    def append(self, drafts: Sequence[tuple[str, str, Mapping[str, Any]]], *, expected: int) -> list[Event]:
        """Write (kind, actor, payload) events after seq ``expected``, all or none; durable when this returns.

        Raises `ConflictError` if somebody else wrote first: read what is new, and try again.
        """
        events = _drafted(drafts, expected)
        rows = [self._row(event) for event in events]
        with self._guarded("write to"):
            try:
                with self._engine.execution_options(writes=True).begin() as connection:
                    last = connection.execute(
                        sa.select(sa.func.max(_EVENTS.c.seq)).where(_EVENTS.c.campaign == self.campaign)
                    ).scalar()
                    if (last or 0) != expected:
                        raise ConflictError(f"Another process wrote to the log at {self._where} first; try again.")
                    connection.execute(sa.insert(_EVENTS), rows)
            except sa.exc.IntegrityError as error:
                raise ConflictError(f"Another process wrote to the log at {self._where} first; try again.") from error
        return events

    def read(self, after: int = 0) -> list[Event]:
        """All events with a seq above ``after``, in order."""
        with self._guarded("read"), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_EVENTS)
                .where(_EVENTS.c.campaign == self.campaign, _EVENTS.c.seq > after)
                .order_by(_EVENTS.c.seq)
            ).all()
        return [self._event(row, after + place) for place, row in enumerate(rows, start=1)]

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _row(self, event: Event) -> dict[str, Any]:
        return {
            "campaign": self.campaign,
            "seq": event.seq,
            "id": uuid.uuid4().hex,
            "time": event.time,
            "actor": event.actor,
            "kind": event.kind,
            "version": VERSION,
            "payload": json.dumps(event.payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        }

    def _event(self, row: Any, seq: int) -> Event:
        if row.version > VERSION:
            raise NewerLogError(
                f"The log at {self._where} was written by a newer Claros (event {row.seq} has version {row.version}, "
                f"this one knows up to {VERSION}); update Claros to open it."
            )
        if row.seq != seq:
            raise CorruptLogError(self._damaged(f"event {seq} is missing"))
        try:
            payload = json.loads(row.payload)
        except ValueError as error:
            raise CorruptLogError(self._damaged(f"event {seq} is not JSON")) from error
        if row.kind not in KINDS or not isinstance(payload, dict):
            raise CorruptLogError(self._damaged(f"event {seq} is of no known kind"))
        for version in range(row.version, VERSION):
            payload = MIGRATIONS[version](row.kind, payload)
        return Event(row.seq, row.kind, row.actor, row.time, payload)

    def _damaged(self, what: str) -> str:
        return f"The log at {self._where} is damaged ({what}); nothing was changed. Restore it from a copy."

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            cause = str(error.orig)
            if "malformed" in cause or "not a database" in cause:
                raise CorruptLogError(self._damaged(cause)) from error
            if doing == "write to":
                raise StorageError(
                    f"Could not write to the log at {self._where}: {cause}. Nothing was recorded."
                ) from error
            raise LogError(f"Could not {doing} the log at {self._where}: {cause}.") from error


def _drafted(drafts: Sequence[tuple[str, str, Mapping[str, Any]]], expected: int) -> list[Event]:
    now = time.time()
    return [
        Event(expected + place, kind, actor, now, payload)
        for place, (kind, actor, payload) in enumerate(drafts, start=1)
    ]
