"""The one module that knows array libraries: which one an array belongs to, how to walk it, how to bring it home."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

import array_api_compat
import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "Floats",
    "Indices",
    "Scratch",
    "blas_threads",
    "block_bytes",
    "detached",
    "device",
    "fast_dtype",
    "from_numpy",
    "is_array",
    "is_mapped",
    "is_torch",
    "map_rows",
    "map_spans",
    "namespace",
    "row_blocks",
    "take",
    "take_columns",
    "thread_counts",
    "threads",
    "to_numpy",
    "where_from",
]

#: Packages that bring a thread pool of their own.
_WITH_POOLS = ("torch", "sklearn", "scipy.linalg", "scipy.sparse", "faiss", "xgboost", "lightgbm")

#: An array of any library that follows the array API: NumPy, torch (also on CUDA), CuPy, JAX.
Array: TypeAlias = Any
#: Positions or class codes on the host.
Indices: TypeAlias = npt.NDArray[np.int64]
#: Real numbers on the host.
Floats: TypeAlias = npt.NDArray[np.floating[Any]]

Result = TypeVar("Result")

#: A block of rows is sized to stay in a core's second-level cache together with what is computed from it.
BLOCK_BYTES = 1 << 20
#: On an accelerator each block costs a launch instead, so blocks are large.
DEVICE_BLOCK_BYTES = 1 << 27
#: Bytes of rows that are worth a thread.
SPAN_BYTES = 1 << 24


def is_array(value: object) -> bool:
    """Whether the value already is an array of a known library (a list is not)."""
    return bool(array_api_compat.is_array_api_obj(value))


def is_torch(value: object) -> bool:
    """Whether the value is a torch tensor; never imports torch."""
    return bool(array_api_compat.is_torch_array(value))


def is_mapped(value: object) -> bool:
    """Whether the array is a memory-mapped file, or a view of one."""
    while isinstance(value, np.ndarray):
        if isinstance(value, np.memmap):
            return True
        value = value.base
    return False


def namespace(*arrays: Array) -> Any:
    """The array-API namespace shared by the arrays."""
    return array_api_compat.array_namespace(*arrays)


def device(array: Array) -> Any:
    """Where the array lies, in its own library's words."""
    return array_api_compat.device(array)


def where_from(array: Array) -> str:
    """Library and device in words, to tell arrays apart that cannot be mixed: "numpy", "torch on cuda:0"."""
    library = type(array).__module__.partition(".")[0]
    return "numpy" if isinstance(array, np.ndarray) else f"{library} on {device(array)}"


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """The array on the host, as NumPy; no copy where none is needed."""
    if is_torch(array):
        return np.asarray(array.detach().cpu().numpy())
    if hasattr(array, "get") and array_api_compat.is_cupy_array(array):
        return np.asarray(array.get())
    return np.asarray(array)


def from_numpy(array: npt.NDArray[Any], like: Array) -> Array:
    """A host array moved beside ``like``: same library, same device, own dtype."""
    if isinstance(like, np.ndarray):
        return array
    if is_torch(like) and not array.flags.writeable:  # torch has no read-only tensors, and would warn
        array = array.copy()
    xp = namespace(like)
    return xp.asarray(array, device=device(like))


def detached(array: Array) -> Array:
    """The array without a gradient tape, which would keep every block alive; the values are shared."""
    return array.detach() if is_torch(array) and array.requires_grad else array


def take_columns(array: Array, columns: Indices) -> Array:
    """Some columns, at positions; a copy."""
    return namespace(array).take(array, from_numpy(columns, array), axis=1)


def take(array: Array, rows: slice | Indices) -> Array:
    """Some rows: a view for a slice, a copy for positions; of what is no array, what it gives for them itself."""
    if isinstance(rows, slice) or isinstance(array, np.ndarray) or not is_array(array):
        return array[rows]
    return namespace(array).take(array, from_numpy(rows, array), axis=0)


def fast_dtype(array: Array) -> Any:
    """float32 where products in it keep float32's digits; float64 where the user lets torch round them further.

    With ``torch.set_float32_matmul_precision("high")`` or inside autocast, float32 products have 10 bits or fewer.
    """
    xp = namespace(array)
    if is_torch(array):
        import torch

        if torch.get_float32_matmul_precision() != "highest" or torch.is_autocast_enabled(array.device.type):
            return xp.float64
    return xp.float32


