"""A folder of features, filled in place: what is computed stays whatever happens, and only what is missing is computed.

``features.json`` says what computed them; for each part of the data, ``items.json`` lists ids and digests of the rows,
``features.npy`` has the rows, float32, and ``done`` a byte for each, set once its row is on the disk. Items that are
new, or are not what they were, get rows at the end.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.data.feature_files import DIGEST_BYTES, DOCUMENT, HEADER_BYTES, VERSION
from claros.data.pool import Pool, Split, derive
from claros.errors import ConflictError, DataError, InputError, StorageError
from claros.files import write_atomically
from claros.models.encoders.encoder import Encoder, Progress, encoded, in_order

__all__ = ["embed", "sized"]

#: Chunks that wait for the disk at most.
QUEUED = 4


def embed(
    data: Split,
    encoder: Encoder,
    out: str | Path,
    *,
    chunk: int = 64,
    progress: Progress | None = None,
    wait: bool = False,
) -> dict[str, Any]:
    """Compute the features of a pool and its test part into the folder ``out``, and say what was done.

    Killed at any moment, the same call goes on with what is missing, and ends with the same bytes; with more items it
    computes theirs. A folder that another encoder filled is an `InputError` that says what differs. One process at a
    time writes: another one is a `ConflictError`, or waits. `claros.data.load` takes the folder as ``features``.
    """
    out = Path(out)
    with _alone(out, wait=wait):
        _claim(out, encoder)
        computed = 0
        for part, pool in zip(("train", "test"), data, strict=True):
            if pool is not None:
                computed += _part(sized(pool, encoder), encoder, out / part, chunk, progress)
    train, test = data
    return {
        "out": str(out),
        "model": encoder.name,
        "features": _width(out / "train"),
        "train": len(train),
        "test": 0 if test is None else len(test),
        "computed": computed,
    }


def sized(pool: Pool, encoder: Encoder) -> Pool:
    """The pool, its image files read at the size that the encoder wants."""
    return pool if encoder.image_size is None else derive(pool, reader=pool.reader.sized(encoder.image_size))


@contextmanager
def _alone(out: Path, *, wait: bool) -> Iterator[None]:
    """Hold the right to write into the folder, which is made; let go when the process ends, however it ends."""
    import fcntl

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(f"Could not write into {out}: {error.strerror or error}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError as error:
        raise ConflictError(f"Another process computes features into {out}; wait, or give another --out.") from error
    finally:
        os.close(lock)


def _claim(out: Path, encoder: Encoder) -> None:
    """Write whose features they are, or see that it is these."""
    path, wanted = out / DOCUMENT, json.loads(json.dumps(encoder.key))
    if not path.exists():
        strangers = [one.name for one in out.iterdir() if not one.name.startswith(".")]
        if strangers:
            raise InputError(
                f"{out} holds other things than features ({strangers[0]}); give --out a folder of its own."
            )
        write_atomically(path, json.dumps({"version": VERSION, "encoder": wanted}, indent=1).encode())
        return
    try:
        known = json.loads(path.read_bytes())
        version, was = known["version"], known["encoder"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error!r}); delete the folder, and embed again.") from error
    if version != VERSION:
        raise DataError(f"{path} is of version {version!r}, this Claros writes {VERSION}; give another --out.")
    before, now = ({**key, **key.get("options", {}), "options": None} for key in (was, wanted))
    differ = [
        f"{name} was {_short(before.get(name))}, now {_short(now.get(name))}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
    if differ:
        raise InputError(
            f"{out} holds features of another encoder: {'; '.join(differ)}. Give another --out, or delete the folder."
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 30 else f"{text[:12]}…"


def _width(part: Path) -> int:
    with (part / "features.npy").open("rb") as file:
        np.lib.format.read_magic(file)
        return int(np.lib.format.read_array_header_1_0(file)[0][1])


def _part(pool: Pool, encoder: Encoder, where: Path, chunk: int, progress: Progress | None) -> int:
    """Compute what is missing of a part; how many items that were."""
    rows = _planned(pool, where)
    recorded = _Rows(where, int(rows.max(initial=-1)) + 1)
    missing = np.flatnonzero(~recorded.done()[rows])
    done = len(pool) - len(missing)
    if progress is not None:
        progress(done, len(pool))
    try:
        with recorded:
            for positions, features in encoded(encoder, pool, in_order(pool, missing), chunk):
                recorded.write(rows[positions], features)
                done += len(positions)
                if progress is not None:
                    progress(done, len(pool))
    except DataError as error:
        raise DataError(
            f"{error} {done} of {len(pool)} items are computed and stay; the same command goes on from there."
        ) from error
    return len(missing)


def _planned(pool: Pool, where: Path) -> Indices:
    """(N,) the row of each item; ids and contents that are not listed yet are, at the end."""
    path = where / "items.json"
    listed: list[list[str]] = json.loads(path.read_bytes()) if path.exists() else []
    known = {name: (row, digest) for row, (name, digest) in enumerate(listed)}
    with ThreadPoolExecutor(thread_name_prefix="claros-digest") as threads:
        found = list(threads.map(pool.reader.digest, pool.rows.tolist()))
    rows = np.empty(len(pool), dtype=np.int64)
    before = len(listed)
    for position, name in enumerate(pool.ids):
        digest = found[position][:DIGEST_BYTES].hex()
        row, was = known.get(name, (-1, ""))
        if digest != was:
            row = len(listed)
            listed.append([name, digest])
        rows[position] = row
    if len(listed) > before or not path.exists():
        write_atomically(path, json.dumps(listed).encode())
    return rows


class _Rows:
    """The rows of one part: written in place by a thread, marked as done once they are on the disk."""

    def __init__(self, where: Path, n: int) -> None:
        self._where = where
        self._n = max(n, len(json.loads((where / "items.json").read_bytes())))
        self._writer = ThreadPoolExecutor(1, "claros-write")
        self._waiting: deque[Future[None]] = deque()
        self._files: tuple[int, int] | None = None
        with (where / "done").open("ab") as marks:
            marks.truncate(self._n)  # new rows are not done

    def done(self) -> Any:
        """(M,) bool."""
        return np.fromfile(self._where / "done", np.uint8).astype(bool)

    def __enter__(self) -> None:
        return None

    def write(self, rows: Indices, features: Floats) -> None:
        """Have these rows written; comes back before they are, and raises what went wrong with earlier ones."""
        if self._files is None:
            self._files = self._open(features.shape[1])
        self._waiting.append(self._writer.submit(self._record, *self._files, rows, features))
        while len(self._waiting) > QUEUED:
            self._waiting.popleft().result()

    def _open(self, width: int) -> tuple[int, int]:
        path = self._where / "features.npy"
        if path.exists() and path.stat().st_size >= HEADER_BYTES and _width(self._where) != width:
            raise DataError(f"{path} has rows of {_width(self._where)} features, but these have {width}; delete it.")
        try:
            features = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            os.pwrite(features, _header(self._n, width), 0)
            os.ftruncate(features, HEADER_BYTES + 4 * self._n * width)
            return features, os.open(self._where / "done", os.O_RDWR)
        except OSError as error:
            raise StorageError(f"Could not write {path}: {error.strerror or error}.") from error

    def _record(self, file: int, marks: int, rows: Indices, features: Floats) -> None:
        width = 4 * features.shape[1]
        try:
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
                _write_all(file, features[run].astype("<f4").tobytes(), HEADER_BYTES + width * int(rows[run[0]]))
            os.fsync(file)
            for row in rows.tolist():
                os.pwrite(marks, b"\x01", row)
        except OSError as error:
            raise StorageError(
                f"Could not write {self._where / 'features.npy'}: {error.strerror or error}; what is done stays."
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way, also after an error."""
        self._writer.shutdown(wait=True)
        if self._files is not None:
            os.fsync(self._files[1])
            for file in self._files:
                os.close(file)
        for one in self._waiting if error is None else ():
            one.result()


def _write_all(file: int, content: bytes, place: int) -> None:
    while content:
        written = os.pwrite(file, content, place)
        content, place = content[written:], place + written


def _header(n: int, width: int) -> bytes:
    """The header of an npy file of ``n`` rows, of one length for any n."""
    import io

    buffer = io.BytesIO()
    described: Mapping[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (n, width)}
    np.lib.format.write_array_header_1_0(buffer, dict(described))
    header = buffer.getvalue()
    if len(header) != HEADER_BYTES:
        raise StorageError(f"NumPy writes a header of {len(header)} bytes where {HEADER_BYTES} were expected.")
    return header
