"""scikit-activeml: the strategies' ``query``, with a model that has predicted already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from skactiveml import pool
from skactiveml.base import SkactivemlClassifier
from skactiveml.utils import simple_batch

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]


def together(arrays: Arrays, kind: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Labeled rows, then the pool; their labels; and how many are labeled."""
    candidates = arrays[kind]
    labeled = arrays.get(f"labeled_{kind}", candidates[:0])
    labels = np.full(len(labeled) + len(candidates), np.nan)
    labels[: len(labeled)] = 0
    return np.vstack([labeled, candidates]), labels, len(labeled)


class Predicted(SkactivemlClassifier):
    """A model that has predicted already: the pool, and what is labeled if there are as many rows as that."""

    def __init__(self, tables: tuple[np.ndarray, ...] = (), classes: Any = None) -> None:
        super().__init__(classes=classes)
        self.tables = tables

    def fit(self, *_: object, **__: object) -> Predicted:
        return self

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return next(table for table in self.tables if len(table) == len(rows)).copy()


def model(arrays: Arrays) -> Predicted:
    tables = tuple(arrays[name] for name in ("probs", "labeled_probs") if name in arrays)
    return Predicted(tables, classes=list(range(arrays["probs"].shape[1])))


def of_scores(method: str) -> Callable[[Arrays, Settings], Call]:
    def routine(arrays: Arrays, settings: Settings) -> Call:
        probs, k = arrays["probs"], settings["k"]
        return lambda: simple_batch(pool.uncertainty_scores(probs, method=method), 0, batch_size=k)

    return routine


def bald(arrays: Arrays, settings: Settings) -> Call:
    members = np.ascontiguousarray(np.swapaxes(arrays["member_probs"], 0, 1))
    return lambda: simple_batch(pool.average_kl_divergence(members), 0, batch_size=settings["k"])


def batch_bald(arrays: Arrays, settings: Settings) -> Call:
    members = np.ascontiguousarray(np.swapaxes(arrays["member_probs"], 0, 1))

    def go() -> np.ndarray:
        utilities = pool.batch_bald(members.copy(), settings["k"], n_MC_samples=settings["samples"], random_state=0)
        return np.nanargmax(utilities, axis=1)

    return go


def of_rows(make: Callable[[Arrays, Settings], Any], kind: str) -> Callable[[Arrays, Settings], Call]:
    """A strategy that looks at rows alone."""

    def routine(arrays: Arrays, settings: Settings) -> Call:
        rows, labels, start = together(arrays, kind)
        return lambda: np.asarray(make(arrays, settings).query(rows, labels, batch_size=settings["k"])) - start

    return routine


def of_model(make: Callable[[], Any], keyword: str) -> Callable[[Arrays, Settings], Call]:
    """A strategy that looks at rows and at what a model says of them."""

    def routine(arrays: Arrays, settings: Settings) -> Call:
        rows, labels, start = together(arrays, "embeddings")
        fixed, k = model(arrays), settings["k"]
        return lambda: np.asarray(make().query(rows, labels, fixed, batch_size=k, **{keyword: False})) - start

    return routine


def prob_cover(arrays: Arrays, settings: Settings) -> Any:
    return pool.ProbCover(random_state=0, deltas=[settings["parameters"]["radius"]])


ROUTINES = {
    "entropy": of_scores("entropy"),
    "margin": of_scores("margin_sampling"),
    "bald": bald,
    "batch_bald": batch_bald,
    "badge": of_model(lambda: pool.Badge(random_state=0), "fit_clf"),
    "k_center": of_rows(lambda *_: pool.CoreSet(random_state=0), "embeddings"),
    "prob_cover": of_rows(prob_cover, "features"),
    "typiclust": of_rows(lambda *_: pool.TypiClust(random_state=0, k=20), "features"),
    "max_herding": of_rows(lambda *_: pool.MaxHerding(random_state=0), "features"),
    "clue": of_model(lambda: pool.Clue(random_state=0), "fit_estimator"),
    "cal": of_model(lambda: pool.ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 10}), "fit_clf"),
    "falcun": of_model(lambda: pool.Falcun(random_state=0), "fit_clf"),
}
