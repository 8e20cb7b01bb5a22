"""Comet: an archive per cell for ``comet upload``, or online where ``COMET_API_KEY`` is set."""

from __future__ import annotations

import csv
import io
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from claros.errors import ClarosError, require
from claros.track.tracker import Tracked

__all__ = ["Comet"]

#: Said before comet_ml is imported, where the user said nothing else: it is not to look into other packages, nor to
#: report its own errors.
_QUIET = {"COMET_DISABLE_AUTO_LOGGING": "1", "COMET_ERROR_TRACKING_ENABLE": "false", "COMET_DISABLE_ANNOUNCEMENT": "1"}

_OFF = (
    "log_code log_graph parse_args log_git_metadata log_git_patch log_env_details auto_output_logging "
    "auto_param_logging auto_metric_logging auto_log_co2"
)


class Comet:
    """One experiment per cell in the project (``COMET_PROJECT_NAME`` if set), with the configuration as parameters.

    Rounds are attached as a table, ``results-N.csv`` from N labels on, which ``claros replicate fetch`` brings back.

    Offline, an archive is there when its cell is over, and is written anew when a cell goes on (an unfinished one is
    empty). Online, a cell that goes on continues its experiment.
    """

    def __init__(self, folder: Path) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self._comet = require("comet_ml", "track-comet", "Tracking with Comet")
        logging.getLogger("comet_ml").setLevel(logging.CRITICAL)
        self._folder = folder

    def start(self, run: Tracked) -> None:
        """Begin the cell's experiment, or go on with it."""
        self._experiment: Any = None
        self._online = online = bool(os.environ.get("COMET_API_KEY"))
        self._folder.mkdir(parents=True, exist_ok=True)
        offline_directory = None if "COMET_OFFLINE_DIRECTORY" in os.environ else str(self._folder)
        self._experiment = self._comet.start(
            online=online,
            project_name=os.environ.get("COMET_PROJECT_NAME", run.project),
            experiment_key=run.key,
            mode="get_or_create" if online else "create",
            experiment_config=self._comet.ExperimentConfig(
                name=run.name,
                tags=[run.group],
                offline_directory=offline_directory,
                display_summary_level=0,
                **dict.fromkeys(_OFF.split(), False),
            ),
        )
        self._experiment.log_parameters(run.parameters)
        self._rows: list[dict[str, float]] = []

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        """Log one round."""
        if not self._experiment.alive:
            raise ClarosError("Comet ended the experiment.")
        self._experiment.log_metrics(dict(values), step=n_labeled)
        self._rows.append({"n_labeled": n_labeled, **values})

    def finish(self, *, failed: bool = False) -> None:
        """Send or archive everything; takes about a second."""
        if failed:
            self._experiment.add_tag("failed")
        if self._rows:
            name = f"results-{self._rows[0]['n_labeled']:g}.csv"  # a cell that went on has several, by where they begin
            self._experiment.log_asset_data(_csv(self._rows), name=name, overwrite=True)
        self._experiment.end()
        if not self._online:
            path = Path(self._experiment.offline_directory, f"{self._experiment.id}.zip")
            with zipfile.ZipFile(path) as archive:
                if not archive.namelist():
                    raise ClarosError(f"{path} could not be written.")


def _csv(rows: Sequence[Mapping[str, float]]) -> str:
    """Rounds as a table; a value that a round lacks is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
