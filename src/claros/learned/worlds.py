"""Where policies are trained: small labeled data sets, made or real, with a learner that is trained in a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros import data
from claros.arrays import Floats, Indices
from claros.errors import InputError, require
from claros.learned.softmax import Softmax

__all__ = ["MADE", "Source", "World", "sources"]

#: The name of the data that are made anew for every episode.
MADE = "made"
#: Items to choose from, items to measure on, and of a real data set the least it must have.
POOL, TEST, LEAST = (60, 160), 400, 80
#: Accuracy, over that of a model that was trained on the whole pool, at which an episode ends.
GOAL = 0.98


@dataclass(frozen=True)
class World:
    """A pool, items to measure on, and the accuracy at which enough is learned."""

    pool: Floats
    labels: Indices
    test: Floats
    test_labels: Indices
    classes: int
    goal: float

    def learner(self, known: Sequence[int], before: Softmax | None = None) -> Softmax:
        """A model of these labels; ``before`` is one of nearly the same, to start from."""
        return Softmax.trained(self.pool[known], self.labels[known], self.classes, before)

    def accuracy(self, learner: Softmax) -> float:
        """Its accuracy on the items to measure on."""
        return float(np.mean(learner.probs(self.test).argmax(axis=1) == self.test_labels))

    def start(self, rng: np.random.Generator) -> list[int]:
        """One item of each class, at random."""
        return [int(rng.choice(np.flatnonzero(self.labels == code))) for code in np.unique(self.labels)]


#: What a world is drawn from.
Source = Callable[[np.random.Generator], World]


def sources(names: Sequence[str]) -> dict[str, Source]:
    """Where worlds come from, by name: "made" ones, or labeled data as `claros.data.load` reads them."""
    if isinstance(names, str) or not names:
        raise InputError(f"A policy is trained on a list of data sets, as in ['made', 'iris']; got {names!r}.")
    return {name: _made if name == MADE else _real(name) for name in names}


def _made(rng: np.random.Generator) -> World:
    """Two to five classes in 2 to 20 dimensions: clouds, cubes' corners, half moons or shells."""
    kind = [*_KINDS][rng.integers(len(_KINDS))]
    n = int(rng.integers(*POOL)) + TEST
    made = require("sklearn.datasets", "sklearn", "training a policy")
    features, labels = _KINDS[kind](made, n, rng, int(rng.integers(2**31 - 1)))
    return _world(np.asarray(features), np.asarray(labels, dtype=np.int64), n - TEST, rng)


def _clouds(made: Any, n: int, rng: np.random.Generator, state: int) -> Any:
    centres, width = int(rng.integers(2, 6)), float(rng.uniform(1.0, 6.0))
    return made.make_blobs(n, int(rng.integers(2, 11)), centers=centres, cluster_std=width, random_state=state)


def _corners(made: Any, n: int, rng: np.random.Generator, state: int) -> Any:
    width, classes = int(rng.integers(5, 21)), int(rng.integers(2, 5))
    weights = rng.dirichlet(np.full(classes, 5.0))
    told = int(rng.integers(4, min(width, 8) + 1))
    return made.make_classification(
        n,
        width,
        n_informative=told,
        n_redundant=0,
        n_classes=classes,
        n_clusters_per_class=int(rng.integers(1, 3)),
        weights=weights.tolist(),
        flip_y=0.02,
        class_sep=float(rng.uniform(0.7, 2.0)),
        random_state=state,
    )


def _moons(made: Any, n: int, rng: np.random.Generator, state: int) -> Any:
    return made.make_moons(n, noise=float(rng.uniform(0.05, 0.4)), random_state=state)


def _shells(made: Any, n: int, rng: np.random.Generator, state: int) -> Any:
    classes = int(rng.integers(2, 4))
    features, labels = made.make_gaussian_quantiles(n_samples=n, n_features=2, n_classes=classes, random_state=state)
    return np.concatenate([features, features**2, features[:, :1] * features[:, 1:]], axis=1), labels


_KINDS: Mapping[str, Callable[[Any, int, np.random.Generator, int], Any]] = {
    "clouds": _clouds,
    "corners": _corners,
    "moons": _moons,
    "shells": _shells,
}


def _real(name: str) -> Source:
    """Worlds out of one data set: a random part to choose from, another to measure on."""
    pool, _ = data.load(name, test_share=0.0)
    if pool.labels is None or not pool.has_features:
        raise InputError(f"{name}: a policy is trained on items that have labels and features; these lack them.")
    kept = np.flatnonzero(np.asarray(pool.labels) >= 0)
    features = np.asarray(pool.fixed_features, dtype=np.float64)[kept]
    labels = np.asarray(pool.labels, dtype=np.int64)[kept]
    if len(kept) < LEAST or len(np.unique(labels)) < 2:
        raise InputError(
            f"{name} has {len(kept)} labeled items of {len(np.unique(labels))} class(es); a policy is "
            f"trained on {LEAST} or more, of two classes or more."
        )

    def draw(rng: np.random.Generator) -> World:
        order = rng.permutation(len(labels))[: POOL[1] + TEST]
        size = min(int(rng.integers(*POOL)), len(order) // 2)
        return _world(features[order], labels[order], size, rng)

    return draw


def _world(features: Floats, labels: Indices, size: int, rng: np.random.Generator) -> World:
    """The first items after a shuffle are the pool, the others measure; features are scaled by the pool's."""
    order = rng.permutation(len(labels))
    pool, test = order[:size], order[size:]
    if len(np.unique(labels[pool])) < 2:
        return _world(features, labels, size, rng)
    middle, width = features[pool].mean(axis=0), features[pool].std(axis=0)
    scaled = (features - middle) / np.where(width > 0, width, 1.0)
    classes = int(labels.max()) + 1
    best = Softmax.trained(scaled[pool], labels[pool], classes)
    right = float(np.mean(best.probs(scaled[test]).argmax(axis=1) == labels[test]))
    return World(scaled[pool], labels[pool], scaled[test], labels[test], classes, GOAL * right)
