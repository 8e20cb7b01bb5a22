"""Databases: SQLite in a file, any other by its SQLAlchemy URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from claros.errors import LogError

__all__ = ["Prepared", "connect", "place"]

#: Pages that may wait beside a SQLite file: what is soon deleted again is then never copied into it.
WAITING_PAGES = 8000

#: How often the switch to writing ahead is tried, every twentieth of a second.
SWITCHES = 100


def place(url: str | sa.URL) -> str:
    """What to call a database in a message: a path, or a URL without its password."""
    parsed = sa.make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return str(parsed.database) if is_file else parsed.render_as_string(hide_password=True)


def connect(url: str | sa.URL, durable: bool) -> sa.Engine:
    """An engine for a SQLAlchemy URL; a `LogError` if it cannot be one.

    On SQLite, transactions that are begun with ``execution_options(writes=True)`` wait for other writers instead of
    failing. Unless ``durable`` is true it does not wait for the disk: a power failure may take the last transactions.
    """
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise LogError(f"{url!r} cannot be opened as a database: {error}") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite("FULL" if durable else "NORMAL"))
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


class Prepared:
    """A statement whose text is worked out once; to do so for every execution takes longer than to run it.

    Its values are to be of types that the driver knows by itself.
    """

    def __init__(self, statement: sa.Executable, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        self._text = str(compiled)
        self._usual: Mapping[str, Any] = compiled.params
        self._order: Sequence[str] | None = compiled.positiontup

    def __call__(self, connection: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Run it with these values for its parameters, over those that stand in it."""
        given = {**self._usual, **values}
        parameters = given if self._order is None else tuple(given[name] for name in self._order)
        return connection.exec_driver_sql(self._text, parameters)


def _prepare_sqlite(synchronous: str) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=30000")
        _use_wal(cursor)
        if synchronous == "NORMAL":
            cursor.execute(f"PRAGMA wal_autocheckpoint={WAITING_PAGES}")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.close()

    return prepare


def _use_wal(cursor: Any) -> None:
    """Write ahead; the switch does not wait for others who open the file at the same time, so it is tried again."""
    for _ in range(SWITCHES):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.05)
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at once: a transaction that reads first and writes later would fail, not wait, when
    # another writer came in between.
    statement = "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes", False) else "BEGIN"
    try:  # by the driver itself, which takes a twentieth of the time of a statement of SQLAlchemy's
        connection.connection.cursor().execute(statement)
    except sqlite3.Error as error:
        raise sa.exc.OperationalError(statement, None, error) from error
