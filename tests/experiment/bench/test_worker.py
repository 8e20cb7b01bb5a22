"""Workers: resumed at any round with the same numbers, alone or together, killed or not."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_grids import GRID

from claros.experiment.bench import Store, plan, read_grid, work

Make = Callable[..., Store]


def numbers(store: Store) -> list[dict[str, Any]]:
    """Every round of every cell, without the clock."""
    rows = []
    for row in store.rounds():
        details = json.loads(row["details"])
        for entry in details["history"]:
            entry.pop("seconds", None)
        kept = {name: value for name, value in row.items() if name not in ("seconds", "details")}
        rows.append({**kept, **details})
    return rows


class Interrupting(Store):
    """A database whose user presses Ctrl-C after so many rounds."""

    rounds_left = 0

    def save(self, *arguments: Any, **named: Any) -> None:
        super().save(*arguments, **named)
        self.rounds_left -= 1
        if self.rounds_left == 0:
            raise KeyboardInterrupt


def test_what_the_garbage_collector_leaves_alone_meanwhile_it_sees_again(tmp_path: Path) -> None:
    seen = []
    store = Store(f"sqlite:///{tmp_path}/bench.sqlite")
    plan(read_grid(flags={**GRID, "rounds": 1, "seeds": 1}), store)
    work(store, "w", look=lambda: seen.append(gc.get_freeze_count()))
    assert min(seen) > 0
    assert gc.get_freeze_count() == 0


WARM = {"name": "bench_nets:Net", "parameters": {"epochs": 3, "warm": True}}


@pytest.mark.parametrize("model", ["logistic", "mlp", WARM], ids=["logistic", "mlp", "warm"])
def test_interrupted_at_every_round_it_ends_with_the_same_numbers(tmp_path: Path, model: Any) -> None:
    grid = {**GRID, "model": model, "rounds": 2, "seeds": 1}
    whole, pieces = Store(f"sqlite:///{tmp_path}/whole.sqlite"), Interrupting(f"sqlite:///{tmp_path}/pieces.sqlite")
    for store in (whole, pieces):
        plan(read_grid(flags=grid), store)
    work(whole, "w")
    stops = 0
    while pieces.counts().get("done", 0) < len(pieces.cells()):
        pieces.rounds_left = 1
        try:
            work(pieces, f"w{stops}")
        except KeyboardInterrupt:
            stops += 1
    assert stops == len(numbers(whole)) > 0
    assert numbers(pieces) == numbers(whole)


def test_a_cell_s_error_is_kept_with_its_traceback_and_the_others_go_on(make: Make) -> None:
    store = make(model=["bench_models:failing", "logistic"])
    work(store, "w")
    assert store.counts() == {"done": 6, "failed": 6}
    failed = [cell for cell in store.cells() if cell["status"] == "failed"]
    assert len({cell["setting"] for cell in failed}) == 1
    assert all(cell["error"] == "RuntimeError: out of coffee" for cell in failed)
    assert all('raise RuntimeError("out of coffee")' in cell["traceback"] for cell in failed)


def test_data_that_changed_since_the_plan_fail_the_cells_with_a_sentence(tmp_path: Path, make: Make) -> None:
    file = tmp_path / "data.npz"
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 3)), np.arange(80) % 2
    np.savez(file, x=x, y=y)
    store = make(data=str(file))
    np.savez(file, x=x + 1, y=y)
    work(store, "w")
    assert {cell["error"].split(";")[0] for cell in store.cells()} == {
        f"{file} holds other data than when this bench was planned"
    }


def forked(url: str, name: str, lease: float) -> int:
    """A worker in a process of its own, at once."""
    child = os.fork()
    if child == 0:
        try:
            work(Store(url), name, lease=lease)
            os._exit(0)
        except BaseException:  # noqa: BLE001  the child must not return into pytest
            os._exit(1)
    return child


@pytest.fixture
def children() -> Iterator[list[int]]:
    """Processes that are killed in the end, whatever happens."""
    ids: list[int] = []
    yield ids
    for child in ids:
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


def ended(children: list[int]) -> list[int]:
    gone = [child for child in children if os.waitpid(child, os.WNOHANG)[0] == child]
    for child in gone:
        children.remove(child)
    return gone


@pytest.mark.parametrize("most", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_many_kills_lose_no_finished_cell_and_repeat_none(most: int, tmp_path: Path, children: list[int]) -> None:
    seeds = 10 + most
    grid = read_grid(flags={**GRID, "rounds": 8, "seeds": seeds, "strategy": ["margin"]})
    urls = [f"sqlite:///{tmp_path}/{name}.sqlite" for name in ("calm", "killed")]
    calm, killed = map(Store, urls)
    for store in (calm, killed):
        plan(grid, store)
    work(calm, "calm")
    chance, kills, name = random.Random(0), 0, 0
    finished: dict[str, Mapping[str, Any]] = {}
    while killed.counts().get("done", 0) < 2 * seeds:
        ended(children)
        while len(children) < 2:
            children.append(forked(urls[1], f"w{name}", 0.3))
            name += 1
        time.sleep(chance.uniform(0.0, 0.25))
        for cell in killed.cells():
            if cell["status"] == "done":
                kept = finished.setdefault(cell["id"], cell)
                assert (kept["token"], kept["rounds"]) == (cell["token"], cell["rounds"])  # nobody touched it again
        if kills < most and children:
            os.kill(chance.choice(children), signal.SIGKILL)
            kills += 1
    assert kills == most, f"only {kills} kills fitted in; give the grid more cells"
    assert killed.counts() == {"done": 2 * seeds}
    assert numbers(killed) == numbers(calm)


def test_two_machines_on_one_postgresql_never_run_a_cell_twice(pg_url: str, children: list[int]) -> None:
    store = Store(pg_url)
    plan(read_grid(flags={**GRID, "seeds": 20}), store)
    for machine in ("a", "b"):
        children += [forked(pg_url, f"{machine}-{n}", 30.0) for n in range(2)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0, 0, 0, 0]
    cells = store.cells()
    assert {cell["token"] for cell in cells} == {1}  # each was claimed once
    assert {cell["rounds"] for cell in cells} == {4}
    assert len(list(store.rounds())) == 60 * 4
    assert {cell["worker"][0] for cell in cells} == {"a", "b"}
    store.close()
