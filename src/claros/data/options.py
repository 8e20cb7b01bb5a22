"""How a source is to be read, and what its parts are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from claros.arrays import Indices
from claros.data.labels import recode
from claros.data.pool import Pool, Split, derive

__all__ = ["ASIDE", "PARTS", "TEST", "TRAIN", "Options", "by_part", "into_given_classes", "rows_to_keep"]

TRAIN, TEST, ASIDE = 0, 1, 2

#: What the parts of a data set are called, in lower case.
PARTS = {
    "all": TRAIN,
    "train": TRAIN,
    "training": TRAIN,
    "test": TEST,
    "testing": TEST,
    "dev": ASIDE,
    "val": ASIDE,
    "valid": ASIDE,
    "validation": ASIDE,
}


@dataclass(frozen=True)
class Options:
    """Settings of ``load``, explained there; each way of reading uses those that concern it.

    ``without`` has the ids that an earlier loading skipped, so that reopening need not find out again.
    """

    text_column: str = "text"
    label_column: str | None = "label"
    id_column: str | None = None
    split_column: str | None = "split"
    image_size: int = 32
    label_pattern: str | None = None
    one_hot: bool = True
    labels: str | None = None
    classes: tuple[str, ...] | None = None
    annotations: tuple[str, ...] = ()
    skip_unreadable: bool = False
    near_duplicates: float | None = None
    features: str | None = None
    without: tuple[str, ...] = ()
    test_part: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """What differs from the defaults."""
        settings = {name: value for name, value in asdict(self).items() if value != getattr(Options, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Options:
        """The options that ``to_json`` described."""
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        return cls(**given)


def rows_to_keep(ids: Sequence[str], options: Options) -> Indices:
    """Positions of the ids that are not to be left out."""
    out = set(options.without)
    return np.flatnonzero([name not in out for name in ids]) if out else np.arange(len(ids))


def into_given_classes(pool: Pool, options: Options, where: str) -> Pool:
    """The pool with its labels as codes into the classes that the options give, if they give any."""
    if options.classes is None or options.classes == pool.classes:
        return pool
    labels, annotations = (
        None if codes is None else recode(codes, pool.classes, options.classes, where=where)
        for codes in (pool.labels, pool.annotations)
    )
    return derive(pool, labels=labels, annotations=annotations, classes=options.classes)


def by_part(pool: Pool, parts: Indices | None) -> Split:
    """The parts of a pool that says itself which items are for testing; validation items serve if no others do."""
    if parts is None or not (parts == TRAIN).any():
        return Split(pool, None)
    serves = TEST if (parts == TEST).any() else ASIDE
    train, test = np.flatnonzero(parts == TRAIN), np.flatnonzero(parts == serves)
    aside = {"set_aside": len(pool) - len(train) - len(test)}
    return Split(derive(pool, train, notes=aside), pool.subset(test) if len(test) else None)
