"""``claros shift``: how the classes of the target are distributed, against those of the source."""

from __future__ import annotations

from claros.cli.shift.estimate import estimate

__all__ = ["COMMANDS"]

#: The commands of the group; the first is meant where options follow at once.
COMMANDS = {"estimate": estimate}
