"""Work on many rows in chunks that fit on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import torch

from claros.errors import ModelError

__all__ = ["in_chunks"]

T = TypeVar("T")


class _Done(NamedTuple, Generic[T]):
    """What the work gave, in a box that may be missing."""

    value: T


def in_chunks(work: Callable[[int, int], T], rows: range, chunk: int, who: str) -> list[T]:
    """What the work gives for each run of rows, from one up to another.

    A chunk that the device has too little memory for is tried once more in quarters; then it is a `ModelError`.
    """
    results: list[T] = []
    for start in range(rows.start, rows.stop, chunk):
        stop = min(rows.stop, start + chunk)
        done = _tried(work, start, stop)
        results += [done.value] if done is not None else _in_quarters(work, start, stop, who)
    return results


def _tried(work: Callable[[int, int], T], start: int, stop: int) -> _Done[T] | None:
    """None if there was too little memory.

    What the failed attempt held is let go when this returns; an error that is still being handled would hold it.
    """
    try:
        return _Done(work(start, stop))
    except torch.cuda.OutOfMemoryError:
        return None


def _in_quarters(work: Callable[[int, int], T], start: int, stop: int, who: str) -> Sequence[T]:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    size = max(1, (stop - start) // 4)
    results = []
    for first in range(start, stop, size):
        done = _tried(work, first, min(stop, first + size))
        if done is None:
            raise ModelError(
                f"{who} ran out of memory on {stop - start} items at once, and on {size} too; "
                "lower chunk, or choose a smaller network or another device."
            )
        results.append(done.value)
    return results
