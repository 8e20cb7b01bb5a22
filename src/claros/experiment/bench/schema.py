"""The tables of a results database, and what a worker is given of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

__all__ = ["CELLS", "METADATA", "PARTS", "ROUNDS", "SETTINGS", "STATUS", "VERSION", "Claim", "NewCell", "NewSetting"]

#: Version of these tables; another one is refused.
VERSION = 2

#: What a cell may be, in the order of its life.
STATUS = ("waiting", "running", "done", "failed")

METADATA = sa.MetaData()
_Blob = sa.LargeBinary

ABOUT = sa.Table(
    "claros_bench",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

SETTINGS = sa.Table(
    "claros_bench_settings",
    METADATA,
    sa.Column("key", sa.String(16), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("config", sa.Text, nullable=False),  # a RunConfig without arms and seeds, as JSON
    sa.Column("facts", sa.Text, nullable=False),  # data, manifest and plan, as JSON
)

CELLS = sa.Table(
    "claros_bench_cells",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("setting", sa.String(16), sa.ForeignKey(SETTINGS.c.key), nullable=False),
    sa.Column("strategy", sa.String(200), nullable=False),
    sa.Column("arm", sa.Text, nullable=False),  # JSON
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("worker", sa.String(200)),
    sa.Column("token", sa.Integer, nullable=False),  # how often it was claimed; only the last claim may write
    sa.Column("until", sa.Float(53)),  # when the lease ends, in seconds since 1970 by the database's clock
    sa.Column("losses", sa.Integer, nullable=False),  # workers lost since the last complete round
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float(53), nullable=False),  # of work, over all workers
    sa.Column("last", sa.Text),  # metrics of the last complete round, as JSON
    sa.Column("model", _Blob),  # checkpoint of a model that goes on from its last weights
    sa.Column("error", sa.Text),
    sa.Column("traceback", sa.Text),
    sa.Index("claros_bench_cells_next", "status", "position"),
)

ROUNDS = sa.Table(
    "claros_bench_rounds",
    METADATA,
    sa.Column("cell", sa.String(16), sa.ForeignKey(CELLS.c.id), primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True),
    sa.Column("n_labeled", sa.Integer, nullable=False),
    sa.Column("accuracy", sa.Float(53), nullable=False),
    sa.Column("macro_f1", sa.Float(53), nullable=False),
    sa.Column("nll", sa.Float(53), nullable=False),
    sa.Column("ece", sa.Float(53), nullable=False),
    sa.Column("seconds", sa.Text, nullable=False),  # by phase, as JSON
    sa.Column("details", sa.Text, nullable=False),  # per class, decisions, batch, the trainer's log, as JSON
)

PARTS = sa.Table(
    "claros_bench_parts",
    METADATA,
    sa.Column("cell", sa.String(16), sa.ForeignKey(CELLS.c.id), primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True),
    sa.Column("content", _Blob, nullable=False),  # what the campaign did in the round; gone when the cell is done
)


@dataclass(frozen=True)
class NewSetting:
    """A setting to be there: its key, its `RunConfig` as JSON without arms and seeds, and its facts."""

    key: str
    config: Mapping[str, Any]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class NewCell:
    """A cell to be there."""

    id: str
    setting: str
    strategy: str
    arm: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Claim:
    """A cell that a worker may work on, until its lease ends or somebody else claims it (``token``)."""

    cell: str
    token: int
    worker: str
    setting: str
    strategy: str
    arm: Mapping[str, Any]
    seed: int
    last: Mapping[str, Any] | None
