"""The results database: which cells there are, who works on which, and every complete round."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from claros.database import Prepared, connect, place
from claros.errors import ConflictError, DataError, LogError, NewerLogError, StorageError
from claros.experiment.bench.schema import (
    ABOUT,
    CELLS,
    METADATA,
    PARTS,
    ROUNDS,
    SETTINGS,
    VERSION,
    Claim,
    NewCell,
    NewSetting,
)

__all__ = ["LOSSES", "LeaseLost", "Store"]

#: So many workers may be lost in one round of a cell before the cell counts as failed.
LOSSES = 5

#: A cell, as long as the claim of it is the last one.
_CLAIMED = (
    (CELLS.c.id == sa.bindparam("claimed"))
    & (CELLS.c.token == sa.bindparam("of_claim"))
    & (CELLS.c.status == "running")
)

#: What every round writes.
_KEEP = sa.update(CELLS).where(_CLAIMED)
_KEEP = _KEEP.values(
    rounds=sa.bindparam("done"),
    last=sa.bindparam("metrics"),
    model=sa.bindparam("checkpoint"),
    seconds=CELLS.c.seconds + sa.bindparam("work"),
    losses=0,
)
_KEEP_LAST = _KEEP.values(status="done", until=None)
_END = sa.update(CELLS).where(_CLAIMED).values(status="done", until=None, model=None)
_DROP_PARTS = sa.delete(PARTS).where(PARTS.c.cell == sa.bindparam("of_cell"))

#: What every claim asks and writes.
_LAPSED = (CELLS.c.status == "running") & (CELLS.c.until < sa.bindparam("now"))
_NEXT = sa.select(CELLS).where((CELLS.c.status == "waiting") | _LAPSED).order_by(CELLS.c.position).limit(1)
_NEXT = _NEXT.with_for_update(skip_locked=True)
_TAKE = sa.update(CELLS).where(CELLS.c.id == sa.bindparam("taken"))
_TAKE = _TAKE.values(
    status="running",
    worker=sa.bindparam("taker"),
    token=sa.bindparam("as_claim"),
    until=sa.bindparam("for_now"),
    losses=sa.bindparam("lost"),
)

#: Columns of a round that are columns of its table; the rest is its details.
_METRICS = ("n_labeled", "accuracy", "macro_f1", "nll", "ece")


class LeaseLost(ConflictError):
    """Another worker has the cell by now."""


class Store:
    """A results database: a SQLite file or any other by its SQLAlchemy URL; many processes may hold it at once.

    Every method is one transaction. Only the last claim of a cell may write (`LeaseLost` otherwise), so that no round
    is ever there twice, whatever became of the worker that was late.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = place(url)
        self._engine = connect(url, durable=False)
        self._writer: sa.Connection | None = None
        self._turn = threading.Lock()
        try:
            found = self._version()
        except LogError:
            self.close()
            raise
        if found not in (None, str(VERSION)):
            self.close()
            raise NewerLogError(
                f"The results database {self.place} has version {found}, this Claros reads {VERSION}; "
                "use the Claros that wrote it, or give another --db."
            )
        every_round = (_KEEP, _KEEP_LAST, sa.insert(ROUNDS), sa.insert(PARTS))
        self._keep, self._keep_last, self._add_round, self._add_part = (
            Prepared(statement, self._engine.dialect) for statement in every_round
        )

    def _version(self) -> str | None:
        """The version of what is there; the tables are made where there is nothing."""
        with self._guarded("open"):
            try:
                return self._prepare()
            except (sa.exc.ProgrammingError, sa.exc.IntegrityError):  # another process made the tables meanwhile
                return self._prepare()

    def _prepare(self) -> str | None:
        with self._writing() as connection:
            METADATA.create_all(connection)  # in a transaction that waits for others who do the same
            found: str | None = connection.execute(sa.select(ABOUT.c.value).where(ABOUT.c.name == "version")).scalar()
            if found is None:
                connection.execute(sa.insert(ABOUT), {"name": "version", "value": str(VERSION)})
            return found

    def close(self) -> None:
        """Give the connections back."""
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, settings: Sequence[NewSetting], cells: Sequence[NewCell]) -> int:
        """Have these settings and cells there, and say how many cells are new; those that are there stay as they are.

        Cells that failed wait again.
        """
        with self._guarded("write to"), self._writing() as connection:
            have = set(connection.execute(sa.select(SETTINGS.c.key)).scalars())
            rows = [
                {
                    "key": new.key,
                    "position": len(have) + place,
                    "config": json.dumps(new.config),
                    "facts": json.dumps(new.facts),
                }
                for place, new in enumerate(new for new in settings if new.key not in have)
            ]
            if rows:
                connection.execute(sa.insert(SETTINGS), rows)
            return self._add_cells(connection, cells)

    def _add_cells(self, connection: sa.Connection, cells: Sequence[NewCell]) -> int:
        have = {row.id: row.status for row in connection.execute(sa.select(CELLS.c.id, CELLS.c.status))}
        fresh = {"status": "waiting", "token": 0, "losses": 0, "rounds": 0, "seconds": 0.0}
        rows = [
            {**vars(cell), "arm": json.dumps(cell.arm), "position": len(have) + place, **fresh}
            for place, cell in enumerate(cell for cell in cells if cell.id not in have)
        ]
        if rows:
            connection.execute(sa.insert(CELLS), rows)
        again = [cell.id for cell in cells if have.get(cell.id) == "failed"]
        if again:
            values = {"status": "waiting", "losses": 0, "error": None, "traceback": None}
            connection.execute(
                sa.update(CELLS).where(CELLS.c.id == sa.bindparam("again")).values(**values),
                [{"again": cell} for cell in again],
            )
        return len(rows)

    def claim(self, worker: str, lease: float) -> Claim | None:
        """The next cell that waits, or whose worker let its lease of so many seconds pass; None if there is none."""
        with self._guarded("write to"), self._writing() as connection:
            now = self._now(connection)
            row = connection.execute(_NEXT, {"now": now}).one_or_none()
            while row is not None and row.status == "running" and row.losses >= LOSSES - 1:
                self._give_up(connection, CELLS.c.id == row.id)
                row = connection.execute(_NEXT, {"now": now}).one_or_none()
            if row is None:
                return None
            losses = row.losses + (row.status == "running")
            taken = {"taken": row.id, "taker": worker, "as_claim": row.token + 1, "for_now": now + lease}
            connection.execute(_TAKE, {**taken, "lost": losses})
        last = None if row.last is None else json.loads(row.last)
        return Claim(row.id, row.token + 1, worker, row.setting, row.strategy, json.loads(row.arm), int(row.seed), last)

    def _give_up(self, connection: sa.Connection, lost: sa.ColumnElement[bool]) -> None:
        """Fail the cells that lost their worker too often in one round."""
        error = (
            f"Its worker was lost {LOSSES} times in the same round, perhaps for want of memory; "
            "run it again with fewer --jobs."
        )
        connection.execute(
            sa.update(CELLS).where(lost, CELLS.c.losses >= LOSSES - 1).values(status="failed", error=error, until=None)
        )

    def renew(self, claim: Claim, lease: float) -> None:
        """Keep the cell for so many seconds more."""
        with self._guarded("write to"), self._writing() as connection:
            self._update(connection, claim, until=self._now(connection) + lease)

    def parts(self, claim: Claim) -> tuple[list[bytes], bytes | None]:
        """What its campaign did so far, round by round, and its model's checkpoint if it needs one."""
        with self._guarded("read"), self._engine.connect() as connection:
            mine = sa.select(PARTS.c.content).where(PARTS.c.cell == claim.cell).order_by(PARTS.c.round)
            model = sa.select(CELLS.c.model).where(CELLS.c.id == claim.cell)
            return list(connection.execute(mine).scalars()), connection.execute(model).scalar()

    def past(self, claim: Claim) -> list[dict[str, Any]]:
        """The numbers of the cell's complete rounds, without their details."""
        columns = [column for column in ROUNDS.c if column.name != "details"]
        query = sa.select(*columns).where(ROUNDS.c.cell == claim.cell).order_by(ROUNDS.c.round)
        with self._guarded("read"), self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [{**row, "seconds": json.loads(row["seconds"])} for row in rows]

    def save(
        self,
        claim: Claim,
        metrics: Mapping[str, Any],
        details: Mapping[str, Any],
        part: bytes,
        model: bytes | None,
        *,
        evidence: bool = False,
    ) -> None:
        """Keep a complete round; the cell is done where the metrics say that it ended.

        Its parts are gone then, unless they are kept as ``evidence``.
        """
        round, over = metrics["round"], metrics["end"] is not None
        row = {name: metrics[name] for name in _METRICS}
        work = sum(metrics["seconds"].values())
        with self._guarded("write to"), self._writing() as connection:
            checkpoint = None if over else model
            kept = {"done": round + 1, "metrics": _json(metrics), "checkpoint": checkpoint, "work": work}
            _check_claimed((self._keep_last if over else self._keep)(connection, {**kept, **_of(claim)}), claim)
            texts = {"seconds": _json(metrics["seconds"]), "details": _json(details)}
            self._add_round(connection, {"cell": claim.cell, "round": round, **row, **texts})
            if over and not evidence:
                connection.execute(_DROP_PARTS, {"of_cell": claim.cell})
            else:
                self._add_part(connection, {"cell": claim.cell, "round": round, "content": part})

    def finish(self, claim: Claim, *, evidence: bool = False) -> None:
        """The cell is done, though its last round did not know that it is the last; nothing if it is done already."""
        with self._guarded("write to"), self._writing() as connection:
            if connection.execute(_END, _of(claim)).rowcount and not evidence:
                connection.execute(_DROP_PARTS, {"of_cell": claim.cell})

    def fail(self, claim: Claim, error: str, traceback: str) -> None:
        """Record why a cell cannot be run; its complete rounds stay."""
        with self._guarded("write to"), self._writing() as connection:
            self._update(connection, claim, status="failed", error=error, traceback=traceback, until=None)

    def release(self, worker: str, *, lost: bool) -> None:
        """Let others have what a worker held; ``lost`` if it did not end by itself."""
        held = (CELLS.c.status == "running") & (CELLS.c.worker == worker)
        with self._guarded("write to"), self._writing() as connection:
            if lost:
                self._give_up(connection, held)
            values = {"status": "waiting", "until": None, "losses": CELLS.c.losses + int(lost)}
            connection.execute(sa.update(CELLS).where(held).values(**values))

    def counts(self) -> dict[str, int]:
        """How many cells there are of each status."""
        with self._guarded("read"), self._engine.connect() as connection:
            query = sa.select(CELLS.c.status, sa.func.count()).group_by(CELLS.c.status)
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def settings(self) -> list[NewSetting]:
        """Every setting, in the order in which they were added."""
        with self._guarded("read"), self._engine.connect() as connection:
            rows = connection.execute(sa.select(SETTINGS).order_by(SETTINGS.c.position)).all()
        return [NewSetting(row.key, json.loads(row.config), json.loads(row.facts)) for row in rows]

    def cells(self) -> list[dict[str, Any]]:
        """Every cell in order: what it is, its status, worker, rounds, seconds, last metrics, error and traceback."""
        columns = [column for column in CELLS.c if column.name not in ("model", "until", "losses")]
        with self._guarded("read"), self._engine.connect() as connection:
            rows = connection.execute(sa.select(*columns).order_by(CELLS.c.position)).mappings()
            return [dict(row) for row in rows]

    def states(self) -> list[dict[str, Any]]:
        """Every cell in order, as `cells`, without what is long: metrics, arm and traceback."""
        short = ("id", "setting", "strategy", "seed", "status", "worker", "rounds", "seconds", "error")
        query = sa.select(*(CELLS.c[name] for name in short)).order_by(CELLS.c.position)
        with self._guarded("read"), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def rounds(self) -> Iterator[Mapping[str, Any]]:
        """Every complete round, cell by cell in order."""
        query = (
            sa.select(ROUNDS)
            .join(CELLS, CELLS.c.id == ROUNDS.c.cell)
            .order_by(CELLS.c.position, ROUNDS.c.round)
            .execution_options(yield_per=500)
        )
        with self._guarded("read"), self._engine.connect() as connection:
            yield from (dict(row) for row in connection.execute(query).mappings())

    def _update(self, connection: sa.Connection, claim: Claim, **values: Any) -> None:
        _check_claimed(connection.execute(sa.update(CELLS).where(_CLAIMED).values(**values), _of(claim)), claim)

    def _now(self, connection: sa.Connection) -> float:
        """Seconds since 1970, by the clock that all workers share."""
        if self._engine.dialect.name == "sqlite":
            return time.time()
        return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction on the connection that stays open for writing: a new one for each takes as long as to write."""
        with self._turn:
            if self._writer is None:
                self._writer = self._engine.connect().execution_options(writes=True)
            with self._writer.begin():
                yield self._writer

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            cause = " ".join(str(error.orig).split())
            if "malformed" in cause or "not a database" in cause:
                raise DataError(f"{self.place} is not a results database, or damaged ({cause}).") from error
            if doing == "write to":
                raise StorageError(
                    f"Could not write to the results database {self.place}: {cause}. What was complete stays; "
                    "make room, then the same command goes on."
                ) from error
            raise LogError(f"Could not {doing} the results database {self.place}: {cause}.") from error


def _of(claim: Claim) -> dict[str, Any]:
    """What `_CLAIMED` asks."""
    return {"claimed": claim.cell, "of_claim": claim.token}


def _check_claimed(changed: sa.CursorResult[Any], claim: Claim) -> None:
    """Raise `LeaseLost` if the cell is another's by now: then nothing has changed."""
    if changed.rowcount != 1:
        raise LeaseLost(f"Another worker has the cell {claim.strategy}, seed {claim.seed}, by now.")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
