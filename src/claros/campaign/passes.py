"""Long passes of a model over many items, kept part by part, so that a killed process goes on where it was."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array
from claros.campaign.environment import environment
from claros.campaign.folder import Folder
from claros.data.pool import Pool
from claros.files import npy_bytes
from claros.inputs import ROWS
from claros.models.model import Model

__all__ = ["Passes"]

#: A pass or a training that has taken so many seconds is kept; what is shorter is done again, and costs nothing here.
LONG = 30.0
#: What was predicted since the last write is written at most so often, in seconds.
EVERY = 10.0
KEY, MODEL, TWIN = "key.json", "model", "twin.npy"


class Passes:
    """What the model of the round of now has predicted, beside the round in ``passes/`` until the next one is planned.

    Only of models that say in ``pass_items`` how many items may be asked about at once without another bit in the
    outputs: so a pass that was interrupted ends with the very arrays of one that was not. What is kept is used by a
    process with the same versions, threads and device alone, and only for the same labels; else it is thrown away.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._key: dict[str, Any] = {}
        self._room: Path | None = None

    def begin(self, round: int, labels_seq: int, model: Model) -> None:
        """Turn to the round's model that is trained on these labels; what was kept of another is thrown away."""
        if self._folder.root is None or getattr(model, "pass_items", None) is None:
            return
        self._room = self._folder.root / _room(round)
        key = {"round": round, "labels_seq": labels_seq, "model": model.spec(), "environment": environment()}
        self._key = json.loads(json.dumps(key))
        if self._room.exists() and not self._is_ours():
            shutil.rmtree(self._room, ignore_errors=True)

    def _is_ours(self) -> bool:
        name = self._name(KEY)
        return self._folder.has(name) and bool(self._folder.read_json(name) == self._key)

    def _name(self, file: str) -> str:
        return f"{_room(self._key['round'])}/{file}"

    def restore(self, model: Model) -> tuple[bool, npt.NDArray[Any] | None]:
        """Whether the model was brought back as it was when its training ended, and what its twin predicted, if any."""
        if self._room is None or not model.restorable or not (self._room / MODEL).is_dir():
            return False, None
        model.load(self._room / MODEL)
        twin = self._room / TWIN
        return True, np.load(twin, allow_pickle=False) if twin.exists() else None

    def keep_model(self, model: Model, twin: npt.NDArray[Any] | None, seconds: float = LONG) -> None:
        """Keep the trained model, if its training was long."""
        if self._room is None or not model.restorable or seconds < LONG or (self._room / MODEL).exists():
            return
        self._folder.write_json(self._name(KEY), self._key)
        if twin is not None:
            self._folder.write(self._name(TWIN), npy_bytes(twin))
        unfinished = self._room / f".{MODEL}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        model.save(unfinished)
        unfinished.rename(self._room / MODEL)  # it gets its name when it is complete

    def outputs(
        self, model: Model, items: Pool, names: Collection[str], what: str, twin: npt.NDArray[Any] | None = None
    ) -> dict[str, Array]:
        """The model's outputs over the items, from what is kept of this pass and what is still missing."""
        size = getattr(model, "pass_items", None)
        rows = sorted(ROWS & set(names))
        if self._room is None or size is None or len(items) <= size or not rows:
            return model.outputs(items, names)
        found: dict[str, Array] = {}
        done = written = self._kept(what, rows, len(items), found)
        started = last = time.monotonic()
        for start in range(done, len(items), size):
            stop = min(len(items), start + size)
            part = model.outputs(items.subset(np.arange(start, stop)), rows)
            _put(found, {name: part[name] for name in rows}, start, stop, len(items))
            now = time.monotonic()
            if (written or now - started >= LONG) and now - last >= min(EVERY, LONG) and stop < len(items):
                self.keep_model(model, twin)
                self._keep(what, rows, found, written, stop)
                written, last = stop, now
        if written:
            self._keep(what, rows, found, written, len(items))
        whole = set(names) - ROWS
        return {**found, **(model.outputs(items.subset(np.arange(1)), whole) if whole else {})}

    def _keep(self, what: str, rows: Collection[str], found: Mapping[str, Array], start: int, stop: int) -> None:
        """Write what was predicted since the last write; the key first, without which nothing is read."""
        if start == stop:
            return
        if start == 0:
            self._folder.write_json(self._name(KEY), self._key)
        for name in rows:
            file = self._name(f"{what}/{start:09d}-{stop:09d}.{name}.npy")
            self._folder.write(file, npy_bytes(found[name][start:stop]))

    def _kept(self, what: str, rows: Collection[str], n: int, found: dict[str, Array]) -> int:
        """Fill in what an earlier process left of the pass; how many items that is."""
        room, done = self._room, 0
        parts = sorted((room / what).glob(f"*.{min(rows)}.npy")) if room is not None and rows else []
        for path in parts:
            start, stop = (int(end) for end in path.name.partition(".")[0].split("-"))
            files = {name: path.with_name(f"{start:09d}-{stop:09d}.{name}.npy") for name in rows}
            if start != done or stop > n or not all(file.exists() for file in files.values()):
                continue
            _put(found, {name: np.load(file, allow_pickle=False) for name, file in files.items()}, start, stop, n)
            done = stop
        return done

    def forget(self, round: int) -> None:
        """Throw away what is kept of a round: the next one is planned, or there is none."""
        if self._folder.root is not None:
            shutil.rmtree(self._folder.root / _room(round), ignore_errors=True)


def _put(found: dict[str, Array], part: Mapping[str, Array], start: int, stop: int, n: int) -> None:
    """Write a part's rows into arrays of n, which are made when the first part comes."""
    for name, rows in part.items():
        if name not in found:
            found[name] = np.empty((n, *rows.shape[1:]), rows.dtype)
        found[name][start:stop] = rows


def _room(round: int) -> str:
    return f"rounds/{round:04d}/passes"
