"""What a case cannot do without, done plainly: one product, one read of memory, so many logarithms; on one thread.

Work of more than a few seconds is done in part, and its seconds multiplied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = tuple[Callable[[], list[int]], float]

#: Multiplications and additions, numbers read, and logarithms that are done at most.
OPERATIONS, NUMBERS, LOGARITHMS = 4e11, 2e9, 1e9
#: Results of a block of rows of a product.
BLOCK = 1 << 20


def main_array(arrays: Arrays) -> np.ndarray:
    return arrays["embeddings" if "embeddings" in arrays else "features"]


def product(points: np.ndarray, others: np.ndarray) -> Call:
    """``points @ others.T`` in blocks of rows, one after the other in the same place."""
    n, width, m = len(points), points.shape[1], len(others)
    part = min(n, max(1, int(OPERATIONS / (2 * width * m))))
    step = max(1, BLOCK // m)
    room = np.empty((min(step, part), m), np.result_type(points, others))

    def go() -> list[int]:
        for start in range(0, part, step):
            rows = points[start : min(start + step, part)]
            np.matmul(rows, others.T, out=room[: len(rows)])
        return []

    return go, n / part


def joined(*calls: Call) -> Call:
    """One after the other: works that are small enough to be done whole."""

    def go() -> list[int]:
        for call, _ in calls:
            call()
        return []

    if any(times != 1.0 for _, times in calls):
        raise ValueError("Parts of works cannot be added up; raise the limits.")
    return go, 1.0


def labeled_and_picked(arrays: Arrays, settings: Settings) -> Call:
    """One product of the pool with everything labeled and picked."""
    pool = main_array(arrays)
    labeled = arrays.get("labeled_embeddings", arrays.get("labeled_features", pool[:0]))
    return product(pool, np.concatenate([labeled, pool[: settings["k"]]]))


def labeled_only(arrays: Arrays, settings: Settings) -> Call:
    """One product of the pool with what is labeled."""
    return product(main_array(arrays), np.ascontiguousarray(arrays["labeled_embeddings"]))


def picked(arrays: Arrays, settings: Settings) -> Call:
    """One product of both factors of the gradients, embeddings and probabilities, with those of the picks."""
    pool, probs, k = arrays["embeddings"], arrays["probs"], settings["k"]
    return joined(product(pool, pool[:k].copy()), product(probs, probs[:k].copy()))


def pairs(arrays: Arrays, settings: Settings) -> Call:
    """Half of the product of the pool with itself: every pair once."""
    pool = main_array(arrays)
    return product(pool, pool[: len(pool) // 2])


def read(arrays: Arrays, settings: Settings, passes: float = 1.0) -> Call:
    """Read the pool once."""
    flat = [arrays[name].reshape(-1) for name in ("embeddings", "features", "probs") if name in arrays]
    laps = max(1, int(min(passes, NUMBERS / sum(part.size for part in flat))))

    def go() -> list[int]:
        for _ in range(laps):
            for part in flat:
                np.dot(part, part)
        return []

    return go, passes / laps


def sweeps(arrays: Arrays, settings: Settings) -> Call:
    """Read the pool once a pick."""
    return read(arrays, settings, settings["k"])


def logarithms(count: float) -> Call:
    """So many logarithms of float32."""
    step = 1 << 16
    values = np.linspace(0.01, 0.99, step, dtype=np.float32)
    out = np.empty_like(values)
    blocks = max(1, int(min(count, LOGARITHMS) / step))

    def go() -> list[int]:
        for _ in range(blocks):
            np.log(values, out=out)
        return []

    return go, 1.0 if count <= LOGARITHMS else count / (blocks * step)


def logs(arrays: Arrays, settings: Settings) -> Call:
    """A logarithm of every probability."""
    return logarithms(max(arrays[name].size for name in ("probs", "member_probs") if name in arrays))


def batch_bald(arrays: Arrays, settings: Settings) -> Call:
    """Products of every pick's joint labels, all or as many as are sampled, with all candidates; and their logs."""
    n, members, classes = arrays["member_probs"].shape
    columns = sum(min(classes**place, settings["samples"]) for place in range(1, settings["k"]))
    flat = np.ascontiguousarray(np.swapaxes(arrays["member_probs"], 1, 2)).reshape(n * classes, members)
    return joined(product(flat, np.ones((columns, members), np.float32)), logarithms(float(n) * classes * columns))


def bait(arrays: Arrays, settings: Settings) -> Call:
    """Two quadratic forms a candidate and the updates of both for twice as many picks as are kept, in float64."""
    n, width = arrays["embeddings"].shape
    classes = arrays["probs"].shape[1]
    operations = 4.0 * n * classes**2 * width * (width + 2 * settings["k"])
    side = 1024
    square, out = np.ones((side, side)), np.empty((side, side))
    blocks = max(1, int(min(operations, OPERATIONS / 2) / (2 * side**3)))

    def go() -> list[int]:
        for _ in range(blocks):
            np.matmul(square, square, out=out)
        return []

    return go, operations / (blocks * 2 * side**3)


ROUTINES = {
    "labeled_and_picked": labeled_and_picked,
    "labeled": labeled_only,
    "picked": picked,
    "pairs": pairs,
    "read": read,
    "sweeps": sweeps,
    "logs": logs,
    "batch_bald": batch_bald,
    "bait": bait,
}
