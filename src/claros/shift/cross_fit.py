"""Predictions for labeled items by models that did not see them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.checks import whole
from claros.errors import InputError, NoEstimateError
from claros.shift.calibration import folds_of
from claros.shift.evidence import codes

__all__ = ["cross_fitted"]


class _Trains(Protocol):
    def fit(self, items: Any, labels: Indices, *, n_classes: int | None, rng: np.random.Generator) -> None: ...

    def outputs(self, items: Any, names: tuple[str, ...]) -> dict[str, Array]: ...


def cross_fitted(
    model: _Trains,
    items: Any,
    labels: Array,
    folds: int = 5,
    rng: np.random.Generator | None = None,
    *,
    n_classes: int | None = None,
) -> Floats:
    """Out-of-fold probabilities (L, C): each item is predicted by a model that was trained without it.

    ``model`` is any `claros.models.Model` (its last state is that of the last fold), ``items`` a pool with ``subset``,
    ``labels`` (L,) codes. Classes are spread evenly over the ``folds``, drawn by ``rng`` (seed 0 if none), of which
    there are at most as many as items. Columns are ``n_classes``, else the pool's classes, else those of the labels;
    a class that a fold has not seen has probability 0 there.

    A confusion matrix of training items says that the model hardly errs, and the shift it finds is off by as much.
    These models have seen (folds - 1) / folds of the items, so they err a little more than one that has seen all.

    Cost: ``folds`` trainings.
    """
    known = len(getattr(items, "classes", ())) or None
    found = to_numpy(labels)
    count = n_classes or known or int(found.max(initial=-1)) + 1
    y = codes(found, tuple(map(str, range(count))), "labels")
    if len(y) != len(items):
        raise InputError(f"there are {len(items)} items and {len(y)} labels; pass one label per item.")
    folds = min(whole(folds, 2, "folds"), len(y))
    if len(y) < 2:
        raise NoEstimateError("cross-fitting needs at least two labeled items.")
    chance = rng if rng is not None else np.random.default_rng(0)
    place = folds_of(y, folds, chance)
    probs = np.zeros((len(y), count))
    for fold in range(folds):
        inside, outside = np.flatnonzero(place == fold), np.flatnonzero(place != fold)
        model.fit(items.subset(outside), y[outside], n_classes=count, rng=chance)
        probs[inside] = to_numpy(model.outputs(items.subset(inside), ("probs",))["probs"])
    return probs
