"""faiss: k-means as it comes (at most 256 points a centre, 25 iterations), and the item nearest to each centre."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]


def kmeans(arrays: Arrays, settings: Settings) -> Call:
    points = arrays["embeddings"]

    def go() -> np.ndarray:
        clusters = faiss.Kmeans(points.shape[1], settings["k"], seed=0)
        clusters.train(points)
        index = faiss.IndexFlatL2(points.shape[1])
        index.add(points)
        return index.search(clusters.centroids, 1)[1][:, 0]

    return go


def typiclust(arrays: Arrays, settings: Settings) -> Call:
    """As the method's authors do: scikit-learn's clusters, and faiss for the neighbours inside a cluster."""
    from sklearn.cluster import KMeans, MiniBatchKMeans

    points, k = arrays["features"], settings["k"]
    labeled = arrays["labeled_features"]
    rows = np.concatenate([labeled, points])
    number = min(len(labeled) + k, 500)

    def typical(inside: np.ndarray) -> int:
        index = faiss.IndexFlatL2(rows.shape[1])
        index.add(rows[inside])
        squares = index.search(rows[inside], 1 + min(20, len(inside) // 2))[0][:, 1:]
        return int(inside[np.argmin(squares.mean(axis=1))])

    def go() -> np.ndarray:
        few = number <= 50
        make = KMeans(number, random_state=0) if few else MiniBatchKMeans(number, batch_size=5000, random_state=0)
        members = make.fit_predict(rows)
        sizes = np.bincount(members, minlength=number)
        known = np.bincount(members[: len(labeled)], minlength=number)
        order = [c for c in np.lexsort((-sizes, known)) if sizes[c] > 5]
        members[: len(labeled)] = -1
        picks: list[int] = []
        for turn in range(k):
            inside = np.flatnonzero(members == order[turn % len(order)])
            if len(inside) > 1:
                picks.append(typical(inside))
                members[picks[-1]] = -1
        return np.array(picks) - len(labeled)

    return go


ROUTINES = {"kmeans": kmeans, "typiclust": typiclust}
