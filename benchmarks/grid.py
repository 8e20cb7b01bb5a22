"""What a bench costs beside its cells: 1,000 cells on features computed beforehand, one worker and then two.

    python benchmarks/grid.py [CELLS]

A cell's own time is what its rounds report, training, prediction, selection, evaluation and the campaign around them,
and with one worker also that of making its campaign, which a loop without a bench would need too. Everything else is
scheduling: starting workers, claiming cells, packing and writing rounds, renewing leases, looking at progress.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from claros.experiment.bench import Store, assist, plan, read_grid
from claros.experiment.setting import Setting

ROWS, COLUMNS, CLASSES = 20_000, 384, 10


def features(folder: Path) -> Path:
    """Ten overlapping clouds, as a frozen encoder's features would be."""
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=ROWS)
    x = rng.normal(size=(CLASSES, COLUMNS))[y] + 1.5 * rng.normal(size=(ROWS, COLUMNS))
    np.savez(folder / "features.npz", x=x.astype(np.float32), y=y)
    return folder / "features.npz"


@contextmanager
def timed(owner: Any, name: str) -> Iterator[list[float]]:
    """The seconds of every call of a method in this process while the block runs."""
    method, seconds = getattr(owner, name), []

    def call(*arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            seconds.append(time.perf_counter() - started)

    setattr(owner, name, call)
    try:
        yield seconds
    finally:
        setattr(owner, name, method)


def measure(folder: Path, cells: int, jobs: int) -> tuple[float, float, float]:
    """Seconds of the workers together, the part of them that was not in rounds, and of that in making campaigns."""
    grid = {"data": str(features(folder)), "strategy": ["margin", "entropy", "badge"], "start": 50, "batch": 50}
    with Store(f"sqlite:///{folder}/bench-{jobs}.sqlite") as store:
        plan(read_grid(flags={**grid, "rounds": 10, "seeds": cells // 4, "upper_bound": False}), store)
        started = time.perf_counter()
        with timed(Setting, "campaign") as making:
            assist(store, jobs=jobs)
        wall = (time.perf_counter() - started) * jobs
        return wall, wall - sum(cell["seconds"] for cell in store.cells()), sum(making)


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as room:
            wall, beside, making = measure(Path(room), n, jobs)
        said = f"{1000 * (beside - making) / n:.1f} ms a cell, {100 * (beside - making) / wall:.1f} % of {wall:.0f} s"
        made = f"; making campaigns {1000 * making / n:.1f} ms" if making else ", making campaigns included"
        print(f"{n} cells of 11 rounds, {jobs} worker{'s' * (jobs > 1)}: scheduling {said}{made}", flush=True)
