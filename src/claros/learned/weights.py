"""Arrays in a safetensors file, read and written with NumPy alone.

The format is open: eight bytes with the length of a JSON header, the header, which says of each tensor its type, shape
and place, then the numbers. A file holds no code, and nothing in it is run.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.errors import DataError

__all__ = ["pack", "unpack"]

#: Types that are read; those of a policy are all of the first.
_TYPES: dict[str, np.dtype[Any]] = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4")}
#: A header of a small file is never longer.
_LONGEST = 1 << 20


def pack(tensors: Mapping[str, Floats], about: Mapping[str, str]) -> bytes:
    """The content of a safetensors file with these tensors, in float64, and texts about them."""
    header: dict[str, Any] = {"__metadata__": dict(about)}
    parts, place = [], 0
    for name, tensor in tensors.items():
        content = np.ascontiguousarray(tensor, dtype="<f8").tobytes()
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [place, place + len(content)]}
        parts.append(content)
        place += len(content)
    head = json.dumps(header, ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)  # numbers start at a multiple of eight
    return struct.pack("<Q", len(head)) + head + b"".join(parts)


def unpack(content: bytes, name: str) -> tuple[dict[str, Floats], dict[str, str]]:
    """The tensors, in float64, and the texts of a safetensors file; a `DataError` that says what is wrong with it."""
    try:
        (length,) = struct.unpack_from("<Q", content)
        if length > min(_LONGEST, len(content) - 8):
            raise ValueError(f"its header would be {length} bytes long")
        header = json.loads(content[8 : 8 + length])
        about = {str(key): str(text) for key, text in header.pop("__metadata__", {}).items()}
        tensors = {key: _tensor(row, content[8 + length :]) for key, row in header.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{name} is no safetensors file of a policy ({error}); write it by train-policy.") from error
    return tensors, about


def _tensor(row: Mapping[str, Any], body: bytes) -> Floats:
    kind, shape = _TYPES[row["dtype"]], tuple(map(int, row["shape"]))
    start, end = map(int, row["data_offsets"])
    if not 0 <= start <= end <= len(body) or end - start != kind.itemsize * math.prod(shape):
        raise ValueError(f"a tensor of shape {shape} cannot lie from byte {start} to {end}")
    return np.frombuffer(body[start:end], dtype=kind).reshape(shape).astype(np.float64)
