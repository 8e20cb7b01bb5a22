"""How a simulated annotator errs: not at all, uniformly, by a confusion matrix, or as people did who were recorded.

Each kind is a small record of settings with ``tell``, a pure function of the true classes and of two uniform draws an
item. The draws are the same for every kind and rate, so of two uniform rates the higher one adds errors to the lower
one's and changes none of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BeforeValidator, Field

from claros.arrays import Floats, Indices
from claros.data.pool import Pool
from claros.errors import DataError, InputError, suggest
from claros.experiment.fields import Settings, as_list, from_text, is_count

__all__ = ["KINDS", "Confusion", "Exact", "Noise", "NoiseSpec", "Questions", "Recorded", "Uniform"]

#: Rows of a confusion matrix must sum to 1 within this, and are then scaled to sum to 1.
SUM_TOLERANCE = 1e-3


class Questions(NamedTuple):
    """True classes (B,) of C, uniform draws (B, 2) in [0, 1), and what A people said (B, A), -1 where nothing."""

    truth: Indices
    n_classes: int
    draws: Floats
    said: Indices


class Exact(Settings):
    """The pool's own labels."""

    kind: Literal["exact"] = "exact"

    def check(self, pool: Pool) -> None:
        """Raise what cannot work with this pool: nothing."""

    def tell(self, asked: Questions) -> Indices:
        """(B,) classes told."""
        return asked.truth


class Uniform(Settings):
    """With chance ``rate`` a class other than the true one, each other class as likely."""

    kind: Literal["uniform"]
    rate: float = Field(ge=0, le=1, description="chance that another class is told")

    def check(self, pool: Pool) -> None:
        """Raise an `InputError` if there is no other class to tell."""
        if len(pool.classes) < 2:
            raise InputError("A uniform oracle needs two classes or more to err between; the pool has one.")

    def tell(self, asked: Questions) -> Indices:
        """(B,) classes told."""
        step = 1 + np.floor(asked.draws[:, 1] * (asked.n_classes - 1)).astype(np.int64)
        return np.where(asked.draws[:, 0] < self.rate, (asked.truth + step) % asked.n_classes, asked.truth)


def _read_matrix(value: Any) -> Any:
    """The rows of a matrix; those in a file where a path is given."""
    if not isinstance(value, str):
        return value
    path = Path(value)
    readers: Mapping[str, Callable[[], Any]] = {
        ".npy": lambda: np.load(path, allow_pickle=False).tolist(),
        ".json": lambda: json.loads(path.read_text(encoding="utf-8")),
        ".csv": lambda: np.loadtxt(path, delimiter=",", ndmin=2).tolist(),
    }
    if path.suffix.lower() not in readers:
        raise ValueError(f"must be rows of numbers, or a file of them (.npy, .json or .csv); got {value!r}")
    try:
        return readers[path.suffix.lower()]()
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"no matrix can be read there ({str(error).splitlines()[0]}); got {value!r}") from error


def _stochastic(rows: list[list[float]]) -> list[list[float]]:
    """The rows, if they are a square matrix of chances and each sums to 1."""
    widths = sorted({len(row) for row in rows})
    if widths != [len(rows)]:
        raise ValueError(f"must have a row and a column for each class; got {len(rows)} row(s) of length {widths}")
    matrix = np.array(rows)
    for row, chances in enumerate(matrix):
        if not (chances >= 0).all() or not abs(chances.sum() - 1) <= SUM_TOLERANCE:
            raise ValueError(f"must have rows of chances that sum to 1; got {rows[row]} in row {row}")
    return rows


class Confusion(Settings):
    """Class j for an item of class i with the chance in row i, column j; classes in the order of the pool's."""

    kind: Literal["confusion"]
    matrix: Annotated[list[list[float]], BeforeValidator(_read_matrix), AfterValidator(_stochastic)] = Field(
        description="a row for each true class, with the chance of each class that is told; or a file of them"
    )

    def check(self, pool: Pool) -> None:
        """Raise an `InputError` if the matrix is not one over the pool's classes."""
        if len(self.matrix) != len(pool.classes):
            raise InputError(
                f"The oracle's confusion matrix is for {len(self.matrix)} classes, but the data have "
                f"{len(pool.classes)}: {', '.join(pool.classes[:20])}."
            )

    def tell(self, asked: Questions) -> Indices:
        """(B,) classes told; O(B·C) memory."""
        sums = np.cumsum(np.array(self.matrix), axis=1)
        below: Indices = (asked.draws[:, :1] >= (sums / sums[:, -1:])[asked.truth]).sum(axis=1)
        return below


