"""Every strategy that keeps a memory passes the public suite; a flawed one does not."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from claros import strategies
from claros.errors import ClarosError, InputError
from claros.memory import Choice, Json, Memory, learner
from claros.pick import Picked
from claros.strategy import Strategy
from claros.testing import MemoryContract

LEARNING = [name for name in strategies.names() if strategies.get(name).learner is not None]
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "tailor": [{"reward": "surprise"}, {"reward": "mixture", "arms": ["margin", "badge(temperature=2.0)"]}],
    "albl": [{"arms": ["entropy", "margin"], "clip": 1.0, "horizon": 20}],
    "exp3": [{"gamma": 1.0}],
}


def suite(name: str, parameters: dict[str, Any]) -> type[MemoryContract]:
    def strategy(self: MemoryContract) -> Strategy:
        return strategies.get(name, **parameters)

    title = "_".join(["Test", name, *map(str, parameters.values())])
    return type(title, (MemoryContract,), {"strategy": strategy})


for _name in LEARNING:
    for _parameters in ({}, *VARIANTS.get(_name, [])):
        _suite = suite(_name, _parameters)
        globals()[_suite.__name__] = _suite


def test_the_bandits_are_among_those_that_learn() -> None:
    assert {"tailor", "albl", "exp3"} <= set(LEARNING)


class Counts:
    """Counts labels in a number of its own, which no state has."""

    parameters: ClassVar[dict[str, Any]] = {}
    needs = ("probs",)
    optional = ()

    def __init__(self) -> None:
        self.seen = 0

    def fresh(self) -> Json:
        return {}

    def choose(self, k: int, n: int, inputs: Any, rng: np.random.Generator, known: Json) -> Choice:
        return Choice(Picked((np.arange(k) + self.seen) % n, np.zeros(k)), [{}] * k, known)

    def learned(self, known: Json, answers: Any) -> Json:
        self.seen += len(answers)
        return known


@learner(reference="nobody")
def forgetful() -> Counts:
    """Pick what comes next."""
    return Counts()


class Flawed(MemoryContract):
    def strategy(self) -> Strategy:
        return forgetful


def test_the_suite_finds_what_is_kept_outside_the_state() -> None:
    with pytest.raises(AssertionError, match="round 1"):
        Flawed().test_it_goes_on_from_its_state_as_if_nothing_had_happened()


def test_a_strategy_without_memory_says_how_to_use_it() -> None:
    with pytest.raises(InputError, match=r"margin keeps no memory between rounds: pick with claros\.select\('margin'"):
        strategies.get("margin").begin()


def test_a_wrapper_that_would_lose_the_memory_is_refused() -> None:
    with pytest.raises(InputError, match="cannot wrap tailor, whose memory it would lose"):
        strategies.get("prefilter(margin, tailor)")


def test_a_learner_takes_parameters_with_defaults_only() -> None:
    def asks(*, probs: Any) -> Counts:
        return Counts()

    with pytest.raises(ClarosError, match="must take parameters with defaults and nothing else"):
        learner(reference="nobody")(asks)


def test_the_stream_of_a_round_is_its_number_also_after_a_restore() -> None:
    memory = strategies.get("tailor", arms=["random", "margin"]).begin()
    given = {"probs": np.full((50, 2), 0.5), "labels": [0, 1]}
    memory.select(5, seed=4, **given)
    fresh: Memory = strategies.get("tailor", arms=["random", "margin"]).begin()
    fresh.restore(memory.state())
    assert np.array_equal(fresh.select(5, seed=4, **given).indices, memory.select(5, seed=4, **given).indices)
