"""Files by relative name, in a folder or in a zip that is never unpacked; and items that are such files."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from claros.arrays import Indices
from claros.data.content import Hashes
from claros.data.readers import Reader
from claros.errors import DataError

__all__ = ["Archive", "Files", "Folder", "Store"]


class Store(Protocol):
    """Named bytes."""

    where: Path

    def names(self) -> list[str]:
        """Relative POSIX paths of all files, sorted; hidden ones are not listed."""

    def size(self, name: str) -> int:
        """Length in bytes, without reading."""

    def changed(self, name: str) -> int:
        """When the file, or what it lies in, was last changed, in nanoseconds."""

    def read(self, name: str) -> bytes:
        """The whole file."""

    def path(self, name: str) -> Path | None:
        """Where the file lies, if it is one by itself."""


def _visible(name: str) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


class Folder:
    """The files under a folder; linked folders are followed, each at most once."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def names(self) -> list[str]:
        """All files below, as relative POSIX paths, sorted."""
        found, visited = [], set()
        for folder, below, files in os.walk(self.where, followlinks=True):
            real = os.path.realpath(folder)
            if real in visited:  # a link that leads back up would be walked for ever
                below.clear()
                continue
            visited.add(real)
            below.sort()
            prefix = Path(folder).relative_to(self.where).as_posix()
            found += files if prefix == "." else [f"{prefix}/{file}" for file in files]
        return sorted(filter(_visible, found))

    def size(self, name: str) -> int:
        """Bytes in the file."""
        return _stat(self.where / name).st_size

    def changed(self, name: str) -> int:
        """When the file was last changed."""
        return _stat(self.where / name).st_mtime_ns

    def read(self, name: str) -> bytes:
        """The file's bytes."""
        try:
            return (self.where / name).read_bytes()
        except OSError as error:
            raise DataError(f"{self.where / name} cannot be read: {error.strerror}.") from error

    def path(self, name: str) -> Path:
        """The file."""
        return self.where / name


class Archive:
    """The members of a zip. Each process opens its own handle: a shared one would share its place in the file."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"where": self.where, "_opened": None}

    def _zip(self) -> zipfile.ZipFile:
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                self._opened = os.getpid(), zipfile.ZipFile(self.where)
            except (OSError, zipfile.BadZipFile) as error:
                raise DataError(f"{self.where} is not a zip file that can be read: {error}.") from error
        return self._opened[1]

    def names(self) -> list[str]:
        """All members that are files, sorted."""
        members = (info.filename for info in self._zip().infolist() if not info.is_dir())
        return sorted(set(filter(_visible, members)))

    def size(self, name: str) -> int:
        """Bytes of the member, unpacked."""
        return self._zip().getinfo(name).file_size

    def changed(self, name: str) -> int:
        """When the zip was last changed."""
        return _stat(self.where).st_mtime_ns

    def read(self, name: str) -> bytes:
        """The member's bytes; its checksum is verified."""
        try:
            return self._zip().read(name)
        except (OSError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{name} in {self.where} cannot be read: {error}.") from error

    def path(self, name: str) -> None:
        """None: a member is no file by itself."""


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


class Files(Reader):
    """Items that are files of a store; two are the same when all their bytes are."""

    def __init__(self, store: Store, names: Sequence[str]) -> None:
        self.store = store
        self.names = tuple(names)
        self._digests: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.names)

    def hashes(self) -> Hashes:
        """The files' lengths."""
        # Files of different lengths differ; only those that share a length are ever read to compare them.
        return np.fromiter(map(self.store.size, self.names), np.uint64, len(self))

    def digest(self, row: int) -> bytes:
        """Of the file's bytes, read once."""
        if row not in self._digests:
            self._digests[row] = hashlib.sha256(self.store.read(self.names[row])).digest()
        return self._digests[row]

    def stamp(self, rows: Indices) -> bytes:
        """Of names, lengths and times of change; reads no file."""
        hash = hashlib.sha256()
        for row in rows.tolist():
            name = self.names[row]
            hash.update(
                f"{name}\0{self.store.size(name)}\0{self.store.changed(name)}\0".encode("utf-8", "surrogatepass")
            )
        return hash.digest()

    def file(self, row: int) -> Path | None:
        """The file; None inside a zip."""
        return self.store.path(self.names[row])

    def original(self, row: int) -> tuple[bytes, str]:
        """The file as it is."""
        return self.store.read(self.names[row]), os.path.splitext(self.names[row])[1].lower()

    def _place(self, row: int) -> str:
        return str(self.store.where / self.names[row])

    @abstractmethod
    def check(self, row: int) -> None:
        """Raise DataError, naming the file, if the item cannot be read."""

    def readable(self, rows: Indices) -> tuple[list[int], list[int]]:
        """Rows that can be read, and those that cannot; reads all of them."""
        good: list[int] = []
        bad: list[int] = []
        for row in rows.tolist():
            try:
                self.check(row)
            except DataError:
                bad.append(row)
            else:
                good.append(row)
        return good, bad
