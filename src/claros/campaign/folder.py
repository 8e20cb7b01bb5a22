"""A campaign's files: the log, the arrays of each round, the models; in memory when there is no folder."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.errors import ConflictError, CorruptLogError, InputError, StorageError
from claros.files import npy_bytes, write_atomically
from claros.log import Log, MemoryLog

__all__ = ["Folder", "array_name"]

#: The lock file holds the planner's process id, padded to so many characters.
PID_WIDTH = 20


class Folder:
    """The files of one campaign under ``root``, or in memory when that is None.

    Where ``durable`` is false, writes do not wait for the disk. ``files`` are those in memory by name; ``scratch`` is
    where a campaign in memory keeps models, if anywhere.
    """

    def __init__(self, root: Path | None, durable: bool = True) -> None:
        self.root = root
        self.durable = durable
        self.files: dict[str, bytes] = {}
        self.scratch: Path | None = None

    @classmethod
    def new(cls, path: str | Path | None, durable: bool) -> Folder:
        """A folder for a new campaign, made if it is not there."""
        if path is None:
            return cls(None)
        root = Path(path).absolute()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Could not make the folder {root}: {error.strerror or error}.") from error
        return cls(root, durable)

    @classmethod
    def existing(cls, path: str | Path, database: str | None, durable: bool) -> Folder:
        """The folder of a campaign that was made before, with its log in a database or beside it."""
        root = Path(path).absolute()
        if not (root / "items").is_dir():
            raise InputError(
                f"There is no campaign at {root}; make one with claros label POOL, claros ask POOL or Campaign.create."
            )
        if database is None and not (root / "log.sqlite").exists():
            raise CorruptLogError(
                f"The campaign at {root} has no log.sqlite; pass database= if its log is in a database, "
                "else restore it from a copy."
            )
        return cls(root, durable)

    def log(self, database: str | None) -> Log | MemoryLog:
        """The campaign's log: in the given database, else in the folder, else in memory."""
        if database is not None:
            return Log(database, self.root.resolve().name if self.root else "main", durable=self.durable)
        if self.root is None:
            return MemoryLog()
        return Log.at(self.root / "log.sqlite", durable=self.durable)

    def write(self, name: str, content: bytes) -> None:
        """Keep a file under a relative name such as ``rounds/0003/picks.npy``."""
        if self.root is None:
            self.files[name] = content
        else:
            write_atomically(self.root / name, content, durable=self.durable)

    def read(self, name: str) -> bytes:
        """The content of a file that the log says is there."""
        try:
            return self.files[name] if self.root is None else (self.root / name).read_bytes()
        except (KeyError, OSError) as error:
            raise CorruptLogError(
                f"{name} of the campaign {self.root or 'in memory'} is missing; restore it from a copy."
            ) from error

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return name in self.files if self.root is None else (self.root / name).exists()

    def write_array(self, round: int, name: str, array: npt.NDArray[Any]) -> None:
        """Keep an array of a round."""
        self.write(array_name(round, name), npy_bytes(array))

    def read_array(self, round: int, name: str) -> npt.NDArray[Any]:
        """An array of a round."""
        return self.read_npy(array_name(round, name))

    def read_npy(self, name: str) -> npt.NDArray[Any]:
        """The array in an npy file."""
        content = self.read(name)
        try:
            return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
        except ValueError as error:
            raise CorruptLogError(f"{name} is damaged; restore it from a copy.") from error

    def write_json(self, name: str, value: Any) -> None:
        """Keep a JSON file."""
        self.write(name, json.dumps(value, ensure_ascii=False, allow_nan=False).encode())

    def read_json(self, name: str) -> Any:
        """The value of a JSON file."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise CorruptLogError(f"{name} is damaged; restore it from a copy.") from error

    def model(self, round: int) -> Path | None:
        """Where the model of a round is kept; None if no model is."""
        models = self.scratch if self.root is None else self.root / "models"
        return None if models is None else models / f"{round:04d}"

    def training(self, round: int, which: str) -> Path | None:
        """Where the state of a training of the round is kept while it goes on; None if there is no folder."""
        return None if self.root is None else self.root / _training(round) / which

    def forget_training(self, round: int) -> None:
        """Delete the states of trainings that have ended."""
        if self.root is not None:
            shutil.rmtree(self.root / _training(round), ignore_errors=True)

    def keep_only_model(self, round: int) -> None:
        """Delete the models of all other rounds."""
        here = self.model(round)
        if here is not None and here.parent.is_dir():
            for other in here.parent.iterdir():
                if other != here:
                    shutil.rmtree(other, ignore_errors=True)

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Hold the right to train and plan; one process at a time, let go when the process ends, however it ends."""
        if self.root is None:
            yield
            return
        import fcntl

        lock = os.open(self.root / "plan.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.pread(lock, PID_WIDTH, 0).decode().strip() or "?"
                raise ConflictError(
                    f"Process {holder} is training or planning on {self.root}; ask again when it is done."
                ) from error
            os.pwrite(lock, f"{os.getpid():<{PID_WIDTH}}".encode(), 0)
            yield
        finally:
            os.close(lock)


def _training(round: int) -> str:
    return f"rounds/{round:04d}/training"


def array_name(round: int, name: str) -> str:
    """Where an array of a round is kept."""
    return f"rounds/{round:04d}/{name}.npy"
