"""Files that are there whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.errors import StorageError

__all__ = ["npy_bytes", "replace_file", "write_atomically"]


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Put a file in place of what is there, by a rename; if ``durable``, whole also after a power failure.

    The folder must be there. An `OSError` leaves what was there before, and nothing beside it.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """`replace_file`, with its folder made and its error as a `StorageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content, durable=durable)
    except OSError as error:
        raise StorageError(f"Could not write {path}: {error.strerror or error}. Nothing was recorded.") from error


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    """The array as the content of an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()
