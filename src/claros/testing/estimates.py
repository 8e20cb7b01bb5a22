"""What every estimate must do: a suite to inherit, for ours and for anyone's.

::

    class TestMyEstimate(EstimateContract):
        def estimator(self):
            return my_estimate                       # made by @estimator, or claros.estimate.get("mine")

        def simulate(self, rng):
            truth = rng.uniform(0.1, 0.9)
            return {"correct": rng.random(80) < truth}, truth

Run it with pytest. The simulated draws are a world in which the estimate's assumptions hold; what it covers there is
compared with what it says.
"""

from __future__ import annotations

import copy
import doctest
import json
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from claros.errors import InputError
from claros.estimate import Estimate, Estimator

__all__ = ["EstimateContract"]

#: Simulated draws, and standard deviations that a sound estimate's coverage may lack by chance: fails once in 740.
DRAWS, TOO_FAR = 1000, 3.0


class EstimateContract(ABC):
    """The suite; a subclass says which estimate, and makes up worlds with a known truth."""

    #: How far below its level the estimate's documentation admits that it covers, in shares: 0.03 is 3 points.
    admitted = 0.0
    #: Arguments that may be negative, or left out of the tests of bad values for another reason.
    unchecked: tuple[str, ...] = ()

    @abstractmethod
    def estimator(self) -> Estimator:
        """The estimate under test."""

    @abstractmethod
    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        """Arguments drawn at random, and the true value that the estimate should cover."""

    def test_it_is_documented(self) -> None:
        """Name, summary, reference and what the interval covers are there; its examples run."""
        estimator = self.estimator()
        for what in ("name", "summary", "documentation", "reference", "interval"):
            assert getattr(estimator, what).strip(), f"{estimator.name} has no {what}"
        names = {**estimator.function.__globals__, estimator.name: estimator}
        examples = doctest.DocTestParser().get_doctest(estimator.documentation, names, estimator.name, None, 0)
        failed = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples)
        assert not failed.failed, f"{failed.failed} of {failed.attempted} examples of {estimator.name} fail"

    def test_estimates_are_plain_and_complete(self) -> None:
        """Finite Python numbers with low <= value <= high, the level that was asked for, a method, a count."""
        for level in (0.5, 0.8, 0.95):
            for inputs, _ in self._worlds(5):
                self._check(self._estimate(inputs, level=level), level)

    def test_a_level_is_a_parameter_and_more_of_it_is_wider(self) -> None:
        """The interval of a lower level lies within that of a higher one, and is narrower over several worlds."""
        widths = []
        for inputs, _ in self._worlds(5):
            narrow, wide = (self._estimate(inputs, level=level) for level in (0.5, 0.95))
            assert wide.low <= narrow.low <= narrow.high <= wide.high, f"{narrow} is not within {wide}"
            assert narrow.value == wide.value, "the value depends on the level"
            widths.append((narrow.high - narrow.low, wide.high - wide.low))
        assert sum(narrow for narrow, _ in widths) < sum(wide for _, wide in widths)
        for level in (0.0, 1.0, -0.1, math.nan):
            assert "level" in self._refusal({**self._inputs, "level": level})

    def test_it_covers_the_truth_as_often_as_it_says(self) -> None:
        """Over 1,000 simulated worlds, less what the documentation admits, less chance."""
        level, covered = 0.8, 0
        for inputs, truth in self._worlds(DRAWS):
            estimate = self._estimate(inputs, level=level)
            slack = 1e-9 * max(1.0, abs(truth))
            covered += estimate.low - slack <= truth <= estimate.high + slack
        promised = level - self.admitted
        least = promised - TOO_FAR * math.sqrt(promised * (1 - promised) / DRAWS)
        assert covered / DRAWS >= least, (
            f"{self.estimator().name} covers {covered} of {DRAWS} at {level}; it says {promised:.3f}, and chance "
            f"allows no less than {least:.3f}"
        )

    def test_arguments_are_only_read(self) -> None:
        """Arrays that cannot be written are enough, and none is changed."""
        inputs = copy.deepcopy(self._inputs)
        for value in inputs.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        estimate = self._estimate(inputs)
        assert all(np.array_equal(inputs[name], value) for name, value in self._inputs.items())
        assert estimate == self._estimate(self._inputs)

    def test_lists_are_as_good_as_arrays(self) -> None:
        """Plain Python lists give the same estimate."""
        lists = {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in self._inputs.items()
        }
        assert self._estimate(lists) == self._estimate(self._inputs)

    def test_the_same_seed_gives_the_same_estimate(self) -> None:
        """Twice, and with a generator of the same state; another seed may move the interval, never the value."""
        estimator, inputs = self.estimator(), self._inputs
        assert estimator(**inputs, seed=3) == estimator(**inputs, seed=3)
        one, other = (estimator(**inputs, rng=np.random.default_rng(5)) for _ in range(2))
        assert one == other
        assert one.value == estimator(**inputs, seed=3).value
        assert "seed= or rng=" in self._refusal({**inputs, "seed": 0, "rng": np.random.default_rng(0)})

    def test_global_random_states_are_left_alone(self) -> None:
        """Neither Python's nor NumPy's global generator is drawn from or seeded."""
        before = _random_states()
        self._estimate(self._inputs)
        assert _random_states() == before

    def test_what_is_missing_or_unknown_is_named(self) -> None:
        """A need that is not given is an `InputError` that names it, and so is an argument that it does not know."""
        for need in self.estimator().needs:
            assert need in self._refusal({name: value for name, value in self._inputs.items() if name != need})
        assert "no_such_argument" in self._refusal({**self._inputs, "no_such_argument": 1})

    def test_bad_values_are_refused_by_name(self) -> None:
        """NaN, infinity, negative numbers, nothing, another shape: an `InputError` that names the argument."""
        for name, value in self._inputs.items():
            if name in self.unchecked or isinstance(value, str):
                continue
            for problem, damaged in _damaged(value):
                message = self._refusal({**self._inputs, name: damaged})
                assert name in message, f"{problem} in {name}: {message}"
                assert message.endswith("."), f"no sentence: {message!r}"

    def test_arrays_that_do_not_belong_together_are_refused(self) -> None:
        """Of arrays of one length, one that is shorter is an `InputError` that names an array."""
        arrays = {name: value for name, value in self._inputs.items() if isinstance(value, np.ndarray)}
        for name, value in arrays.items():
            others = [other for other, array in arrays.items() if other != name and len(array) == len(value)]
            if others:
                message = self._refusal({**self._inputs, name: value[:-1]})
                assert any(known in message for known in (name, *others)), f"{name} is shorter: {message}"

    def test_it_survives_json_and_prints_as_a_sentence(self) -> None:
        """Its fields come back from JSON; in words it says the level, the interval and how many of what."""
        estimate = self._estimate(self._inputs)
        assert Estimate(**json.loads(json.dumps(estimate.to_json(), allow_nan=False))) == estimate
        for part in ("% interval", " to ", f"{estimate.n} {estimate.counted}"):
            assert part in str(estimate), f"{part!r} is not in {estimate}"

    @cached_property
    def _inputs(self) -> dict[str, Any]:
        return self.simulate(np.random.default_rng(20))[0]

    def _worlds(self, number: int) -> Iterator[tuple[dict[str, Any], float]]:
        for seed in range(number):
            yield self.simulate(np.random.default_rng([7, seed]))

    def _estimate(self, inputs: Mapping[str, Any], **parameters: Any) -> Estimate:
        return self.estimator()(**inputs, **parameters, seed=0)

    def _refusal(self, inputs: Mapping[str, Any]) -> str:
        """The message of the `InputError` that these arguments must raise."""
        try:
            estimate = self.estimator()(**inputs)
        except InputError as error:
            return str(error)
        raise AssertionError(f"an InputError was expected, and {estimate} came back")

    def _check(self, estimate: Estimate, level: float) -> None:
        assert isinstance(estimate, Estimate), f"{estimate!r} is no Estimate"
        for what in ("value", "low", "high", "level"):
            number = getattr(estimate, what)
            assert type(number) is float and math.isfinite(number), f"{what} is {number!r}"  # noqa: PT018
        assert estimate.low <= estimate.value <= estimate.high, f"the value is outside: {estimate!r}"
        assert estimate.level == level
        assert type(estimate.n) is int, f"n is {estimate.n!r}"
        assert estimate.n >= 1
        assert estimate.method.strip()
        assert estimate.unit in ("%", "points", "")


def _damaged(value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, np.ndarray):
        yield from {"NaN": math.nan, "a negative number": -1, "a text": "many", "a list": [1, 2]}.items()
        return
    for problem, wrong in (("NaN", math.nan), ("infinity", math.inf), ("a negative number", -1.0)):
        array = np.array(value, dtype=np.float64)
        array.reshape(-1)[-1] = wrong
        yield problem, array
    yield "nothing", value[:0]
    yield "one axis more", value[None]
    yield "texts", np.full(value.shape, "x")


def _random_states() -> str:
    # the global generators are looked at here and nowhere else, to show that estimates do not
    return repr((random.getstate(), np.random.get_state(legacy=False)))  # noqa: NPY002
