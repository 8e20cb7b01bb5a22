"""small-text: the query strategies' own functions, with a model that has predicted already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from small_text.query_strategies import coresets, strategies

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]


class Fixed:
    """A model that has predicted already."""

    def __init__(self, probs: np.ndarray) -> None:
        self.probs = probs

    def predict_proba(self, _: object, **__: object) -> np.ndarray:
        return self.probs


def ranked(strategy: Callable[[], Any], kind: str = "probs") -> Callable[[Arrays, Settings], Call]:
    """A strategy that ranks by what a model says."""

    def routine(arrays: Arrays, settings: Settings) -> Call:
        n, fixed = len(arrays[kind]), Fixed(arrays[kind])
        everything, nothing = np.arange(n), np.arange(0)
        return lambda: strategy().query(fixed, everything, everything, nothing, nothing, n=settings["k"])

    return routine


def bald() -> Any:
    from small_text.query_strategies.bayesian import BALD

    return BALD()


def badge(arrays: Arrays, settings: Settings) -> Call:
    from small_text.integrations.pytorch.query_strategies.strategies import BADGE

    probs, points = arrays["probs"], arrays["embeddings"]
    strategy, everything = BADGE(probs.shape[1]), np.arange(len(points))
    none, k = everything[:0], settings["k"]
    return lambda: strategy.sample(None, None, everything, none, none, k, points, embeddings_proba=probs)


def k_center(arrays: Arrays, settings: Settings) -> Call:
    # Unlabeled rows first: this function takes its own picks for positions in the whole array.
    points, k = arrays["embeddings"], settings["k"]
    rows, n = np.vstack([points, arrays["labeled_embeddings"]]), len(points)
    known = np.arange(n, len(rows))
    return lambda: coresets.greedy_coreset(rows, np.arange(n), known, k, distance_metric="euclidean")


def kmeans(arrays: Arrays, settings: Settings) -> Call:
    points, strategy = arrays["embeddings"], strategies.EmbeddingKMeans(normalize=False)
    everything = np.arange(len(points))
    return lambda: strategy.sample(None, None, everything, everything[:0], None, settings["k"], points)


def kappa(arrays: Arrays, settings: Settings) -> Call:
    from small_text.stopping_criteria.kappa import _adapted_cohen_kappa_score

    return lambda: [round(float(_adapted_cohen_kappa_score(arrays["first"], arrays["second"])), 8)]


ROUTINES = {
    "entropy": ranked(strategies.PredictionEntropy),
    "margin": ranked(strategies.BreakingTies),
    "bald": ranked(bald, "member_probs"),
    "badge": badge,
    "k_center": k_center,
    "kmeans": kmeans,
    "kappa": kappa,
}
