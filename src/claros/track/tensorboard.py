"""TensorBoard: an event file per cell, written by the package tensorboard alone, without torch or TensorFlow."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claros.errors import require
from claros.track.tracker import Tracked

__all__ = ["TensorBoard"]


class TensorBoard:
    """One folder of event files per cell, group/name; the configuration is under HParams.

    A cell that goes on gets a further file, whose first event makes readers drop the same and later steps of the files
    before: TensorBoard's own way of restarting.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._event = _load("compat.proto.event_pb2")
        self._summary = _load("compat.proto.summary_pb2")
        self._hparams = _load("plugins.hparams.summary_v2")
        self._record_writer = _load("summary.writer.record_writer").RecordWriter
        self._writer: Any = None

    def start(self, run: Tracked) -> None:
        """Open a new event file."""
        folder = self._folder / _file_name(run.group) / _file_name(run.name)
        folder.mkdir(parents=True, exist_ok=True)
        self._goes_on = any(folder.iterdir())
        path = folder / f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._writer = self._record_writer(path.open("wb"))
        self._write(file_version="brain.Event:2")
        self._write(summary=self._hparams.hparams_pb(run.parameters, trial_id=run.key))

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        """Write one event, and flush it so that a running TensorBoard shows it."""
        if self._goes_on:
            self._write(step=n_labeled, session_log=self._event.SessionLog(status=self._event.SessionLog.START))
            self._goes_on = False
        value = self._summary.Summary.Value
        scalars = [value(tag=name, simple_value=number) for name, number in values.items()]
        self._write(step=n_labeled, summary=self._summary.Summary(value=scalars))

    def finish(self, *, failed: bool = False) -> None:
        """Close the file; TensorBoard has no word for a run that failed."""
        self._writer.close()

    def _write(self, **content: Any) -> None:
        self._writer.write(self._event.Event(wall_time=time.time(), **content).SerializeToString())
        self._writer.flush()


def _load(module: str) -> Any:
    return require(f"tensorboard.{module}", "track-tensorboard", "Tracking with TensorBoard")


def _file_name(text: str) -> str:
    """The text with what file systems refuse written as %2F; different texts stay different."""
    return re.sub(r'[%/\\:*?"<>|\x00-\x1f]|^\.', lambda found: f"%{ord(found[0]):02X}", text)
