"""Results databases to test on: a SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from bench_grids import GRID

from claros.experiment.bench import Store, plan, read_grid
from postgres import server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server of this test process."""
    with server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A results database that is not there yet, of each kind."""
    return f"sqlite:///{tmp_path}/bench.sqlite" if request.param == "sqlite" else request.getfixturevalue("pg_url")


@pytest.fixture
def pg_url(postgres: str) -> str:
    """A new database on the server."""
    name = f"bench_{uuid.uuid4().hex}"
    engine = sa.create_engine(f"postgresql+psycopg://postgres@{postgres}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"postgresql+psycopg://postgres@{postgres}/{name}"


@pytest.fixture
def store_at() -> Iterator[Callable[[str], Store]]:
    """Opens stores, and closes them in the end."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(Store(url)))


@pytest.fixture
def planned(url: str, store_at: Callable[[str], Store]) -> Store:
    """A store with the cells of `GRID`: three arms, two seeds."""
    store = store_at(url)
    plan(read_grid(flags=GRID), store)
    return store


@pytest.fixture
def make(tmp_path: Path, store_at: Callable[[str], Store]) -> Callable[..., Store]:
    """A SQLite store with the cells of a grid."""

    def fresh(**changes: Any) -> Store:
        store = store_at(f"sqlite:///{tmp_path}/made.sqlite")
        plan(read_grid(flags={**GRID, **changes}), store)
        return store

    return fresh
