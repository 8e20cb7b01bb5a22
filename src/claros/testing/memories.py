"""What every strategy that learns must do, beside what every strategy must: a suite to inherit.

::

    class TestMine(MemoryContract):
        def strategy(self):
            return mine                    # made by @claros.memory.learner, or claros.strategies.get("mine")

Run it with pytest, and `claros.testing.StrategyContract` as well: its first batch is one like any other.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from claros.errors import InputError
from claros.memory import Memory
from claros.strategy import Strategy, select
from claros.testing.examples import SIZES, example_inputs

__all__ = ["MemoryContract"]

#: Picks of a batch, and rounds.
K, ROUNDS = 8, 4


class MemoryContract(ABC):
    """The suite; a subclass says which strategy."""

    @abstractmethod
    def strategy(self) -> Strategy:
        """The strategy under test."""

    def inputs(self, round: int) -> dict[str, Any]:
        """What it is given in a round: made up from its needs, unless told otherwise."""
        strategy = self.strategy()
        return example_inputs((*strategy.needs, *strategy.optional), seed=round)

    def labels(self, round: int) -> list[int]:
        """The labels that come back for a round's batch."""
        return [int(code) for code in np.random.default_rng([round, 1]).integers(0, SIZES["C"], K)]

    def test_a_batch_is_of_candidates_each_one_once(self) -> None:
        """Also in later rounds, and when fewer are left than wanted."""
        memory = self.strategy().begin()
        for round in range(ROUNDS):
            for k in (K, SIZES["N"] + 3):
                picked = memory.select(k, **self.inputs(round))
                assert len(picked) == len({*picked.indices.tolist()}) == min(k, SIZES["N"])
                assert 0 <= picked.indices.min() <= picked.indices.max() < SIZES["N"]
                assert np.isfinite(picked.scores).all()
                assert picked.probabilities is None or ((picked.probabilities > 0) & (picked.probabilities <= 1)).all()
                assert len(memory.last) == len(picked)

    def test_no_candidate_gives_no_pick_and_teaches_nothing(self) -> None:
        """An empty pool is not an error."""
        memory = self.strategy().begin()
        before = memory.state()
        given = example_inputs(self.strategy().needs, {"N": 0})
        assert len(memory.select(3, n=0, **given)) == 0
        assert memory.state() == before

    def test_the_first_batch_is_that_of_the_strategy(self) -> None:
        """A new memory picks what `claros.select` picks from the same stream."""
        rngs = [np.random.default_rng(5) for _ in range(2)]
        once = select(self.strategy(), K, rng=rngs[0], **self.inputs(0))
        first = self.strategy().begin().select(K, rng=rngs[1], **self.inputs(0))
        assert np.array_equal(once.indices, first.indices)

    def test_it_goes_on_from_its_state_as_if_nothing_had_happened(self) -> None:
        """A state that went through JSON, taken between any two calls, leads to the same picks and the same state."""
        whole, again = self.strategy().begin(), self.strategy().begin()
        for round in range(ROUNDS):
            picked = whole.select(K, seed=3, **self.inputs(round))
            same = again.select(K, seed=3, **self.inputs(round))
            assert np.array_equal(picked.indices, same.indices), f"round {round}: {same.indices}, not {picked.indices}"
            again = self._through_json(again)
            for memory in (whole, again):
                memory.learn(self.labels(round))
            again = self._through_json(again)
            assert again.state() == whole.state()

    def _through_json(self, memory: Memory) -> Memory:
        fresh = self.strategy().begin()
        fresh.restore(json.loads(json.dumps(memory.state(), allow_nan=False)))
        return fresh

    def test_a_state_that_was_given_out_does_not_change(self) -> None:
        """Neither by what the memory learns afterwards, nor the memory by what is done to the state."""
        memory = self.strategy().begin()
        memory.select(K, **self.inputs(0))
        given = memory.state()
        kept = deepcopy(given)
        memory.learn(self.labels(0))
        memory.select(K, **self.inputs(1))
        assert given == kept
        now = memory.state()
        now["known"].clear()
        now["waiting"].clear()
        assert memory.state() != now

    def test_rounds_draw_from_streams_of_their_own(self) -> None:
        """The same seed gives the same rounds, and not the same draws in each of them."""
        runs = []
        for _ in range(2):
            memory = self.strategy().begin()
            runs.append([memory.select(K, seed=1, **self.inputs(0)).indices.tolist() for _ in range(6)])
        assert runs[0] == runs[1]
        assert len({tuple(picks) for picks in runs[0]}) > 1

    def test_labels_may_come_in_parts_and_late(self) -> None:
        """What has no label yet is waited for, over rounds; what was skipped for good is not."""
        memory = self.strategy().begin()
        memory.select(K, **self.inputs(0))
        first = [*memory.last]
        memory.learn([0, 1, *[None] * (K - 2)])
        assert memory.waiting == first[2:]
        memory.select(K, **self.inputs(1))
        memory.learn([2], [first[2]])
        memory.forget([first[3], 10**6])
        assert memory.waiting == [*first[4:], *memory.last]

    def test_nothing_said_is_nothing_learned(self) -> None:
        """A call without a label changes nothing."""
        memory = self.strategy().begin()
        memory.select(K, **self.inputs(0))
        before = memory.state()
        memory.learn([None] * K)
        memory.learn([], [])
        assert memory.state() == before

    def test_what_cannot_be_learned_is_refused(self) -> None:
        """Too few labels, one that is no class, one for a pick that is not waited for: nothing is learned of any."""
        memory = self.strategy().begin()
        memory.select(K, **self.inputs(0))
        before = memory.state()
        for labels, picks in (
            ([0] * (K - 1), None),
            ([0] * (K - 1) + [-1], None),
            ([0] * (K - 1) + ["a"], None),
            ([0.5] + [0] * (K - 1), None),
            ([0], [K + 5]),
        ):
            _refused(lambda labels=labels, picks=picks: memory.learn(labels, picks))  # type: ignore[misc]
            assert memory.state() == before
        memory.learn([0] * K)
        _refused(lambda: memory.learn([0] * K))

    def test_inputs_are_checked(self) -> None:
        """What is missing, unknown or damaged is an `InputError`, and no round."""
        memory = self.strategy().begin()
        before = memory.state()
        inputs = self.inputs(0)
        for name in self.strategy().needs:
            _refused(lambda name=name: memory.select(K, **{**inputs, name: None}), name)  # type: ignore[misc]
        _refused(lambda: memory.select(K, **inputs, no_such_name=1), "no_such_name")
        _refused(lambda: memory.select(0, **inputs), "k")
        assert memory.state() == before

    def test_what_is_no_state_of_this_strategy_is_refused(self) -> None:
        """A damaged state, a part of one, that of other parameters; the memory is as it was."""
        memory = self.strategy().begin()
        memory.select(K, **self.inputs(0))
        state = memory.state()
        for name in state:
            _refused(lambda name=name: memory.restore({key: state[key] for key in state if key != name}))  # type: ignore[misc]
        for name in state["known"]:
            known = {key: value for key, value in state["known"].items() if key != name}
            _refused(lambda known=known: memory.restore({**state, "known": known}))  # type: ignore[misc]
        _refused(lambda: memory.restore({**state, "strategy": {"name": "margin", "parameters": {}}}), "margin")
        assert memory.state() == state

    def test_shares_of_arms_add_up(self) -> None:
        """Of a strategy with arms: shares are in [0, 1] and sum to 1, values are finite."""
        memory = self.strategy().begin()
        for round in range(ROUNDS):
            memory.select(K, **self.inputs(round))
            memory.learn(self.labels(round))
            if memory.arms:
                shares = np.array([row["share"] for row in memory.arms])
                assert ((shares >= 0) & (shares <= 1)).all()
                assert abs(shares.sum() - 1) < 1e-9
                assert all(np.isfinite(row["value"]) for row in memory.arms)


def _refused(call: Callable[[], Any], word: str = "") -> None:
    """The call must raise an `InputError` that has the word."""
    said = None
    try:
        call()
    except InputError as error:
        said = str(error)
    assert said is not None, "an InputError was expected, and the call went through"
    assert word in said, f"the error does not name {word}: {said}"
