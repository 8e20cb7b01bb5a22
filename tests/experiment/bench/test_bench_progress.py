"""How far a bench is: looked at now and then, however often it is asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_grids import GRID

from claros.experiment.bench import Store, plan, read_grid
from claros.experiment.bench.progress import QUIET_SECONDS, SHARE, Display


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time goes by only when it is told to."""
    now = [100.0]
    monkeypatch.setattr("claros.experiment.bench.progress.time.monotonic", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    return passes


class Slow(Store):
    """A database that takes a while to say what its cells are at."""

    takes, looks = 0.0, 0
    passes: Callable[[float], None]

    def states(self) -> list[dict[str, Any]]:
        self.looks += 1
        self.passes(self.takes)
        return super().states()


@pytest.mark.parametrize("takes", [0.0, 1.0])
def test_a_look_takes_a_small_share_of_the_time(takes: float, tmp_path: Path, clock: Callable[[float], None]) -> None:
    store, said = Slow(f"sqlite:///{tmp_path}/bench.sqlite"), io.StringIO()
    plan(read_grid(flags=GRID), store)
    store.takes, store.passes = takes, clock
    every = max(QUIET_SECONDS, takes / SHARE)
    with Display(store, said) as display:
        for _ in range(round((QUIET_SECONDS + 3 * (every + takes)) / 0.5)):
            display()
            clock(0.5)
    assert store.looks == len(said.getvalue().splitlines()) in (3, 4)
    assert said.getvalue().startswith("0 of 6 cells done")
