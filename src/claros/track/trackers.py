"""The trackers by name, and several of them at once, none of which can end or disturb a cell."""

from __future__ import annotations

import importlib
import io
import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from numbers import Real
from pathlib import Path
from typing import Any

from claros.registry import Registry
from claros.track.tracker import Tracked, Tracker

__all__ = ["REGISTRY", "Trackers", "get", "names"]

logger = logging.getLogger("claros")

#: Characters of an error that the warning about it has.
LONGEST = 300

#: Name -> what makes a tracker of the folder that its files go to. Third parties add theirs by an entry point in the
#: group ``claros.trackers``.
REGISTRY: Registry[Callable[[Path], Tracker]] = Registry(
    "tracker",
    {
        "tensorboard": "claros.track.tensorboard:TensorBoard",
        "mlflow": "claros.track.mlflow:MLflow",
        "wandb": "claros.track.wandb:WandB",
        "comet": "claros.track.comet:Comet",
        "trackio": "claros.track.trackio:Trackio",
    },
    group="claros.trackers",
)


def names() -> list[str]:
    """The trackers that `get` knows, installed or not."""
    return REGISTRY.names()


def get(name: str, folder: Path) -> Tracker:
    """The tracker of that name, which writes to ``folder / name`` unless the tool's own variables say otherwise.

    Imports the tool. An `UnknownNameError` lists the known names, a `MissingExtraError` has the install line.
    """
    make = REGISTRY.load(name)
    with _undisturbed():
        return make(Path(folder).absolute() / name)


class Trackers:
    """Several trackers as one. The first error of a tool is a warning in the log, and the tool is not used again.

    Makes all of them at once, so that a name that is unknown and a package that is missing are errors here, before any
    cell. Nothing that a tool prints reaches standard output, and Python's random state stays as it is.
    """

    def __init__(self, names: Iterable[str], folder: Path) -> None:
        self._at_work = {name: get(name, folder) for name in dict.fromkeys(names)}

    def start(self, run: Tracked) -> None:
        """A cell starts, or goes on."""
        self._each(lambda tracker: tracker.start(run))

    def log(self, n_labeled: int, values: Mapping[str, Any]) -> None:
        """A round is complete. Of the values, the finite numbers are passed on; None, NaN and all else is left out."""
        numbers = {name: float(value) for name, value in values.items() if _is_number(value)}
        self._each(lambda tracker: tracker.log(n_labeled, {**numbers, "n_labeled": n_labeled}))

    def finish(self, *, failed: bool = False) -> None:
        """The cell is over, well or not."""
        self._each(lambda tracker: tracker.finish(failed=failed))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._at_work.items()):
            try:
                with _undisturbed():
                    tell(tracker)
            except Exception as error:  # noqa: BLE001  a tool raises anything, and the cell matters more
                del self._at_work[name]
                said = f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}"
                logger.warning("Tracking with %s failed, and the run goes on without it: %s", name, said)
                with suppress(Exception), _undisturbed():
                    tracker.finish(failed=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep what a tool prints and warns of to the debug log, and the random state and the hook for errors as found."""
    random = importlib.import_module("random")
    state, hook, complains = random.getstate(), sys.excepthook, logging.raiseExceptions
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.raiseExceptions = False  # tools write logs of their own, on a disk that may be full
            yield
    finally:
        random.setstate(state)
        sys.excepthook, logging.raiseExceptions = hook, complains
        for line in printed.getvalue().splitlines():
            logger.debug("%s", line)
