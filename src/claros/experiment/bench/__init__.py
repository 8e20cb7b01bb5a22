"""Grids of experiments in one results database: resumable, on one machine, on several, on a Ray cluster.

::

    settings = claros.experiment.bench.read_grid(grid=["data=digits,wine"], flags={"seeds": 10})
    claros.experiment.bench.bench(settings, "out", jobs=2)
"""

from __future__ import annotations

from claros.experiment.bench.export import export
from claros.experiment.bench.grid import expand, read_grid
from claros.experiment.bench.progress import Overview
from claros.experiment.bench.run import ENGINES, Outcome, assist, bench, database, follow, plan
from claros.experiment.bench.store import Store
from claros.experiment.bench.worker import LEASE, work

__all__ = [
    "ENGINES",
    "LEASE",
    "Outcome",
    "Overview",
    "Store",
    "assist",
    "bench",
    "database",
    "expand",
    "export",
    "follow",
    "plan",
    "read_grid",
    "work",
]