def _annotator(value: Any) -> Any:
    number = from_text(value)
    if number not in ("random", "majority") and not is_count(number, 0):
        raise ValueError(f"must be random, majority, or the number of an annotator, from 0; got {value!r}")
    return number


class Recorded(Settings):
    """What people said of the very item: one of them drawn anew for each seed, their majority, or always the same one.

    ``labels`` names what holds their answers: arrays of an npz, columns of a table. Of a tied majority, and of several
    people, one is drawn at random; who said nothing of an item is left out.
    """

    kind: Literal["recorded"]
    labels: Annotated[list[str], BeforeValidator(as_list), Field(min_length=1)] = Field(
        description="names of arrays of the npz, or of columns of the table, that hold what people said"
    )
    annotator: Annotated[str | int, BeforeValidator(_annotator)] = Field(
        "random", description="who answers: random, majority, or the number of one, from 0"
    )

    def check(self, pool: Pool) -> None:
        """Raise if the pool has no such annotations, or nobody has answered for an item."""
        where = ", ".join(self.labels)
        said = pool.annotations
        if said is None:
            raise DataError(f"The oracle answers with {where}, but the pool was loaded without annotations.")
        if isinstance(self.annotator, int):
            if self.annotator >= said.shape[1]:
                raise InputError(
                    f"The oracle is annotator {self.annotator}, but {where} is by {said.shape[1]}, counted from 0."
                )
            said = said[:, [self.annotator]]
        silent = np.flatnonzero((said < 0).all(axis=1))
        if silent.size:
            raise DataError(
                f"The oracle answers with {where}, which says nothing of {silent.size} of {len(pool)} items, the first "
                f"is {pool.ids[silent[0]]!r}; choose another annotator, or leave these items out."
            )

    def tell(self, asked: Questions) -> Indices:
        """(B,) classes told."""
        if isinstance(self.annotator, int):
            return asked.said[:, self.annotator]
        if self.annotator == "random":
            return asked.said[np.arange(len(asked.said)), _one_of(asked.said >= 0, asked.draws[:, 0])]
        votes = (asked.said[:, :, None] == np.arange(asked.n_classes)).sum(axis=1)  # (B, C)
        return _one_of(votes == votes.max(axis=1, keepdims=True), asked.draws[:, 0])


def _one_of(allowed: npt.NDArray[np.bool_], draws: Floats) -> Indices:
    """One of the allowed columns of each row, by a uniform draw; (B, K), (B,) -> (B,)."""
    rank = np.cumsum(allowed, axis=1)
    wanted = 1 + np.floor(draws * rank[:, -1])
    columns: Indices = np.argmax(allowed & (rank == wanted[:, None]), axis=1)
    return columns


Noise = Exact | Uniform | Confusion | Recorded

#: Every kind by its name.
KINDS: Mapping[str, type[Noise]] = {
    "exact": Exact,
    "uniform": Uniform,
    "confusion": Confusion,
    "recorded": Recorded,
}


def _as_noise(value: Any) -> Any:
    """Settings of a known kind; a bare name means kind, and so does ``name``."""
    if isinstance(value, Noise):
        return value
    given = {"kind": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        raise ValueError(f"must be a kind of oracle ({', '.join(KINDS)}), or a mapping with one; got {value!r}")
    kind = given.get("kind", given.get("name", "exact"))
    if kind not in KINDS:
        raise ValueError(suggest(str(kind), KINDS, "oracle").removesuffix("."))
    return {"kind": kind, **{name: given[name] for name in given if name not in ("kind", "name")}}


#: A noise in settings, of which the bare kind may be given.
NoiseSpec = Annotated[Noise, Field(discriminator="kind"), BeforeValidator(_as_noise)]
