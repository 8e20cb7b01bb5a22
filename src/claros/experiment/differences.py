"""Two records of the same thing, part by part: the same bits, the same within a tolerance, or not."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CLOSE", "DIFFERENT", "SAME", "Part", "arrays", "numbers", "texts"]

SAME, CLOSE, DIFFERENT = "the same", "the same within the tolerance", "different"


@dataclass(frozen=True)
class Part:
    """A part of the record beside the same part done again."""

    name: str
    verdict: str
    """`SAME` to the bit, `CLOSE` within the tolerance, or `DIFFERENT`."""
    largest: float | None = None
    """The largest difference between numbers, relative to the recorded one where that is above 1."""
    detail: str = ""
    """Where it differs first, what was recorded and what came."""

    def __str__(self) -> str:
        small = "" if not self.largest else f", by up to {self.largest:.2g}"
        return f"{self.name}: {self.verdict}{small}{': ' + self.detail if self.detail else ''}"


def texts(name: str, recorded: Sequence[Any], again: Sequence[Any]) -> Part:
    """Sequences of things that are the same or not, as ids in their order."""
    if list(recorded) == list(again):
        return Part(name, SAME)
    if len(recorded) != len(again):
        return Part(name, DIFFERENT, detail=f"{len(recorded)} were recorded, {len(again)} came")
    wrong = [place for place, (was, now) in enumerate(zip(recorded, again, strict=True)) if was != now]
    first = wrong[0]
    where = f"{len(wrong)} of {len(recorded)}, first number {first + 1}"
    return Part(name, DIFFERENT, detail=f"{where}: recorded {recorded[first]!r}, now {again[first]!r}")


def arrays(name: str, recorded: bytes | None, again: bytes | None, tolerance: float) -> Part:
    """Two npy files."""
    if recorded is None or again is None:
        return Part(name, DIFFERENT, detail="it was not recorded" if recorded is None else "it does not come any more")
    if recorded == again:
        return Part(name, SAME)
    try:
        was, now = (np.load(io.BytesIO(content), allow_pickle=False) for content in (recorded, again))
    except (ValueError, EOFError):
        return Part(name, DIFFERENT, detail="what was recorded cannot be read")
    return _compared(name, was, now, tolerance)


def numbers(name: str, recorded: Mapping[str, Any], again: Mapping[str, Any], tolerance: float) -> Part:
    """Numbers by name, None among them; those that were recorded count."""
    was, now = (
        np.array([math.nan if row.get(key) is None else row[key] for key in recorded], dtype=np.float64)
        for row in (recorded, again)
    )
    found = _compared(name, was, now, tolerance)
    if found.verdict != DIFFERENT:
        return found
    key = next(key for key in recorded if not _near(recorded[key], again.get(key), tolerance))
    detail = f"{key}: recorded {recorded[key]!r}, now {again.get(key)!r}"
    return Part(name, DIFFERENT, found.largest, detail)


def _near(was: Any, now: Any, tolerance: float) -> bool:
    if was is None or now is None:
        return was is now
    return bool(abs(float(was) - float(now)) <= tolerance * max(1.0, abs(float(was))))


def _compared(name: str, was: npt.NDArray[Any], now: npt.NDArray[Any], tolerance: float) -> Part:
    if was.shape != now.shape or was.dtype != now.dtype:
        return Part(name, DIFFERENT, detail=f"{was.dtype} {was.shape} was recorded, {now.dtype} {now.shape} came")
    floats = was.dtype.kind == "f"
    old, new = was.astype(np.float64), now.astype(np.float64)
    apart = np.where(old == new, 0.0, np.abs(old - new) / np.maximum(1.0, np.abs(old)))
    apart = np.where(np.isnan(apart), np.inf, apart)  # a number on one side only
    apart[np.isnan(old) & np.isnan(new)] = 0.0
    largest = float(apart.max(initial=0.0))
    if largest == 0.0:
        return Part(name, SAME)
    if floats and largest <= tolerance:
        return Part(name, CLOSE, largest)
    wrong = np.atleast_1d(apart > (tolerance if floats else 0.0))
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    return Part(name, DIFFERENT, largest, f"{len(rows)} of {len(wrong)} rows, the first at {int(rows[0])}")
