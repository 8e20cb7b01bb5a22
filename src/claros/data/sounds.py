"""Sound files: decoded when asked for, one channel."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices
from claros.data.store import Files
from claros.errors import DataError, require

__all__ = ["SUFFIXES", "SoundFiles"]

#: What counts as a sound in a folder.
SUFFIXES = frozenset({".flac", ".ogg", ".wav"})


class SoundFiles(Files):
    """Sounds of a folder or zip as (float32 samples (T,) in [-1, 1], samples per second); channels are averaged."""

    kind = "sounds"

    def take(self, rows: Indices) -> list[tuple[npt.NDArray[np.float32], int]]:
        """A list of (samples, rate)."""
        return [self._samples(row) for row in rows.tolist()]

    def check(self, row: int) -> None:
        """Decode it."""
        self._samples(row)

    def describe(self, row: int) -> str:
        """Its length and rate."""
        samples, rate = self._samples(row)
        return f"sound, {len(samples) / rate:.2f} s at {rate} Hz"

    def _samples(self, row: int) -> tuple[npt.NDArray[np.float32], int]:
        soundfile: Any = require("soundfile", "data", "reading sounds")
        try:
            data = io.BytesIO(self.store.read(self.names[row]))
            samples, rate = soundfile.read(data, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DataError(
                f"{self._place(row)} cannot be read as a sound ({error}); repair or remove it, or pass "
                "skip_unreadable=True (--skip-unreadable) to leave such files out."
            ) from error
        return samples.mean(axis=1, dtype=np.float32), int(rate)
