"""scikit-learn: clusters, and the item nearest to each centre; hierarchical clustering; kappa."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans, MiniBatchKMeans
from sklearn.metrics import cohen_kappa_score, pairwise_distances_argmin

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]


def entropies(probs: np.ndarray) -> np.ndarray:
    return -np.sum(probs * np.log(np.maximum(probs, 1e-30)), axis=1)


def clusters(make: Callable[[int], Any], weighted: bool = False) -> Callable[[Arrays, Settings], Call]:
    """The item nearest to each centre."""

    def routine(arrays: Arrays, settings: Settings) -> Call:
        points = arrays["embeddings"]

        def go() -> np.ndarray:
            weights = entropies(arrays["probs"]) if weighted else None
            centres = make(settings["k"]).fit(points, sample_weight=weights).cluster_centers_
            return pairwise_distances_argmin(centres, points)

        return go

    return routine


def prefiltered(arrays: Arrays, settings: Settings) -> Call:
    """Weighted clusters of the ten times as many that margin ranks highest."""
    points, probs, k = arrays["embeddings"], arrays["probs"], settings["k"]

    def go() -> np.ndarray:
        two = np.partition(probs, -2, axis=1)[:, -2:]
        kept = np.argpartition(two[:, 1] - two[:, 0], 10 * k)[: 10 * k]
        weights = entropies(probs[kept])
        centres = KMeans(k, n_init=1, random_state=0).fit(points[kept], sample_weight=weights).cluster_centers_
        return kept[pairwise_distances_argmin(centres, points[kept])]

    return go


def hac(arrays: Arrays, settings: Settings) -> Call:
    """The clustering that Cluster-Margin needs, average linkage, and nothing of the rest."""
    points, k = arrays["features"], settings["k"]

    def go() -> list[int]:
        AgglomerativeClustering(k, linkage="average").fit(points)
        return []

    return go


def kappa(arrays: Arrays, settings: Settings) -> Call:
    return lambda: [round(float(cohen_kappa_score(arrays["first"], arrays["second"])), 8)]


ROUTINES = {
    "kmeans": clusters(lambda k: KMeans(k, n_init=1, random_state=0)),
    "minibatch": clusters(lambda k: MiniBatchKMeans(k, n_init=1, random_state=0)),
    "clue": clusters(lambda k: KMeans(k, n_init=1, random_state=0), weighted=True),
    "prefiltered": prefiltered,
    "hac": hac,
    "kappa": kappa,
}