def block_bytes(array: Array) -> int:
    """How many bytes of work one block should be, for an array that lies where this one does."""
    on_host = isinstance(array, np.ndarray) or str(device(array)) == "cpu"
    return BLOCK_BYTES if on_host else DEVICE_BLOCK_BYTES


def row_blocks(n: int, row_bytes: int, block_bytes: int | None = None, *, first: int = 0) -> Iterator[slice]:
    """Slices that cover first..n, each about ``block_bytes`` of rows; the last one is as short as it must be."""
    _keep_pages()
    step = max(1, (BLOCK_BYTES if block_bytes is None else block_bytes) // max(1, row_bytes))
    for start in range(first, n, step):
        yield slice(start, min(n, start + step))


def map_spans(work: Callable[[slice], Result], n: int, row_bytes: int) -> list[Result]:
    """``work`` of one long slice of 0..n for each thread that BLAS may use, at once; of 0..n itself if that is little.

    The work is to be NumPy's, which lets other threads run meanwhile. BLAS has one thread in each.
    """
    most = n * row_bytes // SPAN_BYTES
    count = min(most, _blas_threads()) if most > 1 else 1
    if count <= 1:
        return [work(slice(0, n))]
    edges = [n * part // count for part in range(count + 1)]
    with blas_threads(1), ThreadPoolExecutor(count) as executor:
        told = [(copy_context(), slice(*span)) for span in pairwise(edges)]  # NumPy's settings for errors are context
        running = [executor.submit(context.run, work, span) for context, span in told]
        return [one.result() for one in running]


@lru_cache(maxsize=1)
def _keep_pages() -> None:
    """Have the allocator keep the pages of a block's arrays for the next block: fresh ones cost more than arithmetic.

    The C library of Linux maps every array above 128 KiB anew, until one that was larger is freed; then it keeps all
    that are no larger. This one is freed at once, and no page of it is ever touched.
    """
    np.empty(4 * BLOCK_BYTES, dtype=np.uint8)


def map_rows(kernel: Callable[[Array], Array], array: Array, row_bytes: int) -> Array:
    """``kernel`` of every block of rows, one value a row, in float64: (N, ...) -> (N,)."""
    xp = namespace(array)
    out = xp.empty(array.shape[0], dtype=xp.float64, device=device(array))
    for rows in row_blocks(int(array.shape[0]), row_bytes, block_bytes(array)):
        out[rows] = kernel(array[rows])
    return out


class Scratch:
    """Memory that one block after the other writes over: fresh pages cost more than the arithmetic on them."""

    def __init__(self) -> None:
        self._memory = np.empty(0, dtype=np.uint8)

    def block(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An uninitialised array that is valid until the next call."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > len(self._memory):
            self._memory = np.empty(size, dtype=np.uint8)
        return self._memory[:size].view(dtype).reshape(shape)


def blas_threads(limit: int) -> AbstractContextManager[Any]:
    """Limit BLAS to so many threads inside a ``with``; process-wide, so enter it once around a whole call."""
    limits: AbstractContextManager[Any] = _pools().limit(limits=limit, user_api="blas")
    return limits


def threads(limit: int) -> AbstractContextManager[Any]:
    """As `blas_threads`, but OpenMP too: everything that computes, in the libraries that are loaded by now."""
    limits: AbstractContextManager[Any] = _pools().limit(limits=limit)
    return limits


def thread_counts() -> dict[str, int]:
    """Threads that each loaded library which computes would use now, as ``{"openblas": 1, "torch": 2}``.

    Of a library that is loaded more than once the largest count.
    """
    counts: dict[str, int] = {}
    for pool in _pools().info():
        name = str(pool["internal_api"])
        counts[name] = max(int(pool["num_threads"]), counts.get(name, 0))
    torch = sys.modules.get("torch")
    return counts if torch is None else {**counts, "torch": int(torch.get_num_threads())}


def _blas_threads() -> int:
    """How many threads BLAS may use now."""
    return max((int(pool["num_threads"]) for pool in _pools().info() if pool["user_api"] == "blas"), default=1)


def _pools() -> Any:
    """The thread pools of the libraries that are loaded; looking for them takes milliseconds, so only for new ones."""
    return _found_pools(frozenset(name for name in _WITH_POOLS if name in sys.modules))


@lru_cache(maxsize=8)
def _found_pools(loaded: frozenset[str]) -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
