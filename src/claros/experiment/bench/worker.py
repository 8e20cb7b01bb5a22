"""A worker: it claims a cell, runs it round by round, and takes the next, until none is left."""

from __future__ import annotations

import gc
import logging
import shutil
import tempfile
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from claros.arrays import threads
from claros.errors import ClarosError, DataError, LogError
from claros.experiment.bench.keeper import InDatabase
from claros.experiment.bench.names import names_of
from claros.experiment.bench.schema import Claim
from claros.experiment.bench.store import LeaseLost, Store
from claros.experiment.cell import Keeper, Task, run_cell
from claros.experiment.config import Arm, parse_config
from claros.experiment.following import Following
from claros.experiment.setting import Setting

__all__ = ["LEASE", "Track", "work"]

logger = logging.getLogger("claros")

#: Seconds for which a worker has a cell without saying that it still lives; it says so three times as often.
LEASE = 60.0

#: Seconds between two looks for a cell while others work on the last ones.
PATIENCE = 1.0

#: Names of trackers, and the folder of the bench.
Track = tuple[Sequence[str], Path]

#: Settings whose data a worker keeps in memory.
KEPT_SETTINGS = 2


def work(
    store: Store,
    worker: str,
    *,
    lease: float = LEASE,
    look: Callable[[], None] | None = None,
    track: Track | None = None,
) -> int:
    """Run cells until every one is done or failed, and say how many were run here; waits for those of others.

    A cell's own error is recorded with its traceback, and the next one is taken. An error of the database ends the
    worker. Interrupted, it lets go of its cell, of which complete rounds stay. ``look`` is called now and then.
    ``track`` says which trackers hear of the rounds, and where their files go.
    """
    following = Following(*track) if track is not None else None
    done = 0
    with _Settings(store) as settings, tempfile.TemporaryDirectory(prefix="claros-") as room:
        while True:
            claim = store.claim(worker, lease)
            if claim is None:
                if not store.counts().get("running"):
                    return done
                time.sleep(min(PATIENCE, lease / 4))
                continue
            try:
                with _heartbeat(store, claim, lease):
                    _run(store, claim, settings, Path(room) / claim.cell, look or _nobody, following)
                done += 1
            except LeaseLost as error:
                logger.warning("%s It goes on there.", error)
            except KeyboardInterrupt:
                store.release(worker, lost=False)
                raise


def _nobody() -> None:
    """Nobody looks on."""


def _run(
    store: Store,
    claim: Claim,
    settings: _Settings,
    scratch: Path,
    look: Callable[[], None],
    following: Following | None,
) -> None:
    try:
        setting = settings.get(claim.setting)
        task = Task(claim.strategy, claim.seed, Arm.model_validate(claim.arm), setting.plan.total)
        kept = InDatabase(store, claim, scratch)
        keeper: Keeper = kept
        with ExitStack() as stack:
            stack.enter_context(threads(1))
            if following is not None:
                name = settings.names[claim.setting]
                keeper = stack.enter_context(following.of(keeper, setting, task, name, claim.cell))
            run_cell(setting, task, keeper, lambda moment: look())
        if not kept.ended:
            store.finish(claim, evidence=setting.config.evidence)
    except LogError:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the cell has it and the others go on
        sentence = str(error) if isinstance(error, ClarosError) else f"{type(error).__name__}: {error}"
        store.fail(claim, sentence, traceback.format_exc())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Settings:
    """The settings that were worked on last, their data read once.

    Until it is left, the garbage collector does not look through them: that takes longer than many a training.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: OrderedDict[str, Setting] = OrderedDict()
        self.names: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        gc.unfreeze()

    def get(self, key: str) -> Setting:
        """The setting of that key; a `DataError` if its data are others than those the bench was planned with."""
        if key not in self._loaded:
            there = self._store.settings()
            self.names = names_of(there)
            known = next(row for row in there if row.key == key)
            beside = next(reversed(self._loaded.values()), None)
            setting = Setting.load(parse_config(known.config), beside)
            if setting.facts()["manifest"] != known.facts["manifest"]:
                raise DataError(
                    f"{setting.config.data} holds other data than when this bench was planned; restore them, or plan "
                    "them anew."
                )
            setting.model()  # it loads the libraries whose threads are limited for every cell
            self._loaded[key] = setting
            gc.freeze()
            while len(self._loaded) > KEPT_SETTINGS:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return self._loaded[key]


@contextmanager
def _heartbeat(store: Store, claim: Claim, lease: float) -> Iterator[None]:
    """Renew the lease while the block runs; a database that does not answer is tried again at the next beat."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(lease / 3):
            try:
                store.renew(claim, lease)
            except LeaseLost:
                return
            except LogError as error:
                logger.warning("The lease could not be renewed: %s", error)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
