"""DalMax's commands, its names of strategies and its result files, for any strategy and any model.

``claros run --files dalmax`` writes the files for every arm and seed of a run, and `train_al`, `train` and `demo` are
what ``claros dalmax`` calls. docs/from_dalmax.md says what became of every option and file.
"""

from __future__ import annotations

from claros.experiment.dalmax.commands import demo, train_al
from claros.experiment.dalmax.files import check_folder, write_run
from claros.experiment.dalmax.names import STRATEGIES, TYPES
from claros.experiment.dalmax.train import train

__all__ = ["STRATEGIES", "TYPES", "check_folder", "demo", "train", "train_al", "write_run"]
