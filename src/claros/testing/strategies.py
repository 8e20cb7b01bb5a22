"""What every query strategy must do: a suite to inherit, for ours and for anyone's.

::

    class TestMine(StrategyContract):
        def strategy(self):
            return mine                    # made by @scorer or @strategy, or claros.strategies.get("mine")

Run it with pytest. Inputs are made up from what the strategy says it needs (`claros.testing.example_inputs`), so there
is nothing else to write; a strategy of which something cannot be asked says so by the attributes of `StrategyContract`.
"""

from __future__ import annotations

import importlib.util
import json
import math
import random
import tracemalloc
import unittest
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from claros import arrays, strategies
from claros.errors import InputError
from claros.inputs import NEEDS
from claros.strategy import Selection, Strategy, select
from claros.testing.examples import SIZES, alike, by_candidate, cast, damaged, example_inputs

__all__ = ["StrategyContract"]

#: Repetitions of the statistical tests, and how many standard deviations are too many: each comparison of a sound
#: strategy fails with probability 6e-7. Seeds are fixed, so that a result does not change from run to run.
REPEATS, TOO_MANY = 200, 5.0


class StrategyContract(ABC):
    """The suite; a subclass says which strategy, and what cannot be asked of it."""

    #: False where a batch is made for its size, so that a smaller one is not the beginning of a larger one.
    nested = True
    #: Bytes that a call may take: so many times its inputs, and 4 MiB.
    memory_factor = 4.0
    #: Repetitions of the statistical tests; fewer for a strategy that trains networks.
    repeats = REPEATS
    #: More candidates are refused; None where any number is taken.
    most_candidates: int | None = None

    @abstractmethod
    def strategy(self) -> Strategy:
        """The strategy under test."""

    def preferred(self) -> tuple[dict[str, Any], int] | None:
        """The strategy's direction: inputs, and the one item that must then be picked first; None if there is none.

        Where predictions are needed: items alike in all but that the model is unsure of one.
        """
        needs = self.strategy().needs
        inputs = {name: alike(name, value) for name, value in self._inputs().items()}
        place = SIZES["N"] // 2
        sure, unsure = np.array([0.97, 0.01, 0.01, 0.01]), np.array([0.4, 0.35, 0.15, 0.1])
        if "probs" in needs:
            inputs["probs"][:] = sure
            inputs["probs"][place] = unsure
        if "member_probs" in needs:
            inputs["member_probs"][:] = sure
            inputs["member_probs"][place, ::2] = np.roll(sure, 1)
        return (inputs, place) if {"probs", "member_probs"} & set(needs) else None

    def test_it_is_documented(self) -> None:
        """Summary, cost, advice and reference are there, and its inputs are in the vocabulary."""
        strategy = self.strategy()
        for what in ("name", "summary", "documentation", "reference", "cost", "advice"):
            assert getattr(strategy, what).strip(), f"{strategy.name} has no {what}"
        unknown = {*strategy.needs, *strategy.optional} - set(NEEDS)
        assert not unknown, f"{strategy.name} needs what NEEDS does not know: {unknown}"

    def test_its_specification_survives_json(self) -> None:
        """The same strategy comes back from its specification, and picks the same."""
        strategy = self.strategy()
        spec = json.loads(json.dumps(strategy.spec(), allow_nan=False))
        known = "(" in spec["name"] or spec["name"] in strategies.REGISTRY
        again = strategies.from_spec(spec) if known else strategy.configure(**spec["parameters"])
        assert again == strategy
        inputs = self._inputs()
        _same(_run(again, 10, inputs), _run(strategy, 10, inputs), "the strategy of the specification")

    def test_picks_are_candidates_each_one_once(self) -> None:
        """Exactly min(k, N) positions, whatever k, with and without optional and labeled inputs."""
        for inputs in self._variants():
            for k in (1, 2, SIZES["N"] // 2, SIZES["N"] - 1, SIZES["N"], SIZES["N"] + 7):
                self._check(_run(self.strategy(), k, inputs), k, SIZES["N"])

    def test_a_single_item_class_feature_or_member_is_enough(self) -> None:
        """Every axis may have length 1, and all of them at once."""
        for axes in ("N", "C", "D", "F", "S", "L", "NL", "".join(SIZES)):
            sizes = {**SIZES, **dict.fromkeys(axes, 1)}
            for inputs in self._variants(sizes):
                for k in (1, 3, 100):
                    self._check(_run(self.strategy(), k, inputs, sizes["N"]), k, sizes["N"])

    def test_no_candidate_gives_no_pick(self) -> None:
        """An empty pool is not an error."""
        inputs = example_inputs(self.strategy().needs, {"N": 0})
        self._check(_run(self.strategy(), 3, inputs, 0), 3, 0)

    def test_a_smaller_batch_is_the_beginning_of_a_larger_one(self) -> None:
        """Picks come in the order picked."""
        inputs = self._inputs()
        large = _run(self.strategy(), 20, inputs)
        for k in (1, 3, 19) if self.nested else ():
            small = _run(self.strategy(), k, inputs).indices
            assert np.array_equal(small, large.indices[:k]), f"{self._name} with k={k}: {small}, then {large.indices}"

    def test_the_item_that_must_come_first_does(self) -> None:
        """The direction is right: higher scores are labeled sooner."""
        example = self.preferred()
        for seed in range(5) if example else ():
            inputs, place = example or ({}, 0)
            picked = _run(self.strategy(), 1, inputs, seed=seed).indices[0]
            assert picked == place, f"{self._name} picks {picked} first, and must pick {place}"

    def test_the_same_seed_gives_the_same_picks(self) -> None:
        """Also after other calls, and other seeds give other picks where the strategy draws."""
        inputs, other = self._inputs(), self._inputs(seed=1)
        first = _run(self.strategy(), 5, inputs, seed=3)
        _run(self.strategy(), 5, other, seed=4)
        _same(_run(self.strategy(), 5, inputs, seed=3), first, "the same call")
        if self.strategy().stochastic:
            seen = {tuple(_run(self.strategy(), 5, inputs, seed=seed).indices) for seed in range(5)}
            assert len(seen) > 1, f"{self._name} draws, and picks the same for 5 seeds"

    def test_global_random_states_are_left_alone(self) -> None:
        """Python's, NumPy's and torch's global generators are neither drawn from nor seeded."""
        before = _random_states()
        _run(self.strategy(), 7, self._inputs())
        assert _random_states() == before

    def test_inputs_are_only_read(self) -> None:
        """Arrays that cannot be written are enough, and none is changed."""
        for inputs in self._variants():
            before = {name: np.array(value) for name, value in inputs.items()}
            for value in inputs.values():
                if isinstance(value, np.ndarray):
                    value.flags.writeable = False
            _run(self.strategy(), 9, inputs)
            for name, value in before.items():
                assert np.array_equal(inputs[name], value), f"{self._name} changes {name}"

    def test_lists_are_as_good_as_arrays(self) -> None:
        """Nested lists of numbers are taken for what they hold."""
        inputs = self._inputs()
        lists = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
        _same(_run(self.strategy(), 9, lists), _run(self.strategy(), 9, inputs), "the call with lists")

    def test_the_order_of_the_candidates_does_not_matter(self) -> None:
        """The same items are picked from a shuffled pool: each time, or as often where the strategy draws."""
        strategy, size = self.strategy(), 6 if self.strategy().stochastic else 203
        inputs = example_inputs(self._all_needs(), {"N": size})
        order = np.random.default_rng(9).permutation(size)
        shuffled = {name: value[order] if by_candidate(name) else value for name, value in inputs.items()}
        if not strategy.stochastic:
            picks, again = (_run(strategy, 20, given, size).indices for given in (inputs, shuffled))
            assert np.array_equal(order[again], picks), f"{self._name} depends on the order: {order[again]}, {picks}"
            return
        counts = np.zeros((2, size))
        for seed in range(self.repeats):
            counts[0, _run(strategy, 2, inputs, size, seed=seed).indices] += 1
            counts[1, order[_run(strategy, 2, shuffled, size, seed=self.repeats + seed).indices]] += 1
        share = counts.mean(axis=0) / self.repeats
        allowed = TOO_MANY * np.sqrt(2 * share * (1 - share) / self.repeats)
        worst = np.max(np.abs(counts[0] - counts[1]) / self.repeats - allowed)
        assert worst <= 0, f"{self._name} depends on the order; of {self.repeats}: {counts.tolist()}"

    def test_ties_are_broken_without_regard_to_position(self) -> None:
        """Of items that are all alike each is as likely as any other, at the first place and in the batch."""
        size, k = 6, 2
        inputs = {name: alike(name, value) for name, value in example_inputs(self._all_needs(), {"N": size}).items()}
        first, batch = np.zeros(size), np.zeros(size)
        for seed in range(self.repeats):
            picks = _run(self.strategy(), k, inputs, size, seed=seed).indices
            first[picks[0]] += 1
            batch[picks] += 1
        for counts, share in ((first, 1 / size), (batch, k / size)):
            allowed = TOO_MANY * math.sqrt(share * (1 - share) / self.repeats)
            worst = np.max(np.abs(counts / self.repeats - share))
            assert worst <= allowed, f"{self._name} has favourites among ties: {counts.tolist()} of {self.repeats}"

    def test_the_size_of_blocks_does_not_matter(self) -> None:
        """Work in blocks of a few rows, the last one short, gives the same picks as in one block."""
        inputs = example_inputs(self._all_needs(), {"N": 203})
        whole = _run(self.strategy(), 20, inputs, 203)
        for size in (1 << 9, 1 << 11):
            with _blocks_of(size):
                _same(_run(self.strategy(), 20, inputs, 203), whole, f"the call in blocks of {size} bytes")

    def test_certain_predictions_are_no_special_case(self) -> None:
        """Zero probabilities and one-hot rows, all of them or some, give finite scores and no warning."""
        for share in (0.3, 1.0):
            inputs = self._inputs()
            for name, value in inputs.items():
                if NEEDS[name].kind == "probabilities":
                    hard = np.eye(value.shape[-1])[np.argmax(value, axis=-1)]
                    rows = int(share * len(value)) if value.ndim > 1 else 0
                    value[:rows] = hard[:rows]
            self._check(_run(self.strategy(), 25, inputs), 25, SIZES["N"])

    def test_near_duplicates_far_from_the_origin_are_no_special_case(self) -> None:
        """Float32 vectors of which half are all but equal to labeled ones, where squares lose all their digits."""
        rng = np.random.default_rng(2)
        inputs = self._inputs()
        pool = 50 + 20 * rng.normal(size=(SIZES["N"], SIZES["D"]))
        pool[::2] = pool[1] + 1e-4 * rng.normal(size=pool[::2].shape)
        for name, value in inputs.items():
            if NEEDS[name].axes[-1:] in (("D",), ("F",)) and NEEDS[name].axes[0] in "NL":
                inputs[name] = pool[: len(value)]
        single = {name: cast(value, np.float32) for name, value in inputs.items()}
        self._check(_run(self.strategy(), SIZES["N"], single), SIZES["N"], SIZES["N"])

    def test_float32_picks_as_float64_does(self) -> None:
        """The same numbers in half the digits give the same picks where the gaps are not tiny."""
        for seed in range(3):
            single = {name: cast(value, np.float32) for name, value in self._inputs(seed=seed).items()}
            double = {name: cast(value, np.float64) for name, value in single.items()}
            few, many = _run(self.strategy(), 20, single), _run(self.strategy(), 20, double)
            _same(few, many, "the call in float32", 1e-3)

    def test_torch_picks_as_numpy_does(self) -> None:
        """Tensors, also such that carry gradients, give the same picks as arrays, and NumPy positions."""
        if importlib.util.find_spec("torch") is None:
            raise unittest.SkipTest("torch is not installed")
        import torch

        for seed in range(3):
            inputs = self._inputs(seed=seed)
            tensors = {
                name: torch.tensor(value, requires_grad=value.dtype.kind == "f")
                if isinstance(value, np.ndarray)
                else value
                for name, value in inputs.items()
            }
            picked = _run(self.strategy(), 20, tensors)
            self._check(picked, 20, SIZES["N"])
            _same(picked, _run(self.strategy(), 20, inputs), "the call with tensors", 1e-9)

    def test_damaged_inputs_are_refused(self) -> None:
        """NaN, infinity, rows that do not sum to 1 and negative codes are an `InputError` that names the input."""
        for name in self._all_needs():
            for wrong in damaged(name):
                inputs = {**example_inputs(self._all_needs()), name: wrong}
                assert name in self._refusal(inputs)

    def test_what_is_missing_or_unknown_is_named(self) -> None:
        """An input that is not given and a parameter that does not exist are an `InputError` that says so."""
        inputs = self._inputs()
        for name in self.strategy().needs:
            rest = {other: value for other, value in inputs.items() if other != name}
            assert name in self._refusal(rest)
        assert "no_such_name" in self._refusal({**inputs, "no_such_name": 1})

    def test_no_array_grows_with_the_square_of_the_pool(self) -> None:
        """Neither N x N nor N x C·D numbers are ever held; what holds them refuses a pool of 4,000."""
        sizes = {"N": 4000, "C": 20, "D": 30, "F": 30}
        inputs, few = (example_inputs(self._all_needs(), {**sizes, "N": n}) for n in (sizes["N"], 100))
        if self.most_candidates is not None:
            with _refused(f"{self._name} takes {sizes['N']} candidates, more than {self.most_candidates}"):
                _run(self.strategy(), 20, inputs, sizes["N"])
            return
        held = sum(value.nbytes for value in inputs.values() if isinstance(value, np.ndarray))
        _run(self.strategy(), 5, few, 100)  # imports are not counted
        tracemalloc.start()
        try:
            _run(self.strategy(), 5, inputs, sizes["N"])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        allowed = self.memory_factor * held + (1 << 22)
        assert peak <= allowed, f"{self._name} takes {peak / 2**20:.1f} MiB, more than {allowed / 2**20:.1f}"

    @property
    def _name(self) -> str:
        return self.strategy().name

    def _all_needs(self) -> tuple[str, ...]:
        return (*self.strategy().needs, *self.strategy().optional)

    def _inputs(self, seed: int = 0) -> dict[str, Any]:
        return example_inputs(self._all_needs(), seed=seed)

    def _variants(self, sizes: Mapping[str, int] = SIZES) -> Iterator[dict[str, Any]]:
        """What must be given alone; with all that may be given; with nothing labeled yet."""
        strategy = self.strategy()
        yield example_inputs(strategy.needs, sizes)
        if strategy.optional:
            yield example_inputs(self._all_needs(), sizes)
        if any("L" in NEEDS[name].axes for name in self._all_needs()):
            yield example_inputs(self._all_needs(), {**sizes, "L": 0})

    def _refusal(self, inputs: Mapping[str, Any]) -> str:
        """The message of the `InputError` that the call must raise."""
        try:
            _run(self.strategy(), 3, inputs)
        except InputError as error:
            return str(error)
        raise AssertionError(f"{self._name}: an InputError was expected, and the call went through")

    def _check(self, selection: Selection, k: int, n: int) -> None:
        """A selection is what it promises to be."""
        indices, scores = selection.indices, selection.scores
        assert isinstance(indices, np.ndarray), f"{self._name} returns {type(indices)}"
        assert indices.dtype == np.int64, f"{self._name} returns positions as {indices.dtype}"
        assert indices.shape == scores.shape == (min(k, n),), f"{self._name} picks {indices.shape} for k={k} of {n}"
        assert len(set(indices.tolist())) == len(indices), f"{self._name} picks an item twice: {indices}"
        assert not len(indices) or 0 <= indices.min() <= indices.max() < n, f"{self._name} leaves the pool: {indices}"
        assert np.isfinite(scores).all(), f"{self._name} gives scores that are not finite: {scores}"
        assert len(selection.reasons) == len(indices)
        if selection.probabilities is not None:
            assert selection.probabilities.shape == scores.shape
            assert ((selection.probabilities > 0) & (selection.probabilities <= 1)).all(), selection.probabilities
        if self.strategy().scores_items:
            everything = selection.all_scores
            assert everything is not None
            assert everything.shape == (n,)
            assert np.array_equal(everything[indices], scores)
            assert np.array_equal(np.sort(everything)[::-1][: len(indices)], scores), "the highest scores come first"


def _run(strategy: Strategy, k: int, inputs: Mapping[str, Any], n: int = SIZES["N"], *, seed: int = 0) -> Selection:
    return select(strategy, k, seed=seed, n=n, **inputs)


def _same(got: Selection, expected: Selection, what: str, tolerance: float = 1e-12) -> None:
    assert np.array_equal(got.indices, expected.indices), f"{what} picks {got.indices}, not {expected.indices}"
    assert np.allclose(got.scores, expected.scores, rtol=tolerance, atol=tolerance), f"{what} scores otherwise"


def _random_states() -> str:
    # the global generators are looked at here and nowhere else, to show that strategies do not
    states: list[Any] = [random.getstate(), np.random.get_state(legacy=False)]  # noqa: NPY002
    if importlib.util.find_spec("torch") is not None:
        import torch

        states.append(torch.random.get_rng_state().tolist())
    return repr(states)


@contextmanager
def _refused(otherwise: str) -> Iterator[None]:
    """The block must raise an `InputError`."""
    try:
        yield
    except InputError:
        return
    raise AssertionError(otherwise)


@contextmanager
def _blocks_of(size: int) -> Iterator[None]:
    """Make the blocks of rows that strategies work in so small that a small pool has many."""
    before = arrays.BLOCK_BYTES
    arrays.BLOCK_BYTES = size
    try:
        yield
    finally:
        arrays.BLOCK_BYTES = before
