"""How large a case is, and the arrays that it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

__all__ = ["Size", "write"]

#: Intrinsic dimensions and heaps of the made-up features: as low and as lumpy as those of a trained encoder.
RANK, HEAPS = 32, 200
#: Rows that are made at a time.
STEP = 1 << 14

#: What a quick run makes of each number: enough for every routine to go through all of its steps.
QUICK = {"n": 600, "k": 10, "d": 16, "classes": 10, "labeled": 30, "members": 5, "samples": 100}


@dataclass(frozen=True)
class Size:
    """How many candidates, picks, features, classes, labeled items, members of a committee and sampled labels."""

    n: int
    k: int = 0
    d: int = 0
    classes: int = 0
    labeled: int = 0
    members: int = 0
    samples: int = 0

    def quick(self) -> Size:
        """The same in small."""
        return Size(**{name: min(value, QUICK[name]) for name, value in asdict(self).items()})

    def __str__(self) -> str:
        shape = f"{self.n:,}" + (f" x {self.d}" if self.d else "")
        said = {"classes": self.classes, "labeled": self.labeled, "members": self.members, "samples": self.samples}
        rest = [f"{value:,} {name}" for name, value in said.items() if value]
        return ", ".join([shape, *rest, *([f"b = {self.k:,}"] if self.k else [])])


def write(folder: Path, names: Iterable[str], size: Size, unit: bool = False) -> None:
    """Make the named arrays and save each as a file, block by block; always the same, in float32.

    Fixed features have length 1; embeddings do so where ``unit`` says it.
    """
    made = _Made(size, unit)
    for name in names:
        kind = name.removeprefix("labeled_")
        apart = name.startswith("label")  # what is labeled is not in the pool
        n = size.labeled if apart else size.n
        block = next(getattr(made, kind)(1))
        target = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", block.dtype, (n, *block.shape[1:]))
        start = 0
        for rows in getattr(made, kind)(n, apart=apart):
            target[start : start + len(rows)] = rows
            start += len(rows)
        target.flush()


class _Made:
    """Features in heaps, a linear head over them, and a committee of heads that differ a little."""

    def __init__(self, size: Size, unit: bool) -> None:
        self.size, self.unit = size, unit
        rng = np.random.default_rng(0)
        width = size.d or RANK
        self.heaps = (2.0 * rng.normal(size=(HEAPS, RANK))).astype(np.float32)
        self.basis = (rng.normal(size=(RANK, width)) / 6).astype(np.float32)
        self.head = (0.1 * rng.normal(size=(width, max(1, size.classes)))).astype(np.float32)
        shifts = rng.normal(size=(size.members, *self.head.shape))
        self.members = (self.head + 0.05 * shifts).astype(np.float32)

    def points(self, n: int, apart: bool) -> Iterator[np.ndarray]:
        """200 heaps in a space of 32 dimensions, and noise in all others."""
        rng = np.random.default_rng(2 if apart else 1)
        for start in range(0, n, STEP):
            rows = min(STEP, n - start)
            points = self.heaps[rng.integers(0, HEAPS, rows)] + rng.standard_normal((rows, RANK), dtype=np.float32)
            yield points @ self.basis + 0.3 * rng.standard_normal((rows, self.basis.shape[1]), dtype=np.float32)

    def features(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """The same with length 1."""
        for points in self.points(n, apart):
            yield points / np.linalg.norm(points, axis=1, keepdims=True)

    def embeddings(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """What the linear head sees."""
        return self.features(n, apart=apart) if self.unit else self.points(n, apart)

    def probs(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """Softmax of the linear head."""
        for points in self.points(n, apart):
            yield softmax(points @ self.head)

    def member_probs(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """Softmax of every member's head; (n, members, classes)."""
        for points in self.points(n, apart):
            yield softmax(np.einsum("nd,mdc->nmc", points, self.members, optimize=True))

    def labels(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """Classes as the head predicts them."""
        for table in self.probs(n, apart=apart):
            yield np.argmax(table, axis=1)

    def first(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """Predictions of every item's class."""
        yield from self.labels(n)

    def second(self, n: int, *, apart: bool = False) -> Iterator[np.ndarray]:
        """The same, every tenth of them drawn anew."""
        rng = np.random.default_rng(3)
        for codes in self.first(n):
            other = rng.integers(0, self.size.classes, len(codes))
            yield np.where(rng.random(len(codes)) < 0.1, other, codes)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis, in float32."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)
