"""A run's folder read again: its settings, its data, and the cells that have a complete round."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claros.errors import DataError, InputError, suggest
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.run import cells_of
from claros.experiment.setting import Setting
from claros.experiment.tables import Cell, rounds_done

__all__ = ["RunFolder", "is_run"]


def is_run(folder: Path) -> bool:
    """Whether the folder is that of a run, else it is that of a campaign; an `InputError` if it is neither.

    A bench is neither: it keeps no folders.
    """
    if (folder / "bench.json").is_file() or (folder / "bench.sqlite").is_file():
        raise InputError(
            f"{folder} is a bench, whose rounds are rows of a database without models; give the folder of a run or "
            "of a campaign."
        )
    if not (folder / "run.json").is_file() and not (folder / "items").is_dir():
        raise InputError(
            f"{folder} is the folder of neither a run nor a campaign, which claros run and claros ask make."
        )
    return (folder / "run.json").is_file()


@dataclass(frozen=True)
class RunFolder:
    """A run with its cells that have a complete round, arm by arm."""

    folder: Path
    config: RunConfig
    facts: dict[str, Any]
    cells: list[Cell]

    @classmethod
    def read(cls, folder: Path) -> RunFolder:
        """What ``run.json`` says; nothing is loaded yet."""
        try:
            facts = json.loads((folder / "run.json").read_bytes())
            config = parse_config(facts["config"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder / 'run.json'} cannot be read ({error}); restore it from a copy.") from error
        cells = [cell for cell in cells_of(config, folder) if rounds_done(cell)]
        if not cells:
            raise DataError(f"The run at {folder} has no complete round yet.")
        return cls(folder, config, facts, cells)

    def only(self, arm: str | None = None, seed: int | None = None) -> list[Cell]:
        """The cells of an arm and a seed, or of all."""
        arms = list(dict.fromkeys(cell.strategy for cell in self.cells))
        if arm is not None and arm not in arms:
            raise InputError(suggest(arm, arms, "arm with a complete round"))
        found = [cell for cell in self.cells if arm in (None, cell.strategy) and seed in (None, cell.seed)]
        if not found:
            seeds = ", ".join(str(one) for one in sorted({cell.seed for cell in self.cells}))
            raise InputError(f"There is no complete round of seed {seed} in {self.folder}; its seeds are {seeds}.")
        return found

    def setting(self) -> Setting:
        """The run's data, read again; other data than it was run on are a `DataError`."""
        setting = Setting.load(self.config)
        for part, kept in self.facts["manifest"].items():
            if setting.facts()["manifest"][part] != kept:
                what = "pool" if part == "pool" else "test data"
                raise DataError(
                    f"{self.config.data} now gives another {what} than the run at {self.folder} had; restore the data."
                )
        return setting
