"""Which items are exactly the same: a cheap 64-bit number for every item, and a full digest where two numbers agree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices, row_blocks
from claros.rng import stream

__all__ = ["Hashes", "first_positions", "row_bytes", "row_hashes", "same_content", "text_hash"]

#: 64-bit numbers, equal wherever contents are equal, and very rarely elsewhere.
Hashes = npt.NDArray[np.uint64]

#: Bytes of rows hashed at a time.
BLOCK_BYTES = 1 << 22


def row_bytes(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """(N, ...) rows as (N, bytes); negative zeros become zeros, so that equal numbers have equal bytes."""
    if rows.dtype.kind == "f":
        rows = rows + rows.dtype.type(0)
    return np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)


def row_hashes(array: npt.NDArray[Any]) -> Hashes:
    """One number a row of (N, ...): the sum of its 32-bit words times random 64-bit numbers, modulo 2^64.

    Two rows that differ agree with a chance of at most 2^-33 (multilinear hashing; words are 32 bits wide because a
    difference that is a multiple of 2^t costs t bits, and ones and zeros of float64 differ by a multiple of 2^52).
    O(N·F) time, one block of memory besides the result; a memory-mapped array is read once, block by block.
    """
    width = int(np.prod(array.shape[1:])) * array.dtype.itemsize
    words = -(-width // 4)
    factors = stream(0, "content-hash").integers(0, 2**64 - 1, size=words, dtype=np.uint64, endpoint=True)
    hashes = np.empty(len(array), np.uint64)
    for block in row_blocks(len(array), width, BLOCK_BYTES):
        data = row_bytes(array[block])
        if width % 4:
            data = np.pad(data, ((0, 0), (0, 4 * words - width)))
        hashes[block] = data.view(np.uint32).astype(np.uint64) @ factors
    return hashes


def text_hash(data: bytes) -> int:
    """The number of a text or of other loose bytes."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def same_content(hashes: Hashes, digest: Callable[[int], bytes]) -> Indices:
    """(N,): for each item the position of the first one with exactly its content; itself where none came before.

    ``digest(position)`` is asked only for items whose number another item shares. O(N log N) time.
    """
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    first = np.arange(len(hashes), dtype=np.int64)
    seen: dict[bytes, int] = {}
    for position in np.flatnonzero(counts[inverse] > 1).tolist():
        first[position] = seen.setdefault(digest(position), position)
    return first


def first_positions(numbers: Indices) -> Indices:
    """(N,) numbers to (N,) positions: where each number stands first.

    >>> first_positions(np.array([7, 3, 7, 7])).tolist()
    [0, 1, 0, 0]
    """
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)
