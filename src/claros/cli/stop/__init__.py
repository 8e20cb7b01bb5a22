"""``claros stop``: when to stop labeling, asked of runs that are recorded."""

from __future__ import annotations

from claros.cli.stop.bench import bench
from claros.cli.stop.replay import replay

__all__ = ["COMMANDS"]

#: The commands of the group; the first is meant where options follow at once.
COMMANDS = {"replay": replay, "bench": bench}
