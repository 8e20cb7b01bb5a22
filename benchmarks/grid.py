"""What a bench costs beside its cells: 1,000 cells on features computed beforehand, one worker and then two.

    python benchmarks/grid.py [CELLS]

A cell's own time is what its rounds report: training, prediction, selection, evaluation, and the campaign around them.
Everything else is scheduling: claiming cells, making campaigns, writing rounds, renewing leases, looking at progress.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from claros.experiment.bench import Store, assist, plan, read_grid

ROWS, COLUMNS, CLASSES = 20_000, 384, 10


def features(folder: Path) -> Path:
    """Ten overlapping clouds, as a frozen encoder's features would be."""
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=ROWS)
    x = rng.normal(size=(CLASSES, COLUMNS))[y] + 1.5 * rng.normal(size=(ROWS, COLUMNS))
    np.savez(folder / "features.npz", x=x.astype(np.float32), y=y)
    return folder / "features.npz"


def measure(folder: Path, cells: int, jobs: int) -> tuple[float, float]:
    """Seconds of the workers together, and the part of them that was not in cells."""
    grid = {"data": str(features(folder)), "strategy": ["margin", "entropy", "badge"], "start": 50, "batch": 50}
    with Store(f"sqlite:///{folder}/bench-{jobs}.sqlite") as store:
        plan(read_grid(flags={**grid, "rounds": 10, "seeds": cells // 4, "upper_bound": False}), store)
        started = time.perf_counter()
        assist(store, jobs=jobs)
        wall = (time.perf_counter() - started) * jobs
        return wall, wall - sum(cell["seconds"] for cell in store.cells())


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as room:
            wall, beside = measure(Path(room), n, jobs)
        said = f"{1000 * beside / n:.1f} ms a cell, {100 * beside / wall:.1f} % of {wall:.0f} s"
        print(f"{n} cells of 11 rounds, {jobs} worker{'s' * (jobs > 1)}: scheduling {said}")
