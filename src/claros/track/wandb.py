"""Weights & Biases: offline runs for ``wandb sync``, or whatever ``WANDB_MODE`` says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claros.errors import require
from claros.track.tracker import Tracked

__all__ = ["WandB"]

#: Nothing is collected but what is logged. Without network, a cell waits 30 s at its start and a minute at its end;
#: what was not sent by then stays on disk for ``wandb sync``.
_SETTINGS = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    "x_disable_stats": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "init_timeout": 30.0,
    "finish_timeout": 60.0,
}


class WandB:
    """One run per cell in the project (``WANDB_PROJECT`` if set), with labels spent along the x axis of its charts.

    A cell that goes on continues its run when online, and is written anew when offline.
    """

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self._wandb = require("wandb", "track-wandb", "Tracking with Weights & Biases")
        self._folder = folder

    def start(self, run: Tracked) -> None:
        """Begin the cell's run, or go on with it."""
        self._run: Any = None
        online = "WANDB_MODE" in os.environ
        older = [] if online else list(self._folder.glob(f"offline-run-*-{run.key}"))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or re.sub(r"[/\\#?%:]", "-", run.project),
            group=run.group,
            name=run.name,
            id=run.key,
            config=run.parameters,
            dir=None if "WANDB_DIR" in os.environ else self._folder.parent,  # it appends /wandb
            mode=None if online else "offline",
            resume="allow" if online else None,
            settings=self._wandb.Settings(**_SETTINGS),
        )
        self._run.define_metric("n_labeled")
        self._run.define_metric("*", step_metric="n_labeled")
        self._older = [path for path in older if path != Path(self._run.dir).parent]

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        """Log one round, unless the run that goes on has it."""
        if n_labeled >= self._run.starting_step:
            self._run.log(dict(values), step=n_labeled)

    def finish(self, *, failed: bool = False) -> None:
        """Close the run, which now has everything that the cell's runs before a crash have."""
        self._run.finish(exit_code=int(failed))
        for path in self._older:
            shutil.rmtree(path, ignore_errors=True)
