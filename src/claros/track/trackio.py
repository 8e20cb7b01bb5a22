"""Trackio: runs in an SQLite file, or wherever Trackio's own variables say."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claros.errors import ClarosError, require
from claros.track.tracker import Tracked

__all__ = ["Trackio"]


class Trackio:
    """One run per cell in the project, the configuration beside it. A cell that goes on continues its run."""

    def __init__(self, folder: Path) -> None:
        self._trackio = _load("trackio")
        self._folder = folder

    def start(self, run: Tracked) -> None:
        """Begin the cell's run, or go on with it."""
        if "TRACKIO_DIR" not in os.environ:
            # Trackio settles on a folder when it is imported, for all runs of a process.
            for module in ("utils", "sqlite_storage"):
                _load(f"trackio.{module}").TRACKIO_DIR = self._folder
        self._run: Any = self._trackio.init(
            run.project,
            name=f"{run.name} ({run.key[:6]})",  # Trackio finds a run by its name
            group=run.group,
            config=run.parameters,
            resume="allow",
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )
        self._next = self._run._next_step  # after the last step that the run has

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        """Hand over one round, unless the run has it; it is written within half a second."""
        self._check()
        if n_labeled >= self._next:
            self._run.log(dict(values), step=n_labeled)

    def finish(self, *, failed: bool = False) -> None:
        """Write what is left. Trackio turns its errors into warnings, which are errors again here."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            self._trackio.finish()
        self._check()
        if said:
            raise ClarosError(str(said[0].message))

    def _check(self) -> None:
        """Raise what the thread that writes has met with."""
        if failures := self._run._warned_failures:
            raise ClarosError(f"Trackio could not do all of its work: {', '.join(sorted(failures))}.")


def _load(module: str) -> Any:
    return require(module, "track-trackio", "Tracking with Trackio")
