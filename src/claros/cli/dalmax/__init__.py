"""``claros dalmax``: the commands of DalMax, with its options, names and result files."""

from __future__ import annotations

from claros.cli.dalmax.demo import demo
from claros.cli.dalmax.train import train
from claros.cli.dalmax.train_al import train_al

__all__ = ["COMMANDS"]

#: The commands of the group; the first is meant where options follow at once.
COMMANDS = {"train-al": train_al, "train": train, "demo": demo}
