"""The items that were picked, where the data can still be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from claros.arrays import Indices
from claros.errors import ClarosError
from claros.report.embedding import Space, find_space
from claros.report.load import Run

if TYPE_CHECKING:
    from claros.data import Pool, Split

__all__ = ["Items", "find_items"]

#: Pixels a side of a picture, and letters of a text.
_SIDE, _LETTERS = 96, 240


@dataclass(frozen=True)
class Items:
    """The run's pool, or the reason why there is none."""

    pool: Pool | None
    reason: str = ""

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {} if self.pool is None else {item: i for i, item in enumerate(self.pool.ids)}

    @cached_property
    def space(self) -> Space | str:
        """The pool's principal components, or why there are none."""
        return self.reason if self.pool is None else find_space(self.pool)

    def positions(self, ids: Sequence[str]) -> Indices:
        """Where the items are that the pool has, in the order asked."""
        return np.array([self._positions[item] for item in ids if item in self._positions], dtype=np.int64)

    @property
    def kind(self) -> str:
        """``rows``, ``images``, ``texts``, ``sounds``, or nothing."""
        return "" if self.pool is None else self.pool.shows

    def show(self, ids: Sequence[str]) -> dict[str, Any]:
        """What people can see of the items that the pool has, by id: PNG of images, words for everything else."""
        known = {item: self._positions[item] for item in ids if item in self._positions}
        if self.pool is None:
            return {}
        if self.kind == "images":
            return {item: self.pool.thumbnail(place, _SIDE) for item, place in known.items()}
        return {item: self.pool.text(place, _LETTERS) for item, place in known.items()}

    def class_counts(self) -> dict[str, int]:
        """How many items of each class the pool has, by name; nothing where the labels are unknown."""
        if self.pool is None or self.pool.labels is None or not self.pool.classes:
            return {}
        known = self.pool.labels[self.pool.labels >= 0]
        counts = np.bincount(known, minlength=len(self.pool.classes))
        return dict(zip(self.pool.classes, counts.tolist(), strict=True))


def find_items(run: Run, data: Split | None = None) -> Items:
    """The pool that was given, or the one that the run's configuration names, if it still is what it was."""
    try:
        pool = _open(run) if data is None else data.train
    except (ClarosError, OSError) as error:
        return Items(None, f"The items that were picked are not shown, because their data cannot be read: {error}")
    if pool is None:
        return Items(None, "The run does not say where its data are; pass data= to show the items that were picked.")
    kept = (run.facts.get("manifest") or {}).get("pool")
    other = run.data.get("n_pool", len(pool)) != len(pool) if kept is None else kept != pool.manifest()
    if other:
        return Items(None, "The items that were picked are not shown, because the data have changed since the run.")
    return Items(pool)


def _open(run: Run) -> Pool | None:
    from claros.data import load
    from claros.experiment.setting import DATA_SETTINGS

    if not run.config.get("data"):
        return None
    settings = {name: run.config[name] for name in ("test", *DATA_SETTINGS) if run.config.get(name) is not None}
    return load(run.config["data"], **settings).train
