"""Published comparisons, run here: their figures beside ours, and the difference.

::

    print(claros.experiment.replicate.run("three-clusters", "out", jobs=2))
"""

from __future__ import annotations

from claros.experiment.replicate.outcome import Gap, Replication, Row
from claros.experiment.replicate.preset import Preset, Published, Request
from claros.experiment.replicate.run import run
from claros.experiment.replicate.table import REGISTRY, get, names

__all__ = ["REGISTRY", "Gap", "Preset", "Published", "Replication", "Request", "Row", "get", "names", "run"]
