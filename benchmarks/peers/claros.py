"""Claros itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import claros
from claros.inputs import NEEDS, Inputs
from claros.measures.agreement import cohen_kappa
from claros.measures.nearest import nearest_distance
from claros.strategy import Strategy

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]

#: Rows that a strategy sees before the clock starts, so that its modules are imported as the peers' are.
FEW = 64


def chosen(arrays: Arrays, settings: Settings) -> tuple[Strategy, Arrays]:
    """The case's strategy and the inputs that it takes."""
    strategy = claros.strategies.get(settings["strategy"], **settings["parameters"])
    given = {name: arrays[name] for name in (*strategy.needs, *strategy.optional) if name in arrays}
    few = {name: array[:FEW] if NEEDS[name].axes[0] == "N" else array for name, array in given.items()}
    claros.select(strategy, 2, **few)
    return strategy, given


def select(arrays: Arrays, settings: Settings) -> Call:
    """As anybody calls it, with the check of the inputs."""
    strategy, given = chosen(arrays, settings)
    return lambda: claros.select(strategy, settings["k"], rng=np.random.default_rng(0), **given).indices


def kernel(arrays: Arrays, settings: Settings) -> Call:
    """On inputs that have been checked."""
    strategy, given = chosen(arrays, settings)
    inputs = Inputs(given, strategy.needs, strategy.optional, who=strategy.name)
    return lambda: strategy.select(settings["k"], inputs, np.random.default_rng(0)).indices


def door(arrays: Arrays, settings: Settings) -> Call:
    """The check alone."""
    strategy, given = chosen(arrays, settings)

    def check() -> list[int]:
        Inputs(given, strategy.needs, strategy.optional, who=strategy.name)
        return []

    return check


def rounds(arrays: Arrays, settings: Settings) -> tuple[Strategy, Arrays, Arrays, np.ndarray]:
    """A first round done: the strategy, its inputs, those of the second round, and distances kept from the first."""
    strategy, first = chosen(arrays, settings)
    picks = claros.select(strategy, settings["k"], rng=np.random.default_rng(0), **first).indices
    left = np.delete(np.arange(len(first["embeddings"])), picks)
    labeled = np.concatenate([first["labeled_embeddings"], first["embeddings"][picks]])
    second = {"embeddings": first["embeddings"][left], "labeled_embeddings": labeled}
    return strategy, first, second, nearest_distance(second["embeddings"], first["labeled_embeddings"])


def first_round(arrays: Arrays, settings: Settings) -> Call:
    """The round before the second one."""
    return select(arrays, settings)


def second_round(arrays: Arrays, settings: Settings) -> Call:
    """Distances kept from the first round, brought up to date by its picks, and then the batch."""
    strategy, _, second, kept = rounds(arrays, settings)

    def go() -> np.ndarray:
        fresh = second["labeled_embeddings"][-settings["k"] :]
        nearest = nearest_distance(second["embeddings"], fresh, kept)
        given = {**second, "nearest_labeled_distance": nearest}
        return claros.select(strategy, settings["k"], rng=np.random.default_rng(0), **given).indices

    return go


def not_kept(arrays: Arrays, settings: Settings) -> Call:
    """The second round with nothing kept: the picks must be the same."""
    strategy, _, second, _ = rounds(arrays, settings)
    return lambda: claros.select(strategy, settings["k"], rng=np.random.default_rng(0), **second).indices


def kappa(arrays: Arrays, settings: Settings) -> Call:
    """Cohen's kappa of two predictions, to eight digits."""
    return lambda: [round(cohen_kappa(arrays["first"], arrays["second"]), 8)]


ROUTINES = {
    "select": select,
    "kernel": kernel,
    "door": door,
    "first_round": first_round,
    "second_round": second_round,
    "not_kept": not_kept,
    "kappa": kappa,
}
