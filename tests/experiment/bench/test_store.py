"""The results database: who may work on what, and what stays whatever happens; on SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from bench_grids import GRID

from claros.errors import DataError, NewerLogError, StorageError
from claros.experiment.bench import Store, plan, read_grid
from claros.experiment.bench.schema import ABOUT, VERSION, Claim
from claros.experiment.bench.store import LOSSES, LeaseLost


def metrics(round: int, end: str | None = None) -> dict[str, Any]:
    numbers = {"accuracy": 0.5, "macro_f1": 0.4, "nll": 1.0, "ece": 0.1}
    return {"round": round, "n_labeled": 10 * round, **numbers, "seconds": {"train": 0.25}, "end": end}


def save(store: Store, claim: Claim, round: int, end: str | None = None) -> None:
    store.save(claim, metrics(round, end), {"batch": []}, b"part %d" % round, None)


def take(store: Store, worker: str = "w", lease: float = 60) -> Claim:
    claim = store.claim(worker, lease)
    assert claim is not None
    return claim


def test_cells_are_handed_out_once_each_seed_by_seed(planned: Store) -> None:
    claims = [take(planned) for _ in range(6)]
    assert [(claim.seed, claim.strategy) for claim in claims] == [
        (seed, name) for seed in (0, 1) for name in ("margin", "entropy", "random")
    ]
    assert len({claim.cell for claim in claims}) == 6
    assert planned.claim("another", 60) is None
    assert planned.counts() == {"running": 6}


def test_a_lease_that_passed_frees_the_cell_and_shuts_its_worker_out(planned: Store) -> None:
    late = take(planned, "late", lease=0.05)
    save(planned, late, 0)
    time.sleep(0.1)
    taken = take(planned, "other")
    assert taken.cell == late.cell
    assert taken.last is not None
    assert taken.last["round"] == 0
    assert planned.parts(taken) == ([b"part 0"], None)
    for write in (lambda: save(planned, late, 1), lambda: planned.renew(late, 60), lambda: planned.fail(late, "", "")):
        with pytest.raises(LeaseLost, match="Another worker has the cell margin, seed 0"):
            write()
    save(planned, taken, 1)
    assert [row["round"] for row in planned.rounds()] == [0, 1]


def test_a_renewed_lease_keeps_the_cell(planned: Store) -> None:
    mine = take(planned, "mine", lease=0.2)
    for _ in range(4):
        time.sleep(0.1)
        planned.renew(mine, 0.2)
    assert take(planned, "other").cell != mine.cell
    save(planned, mine, 0)


def test_a_done_cell_is_never_handed_out_and_gives_its_parts_back(planned: Store) -> None:
    claim = take(planned)
    save(planned, claim, 0)
    save(planned, claim, 1, end="labels")
    assert planned.parts(claim) == ([], None)
    planned.finish(claim)  # a second time is nothing
    assert planned.counts() == {"done": 1, "waiting": 5}
    assert claim.cell not in {take(planned).cell for _ in range(5)}
    cell = planned.cells()[0]
    assert (cell["rounds"], cell["seconds"]) == (2, 0.5)


def test_a_round_that_cannot_be_written_whole_is_not_there(planned: Store) -> None:
    claim = take(planned)
    save(planned, claim, 0)
    with pytest.raises(StorageError):
        save(planned, claim, 0)  # the same round again breaks the key, after the cell's row was changed
    assert [row["round"] for row in planned.rounds()] == [0]
    assert planned.cells()[0]["seconds"] == 0.25


def test_a_released_worker_s_cells_wait_again(planned: Store) -> None:
    mine, other = take(planned, "mine"), take(planned, "other")
    planned.release("mine", lost=False)
    assert take(planned, "next").cell == mine.cell
    save(planned, other, 0)


def test_a_cell_that_loses_worker_after_worker_is_given_up_unless_it_gets_on(planned: Store) -> None:
    for _ in range(LOSSES - 1):
        first = take(planned)
        planned.release("w", lost=True)
    save(planned, take(planned), 0)  # it got on: the count starts anew
    for _ in range(LOSSES):
        planned.release("w", lost=True)
        assert take(planned).cell == first.cell or planned.counts()["failed"] == 1
    planned.release("w", lost=True)
    failed = [cell for cell in planned.cells() if cell["status"] == "failed"]
    assert [cell["id"] for cell in failed] == [first.cell]
    assert "lost 5 times in the same round" in failed[0]["error"]


def test_a_larger_grid_adds_cells_and_one_that_is_there_adds_nothing(planned: Store) -> None:
    save(planned, take(planned), 0, end="labels")
    assert plan(read_grid(flags=GRID), planned) == 0
    assert plan(read_grid(flags={**GRID, "seeds": 3, "strategy": ["margin", "entropy", "badge"]}), planned) == 3 + 3
    assert plan(read_grid(flags={**GRID, "batch": 7}), planned) == 6
    assert planned.counts() == {"done": 1, "waiting": 17}


def test_failed_cells_wait_again_when_they_are_planned_again(planned: Store) -> None:
    planned.fail(take(planned), "out of coffee", "Traceback ...")
    assert planned.counts() == {"failed": 1, "waiting": 5}
    plan(read_grid(flags=GRID), planned)
    assert planned.counts() == {"waiting": 6}


def test_what_cannot_work_is_said_before_anything_is_added(url: str, store_at: Callable[[str], Store]) -> None:
    store = store_at(url)
    with pytest.raises(Exception, match="no strategy named 'margn'"):
        plan(read_grid(flags={**GRID, "strategy": ["margin", "margn"]}), store)
    assert store.counts() == {}


def test_another_version_is_refused_with_a_sentence(url: str) -> None:
    store = Store(url)
    with store._engine.begin() as connection:
        connection.execute(sa.update(ABOUT).values(value="99"))
    store.close()
    with pytest.raises(NewerLogError, match=f"has version 99, this Claros reads {VERSION}"):
        Store(url)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(DataError, match=r"x\.sqlite is not a results database, or damaged"):
        Store(f"sqlite:///{tmp_path}/x.sqlite")


def test_a_password_is_never_shown(postgres: str) -> None:
    with pytest.raises(Exception, match="Could not open") as raised:
        Store(f"postgresql+psycopg://somebody:secret@{postgres}/nowhere")
    assert "secret" not in str(raised.value)


def test_many_processes_may_open_a_new_database_at_once(url: str) -> None:
    program = "import sys; from claros.experiment.bench import Store; Store(sys.argv[1]).close()"
    at_once = [
        subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE, text=True) for _ in range(6)
    ]
    said = [process.communicate(timeout=120)[1] for process in at_once]
    assert [process.returncode for process in at_once] == [0] * 6, said
