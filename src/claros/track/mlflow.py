"""MLflow: runs in an SQLite database, or wherever ``MLFLOW_TRACKING_URI`` says."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from claros.errors import require
from claros.track.tracker import Tracked

__all__ = ["MLflow"]

#: The tag by which the run of a cell is found again.
KEY = "claros.key"

#: Said before mlflow is imported, where the user said nothing else: no usage statistics, no minutes of waiting for a
#: server that is gone.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class MLflow:
    """One run per cell in the experiment of the project (``MLFLOW_EXPERIMENT_NAME`` if set), with the configuration.

    The database is made with the first cell, which takes some seconds. A cell that goes on continues its run.
    """

    def __init__(self, folder: Path) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self._folder = folder
        self._tracking = _load("mlflow.tracking")
        self._entities = _load("mlflow.entities")
        self._error = _load("mlflow.exceptions").MlflowException
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        self._client: Any = None
        self._experiments: dict[str, str] = {}

    def start(self, run: Tracked) -> None:
        """Find the cell's run, or make it."""
        self._run: Any = None
        experiment = self._experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", run.project))
        found = self._client.search_runs([experiment], f"tags.`{KEY}` = '{run.key}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            self._known = {metric.step for metric in self._client.get_metric_history(self._run, "n_labeled")}
            return
        tags = {KEY: run.key, "claros.group": run.group}
        self._run = self._client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        self._known = set()
        param = self._entities.Param
        params = [param(re.sub(r"[^\w./ -]", "_", name), str(value)) for name, value in run.parameters.items()]
        self._client.log_batch(self._run, params=params)

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        """Write one round in one transaction, unless the run has it."""
        if n_labeled not in self._known:
            now = time.time_ns() // 1_000_000
            metrics = [self._entities.Metric(name, value, now, n_labeled) for name, value in values.items()]
            self._client.log_batch(self._run, metrics=metrics)

    def finish(self, *, failed: bool = False) -> None:
        """Set the run's status."""
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")

    def _experiment(self, name: str) -> str:
        """The number of the experiment of that name; the first process that asks for it makes it."""
        if name not in self._experiments:
            uri = os.environ.get("MLFLOW_TRACKING_URI")
            files = None if uri else (self._folder / "artifacts").as_uri()
            with _alone(self._folder):
                self._client = self._tracking.MlflowClient(uri or _database(self._folder / "mlflow.db"))
                with suppress(self._error):
                    self._client.create_experiment(name, artifact_location=files)
            self._experiments[name] = self._client.get_experiment_by_name(name).experiment_id
        return self._experiments[name]


def _database(path: Path) -> str:
    """The address of an SQLite file whose writers wait a minute for each other before they call it locked."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(path), query={"timeout": "60"}).render_as_string()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: two that make the tables of one database at once break each other."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "making.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(module: str) -> Any:
    return require(module, "track-mlflow", "Tracking with MLflow")
