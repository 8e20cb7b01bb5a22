"""``claros bench``: grids of experiments in one results database."""

from __future__ import annotations

from claros.cli.bench.plan import plan
from claros.cli.bench.run import run
from claros.cli.bench.status import status
from claros.cli.bench.worker import worker

__all__ = ["COMMANDS"]

#: The commands of the group; the first is meant where options follow at once.
COMMANDS = {"run": run, "plan": plan, "status": status, "worker": worker}
