"""A cell of ``claros run`` on disk: a campaign's folder, with the files of each round beside those of the campaign."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from claros.campaign import Campaign
from claros.experiment.cell import Evaluated, Task
from claros.experiment.setting import Setting
from claros.experiment.tables import Cell, csv_bytes, read_round, rounds_done
from claros.files import npy_bytes, write_atomically

__all__ = ["InFolder"]

BATCH_COLUMNS = ("item", "class", "source", "score", "probability")


@dataclass(frozen=True)
class InFolder:
    """Keeps the rounds of a cell in its folder; ``metrics.json`` is written last and says that a round is complete."""

    cell: Cell

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.cell.folder)

    def last(self) -> Mapping[str, Any] | None:
        """The metrics of the last complete round; None before there is one."""
        done = rounds_done(self.cell)
        return read_round(self.cell, done - 1) if done else None

    def past(self) -> Iterator[Mapping[str, Any]]:
        """The metrics of every complete round."""
        return (read_round(self.cell, number) for number in range(rounds_done(self.cell)))

    def open(self, setting: Setting, task: Task) -> Campaign:
        """The cell's campaign, new or as it was left."""
        folder = self.cell.folder
        if not folder.exists():  # it gets its name when it is complete, so that there never is half of one
            unfinished = folder.with_name(f".{folder.name}.new")
            shutil.rmtree(unfinished, ignore_errors=True)
            setting.campaign(task.arm, task.seed, unfinished).close()
            unfinished.rename(folder)
        return Campaign.open(folder, pool=setting.pool, model=setting.model(), target=setting.target, durable=False)

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Write the round's files; the campaign has its own in the same folder already."""
        folder = self.cell.round_folder(evaluated.metrics["round"])
        content = json.dumps(evaluated.metrics, ensure_ascii=False, allow_nan=False).encode()
        write_atomically(folder / "batch.csv", csv_bytes(BATCH_COLUMNS, evaluated.batch), durable=False)
        write_atomically(folder / "test_probs.npy", npy_bytes(evaluated.test_probs), durable=False)
        write_atomically(folder / "metrics.json", content, durable=False)
