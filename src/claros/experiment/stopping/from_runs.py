"""Recorded runs in the folder of ``claros run``, which always keeps what stopping rules saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from claros.campaign import Campaign
from claros.errors import DataError
from claros.experiment.config import UPPER_BOUND, parse_config
from claros.experiment.run import cells_of
from claros.experiment.setting import Setting
from claros.experiment.stopping.recorded import Key, Recorded
from claros.experiment.tables import read_round, rounds_done

__all__ = ["from_run"]


def from_run(folder: Path) -> Iterator[Recorded]:
    """Every arm and seed of the run that has a complete round; the upper bound is no arm of this kind."""
    try:
        facts = json.loads((folder / "run.json").read_bytes())
        config = parse_config(facts["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / 'run.json'} is damaged ({error}); restore it from a copy.") from error
    cells = [cell for cell in cells_of(config, folder) if cell.strategy != UPPER_BOUND and rounds_done(cell)]
    if not cells:
        raise DataError(f"The run at {folder} has no complete round yet.")
    setting = Setting.load(config)
    if setting.facts()["manifest"] != facts["manifest"]:
        raise DataError(f"{config.data} holds other data than those that {folder} was run on; restore them.")
    data = Path(config.data).name.split(".")[0] or config.data
    for cell in cells:
        rows = [read_round(cell, number) for number in range(rounds_done(cell))]
        accuracy = {int(row["round"]): float(row["accuracy"]) for row in rows}
        with Campaign.open(
            cell.folder, pool=setting.pool, model=setting.model(), target=setting.target, durable=False
        ) as campaign:
            yield Recorded.of(
                Key(data, config.model.name, cell.strategy, cell.seed), campaign, accuracy, str(cell.folder)
            )
