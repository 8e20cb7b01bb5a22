"""Strategies that learn from the labels that come back: what they remember between rounds, and how it is kept.

A strategy that learns is a `claros.Strategy` like any other, and immutable; `Strategy.begin` gives its memory::

    tailor = claros.strategies.get("tailor", arms=["margin", "kmeans", "random"])
    memory = tailor.begin()
    picked = memory.select(10, probs=..., embeddings=..., labels=...)  # what to label next
    memory.learn([...])                                                # the classes that came back, in that order
    json.dumps(memory.state())                                         # all of it; memory.restore(...) goes on there

A campaign does the same by itself, and keeps the state with each round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from claros.checks import whole
from claros.errors import ClarosError, InputError
from claros.inputs import Inputs
from claros.pick import Picked
from claros.rng import stream
from claros.strategy import Selection, Strategy, read_signature

__all__ = ["Answer", "Choice", "Json", "Learner", "Memory", "Method", "learner"]

#: What JSON holds, by name.
Json: TypeAlias = dict[str, Any]


class Choice(NamedTuple):
    """A batch: the picks, a credit for each (JSON, what has to be known when its label comes), what is known now.

    ``arms`` has a row for each arm of a strategy that has any: ``arm``, its ``share`` of the batch in [0, 1], and the
    ``value`` that the strategy sees in it.
    """

    picked: Picked
    credits: Sequence[Json]
    known: Json
    arms: Sequence[Json] = ()


class Answer(NamedTuple):
    """A label that came back, as a code, and the credit of its pick."""

    credit: Json
    label: int


class Method(Protocol):
    """How a strategy picks and learns, with its parameters inside; ``known`` is JSON, and never changed in place."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters in the form in which they are kept, as JSON."""

    @property
    def needs(self) -> Sequence[str]:
        """Inputs that every batch needs."""

    @property
    def optional(self) -> Sequence[str]:
        """Inputs that it uses where they are given."""

    def fresh(self) -> Json:
        """What is known before the first batch."""

    def choose(self, k: int, n: int, inputs: Mapping[str, Any], rng: np.random.Generator, known: Json) -> Choice:
        """Pick k of n candidates."""

    def learned(self, known: Json, answers: Sequence[Answer]) -> Json:
        """What is known after these labels, which are at least one."""


@dataclass(frozen=True)
class Learner:
    """What makes a strategy one that learns: the function that makes its `Method` of its parameters."""

    make: Callable[..., Method]

    def settled(self, strategy: Strategy) -> Strategy:
        """The strategy with the needs that follow from its parameters."""
        method = self.make(**strategy.parameters)
        return replace(
            strategy,
            function=_Once(method, self.make, frozenset(strategy.parameters)),
            parameters=MappingProxyType(dict(method.parameters)),
            needs=tuple(method.needs),
            optional=tuple(name for name in method.optional if name not in method.needs),
        )

    def begin(self, strategy: Strategy) -> Memory:
        """A memory that knows nothing yet."""
        return Memory(strategy, self.make(**strategy.parameters))


@dataclass(frozen=True)
class _Once:
    """The function of a strategy that learns: one batch, of a memory that is new."""

    method: Method
    make: Callable[..., Method] = field(repr=False)
    named: frozenset[str] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.make.__doc__)

    def __call__(self, k: int, *, n: int, rng: np.random.Generator, **given: Any) -> Picked:
        """Pick k of n candidates."""
        inputs = {name: value for name, value in given.items() if name not in self.named}
        return self.method.choose(k, n, inputs, rng, self.method.fresh()).picked


def learner(*, reference: str) -> Callable[[Callable[..., Method]], Strategy]:
    """Make a strategy that learns of a function of keyword parameters, each with a default, that gives its `Method`."""

    def decorate(function: Callable[..., Method]) -> Strategy:
        signature = read_signature(function, ())
        if signature.needs or signature.reserved:
            raise ClarosError(f"{function.__name__} must take parameters with defaults and nothing else.")
        bare = Strategy(
            name=function.__name__,
            function=function,
            needs=(),
            parameters=signature.parameters,
            reserved=frozenset(("k", "n", "rng")),
            reference=reference,
            stochastic=True,
            choices=signature.choices,
            learner=Learner(function),
        )
        built = bare.configure()
        object.__setattr__(built, "__doc__", function.__doc__)
        return built

    return decorate


class Memory:
    """One strategy's memory over the rounds of one campaign; made by `Strategy.begin`.

    ``arms`` has a row for each arm as of the last batch, for strategies that have arms: ``arm``, ``share`` of the
    batch, ``value``. ``last`` are the numbers of the last batch's picks, which count from 0 over all rounds.
    """

    def __init__(self, strategy: Strategy, method: Method) -> None:
        self.strategy = strategy
        self.arms: list[Json] = []
        self.last: list[int] = []
        self._method = method
        self._known = method.fresh()
        self._round = 0
        self._count = 0
        self._waiting: dict[int, Json] = {}

    def select(
        self, k: int, *, seed: int = 0, rng: np.random.Generator | None = None, n: int = -1, **inputs: Any
    ) -> Selection:
        """What to label next: ``min(k, N)`` of N candidates, by what was learned so far.

        ``inputs`` are those of `claros.select` by their names in `claros.inputs.NEEDS`. Randomness comes from ``rng``,
        or else from ``seed`` and the number of the round, so that a memory that was restored picks the same. Raises
        `InputError` for anything that is not right.
        """
        k = whole(k, 1, "k, the number of items to pick,")
        who = self.strategy.name
        checked = Inputs(inputs, self.strategy.needs, self.strategy.optional, who=who, n=n)
        size = checked.sizes.get("N")
        if size is None:
            raise InputError(f"{who}: the number of candidates is not known; pass n=..., or an array with a row each.")
        if size == 0:
            return Selection(who, np.empty(0, dtype=np.int64), np.empty(0))
        rng = stream(seed, "select", self._round) if rng is None else rng
        choice = self._method.choose(min(k, size), size, checked, rng, self._known)
        self._known, self.arms = choice.known, [dict(row) for row in choice.arms]
        self.last = [*range(self._count, self._count + len(choice.credits))]
        self._waiting.update(zip(self.last, choice.credits, strict=True))
        self._count += len(self.last)
        self._round += 1
        picked = choice.picked
        return Selection(who, picked.indices, picked.scores, None, picked.probabilities, size, picked.note)

    @property
    def waiting(self) -> list[int]:
        """The numbers of all picks whose labels have not come yet."""
        return [*self._waiting]

    def learn(self, labels: Sequence[int | None], picks: Sequence[int] | None = None) -> None:
        """Learn from labels, as codes: those of the last batch in the order picked, or of picks by their numbers.

        None stands for a label that has not come; it may come later, by its number. A pick is learned from once:
        another label for it is an `InputError`, as is a number that was never given.
        """
        numbers = self.last if picks is None else [*picks]
        if len(labels) != len(numbers):
            raise InputError(
                f"{self.strategy.name} learns a label for each of {len(numbers)} picks, in the order picked; got "
                f"{len(labels)}. Say None for one that has not come."
            )
        come = {
            number: whole(label, 0, f"{self.strategy.name}: the label of pick {number}, a class's code,")
            for number, label in zip(numbers, map(_plain, labels), strict=True)
            if label is not None
        }
        strange = next((number for number in come if number not in self._waiting), None)
        if strange is not None:
            raise InputError(
                f"{self.strategy.name} waits for no label of pick {strange}; it has learned it, or never picked it."
            )
        if come:
            answers = [Answer(self._waiting[number], label) for number, label in come.items()]
            self._known = self._method.learned(self._known, answers)
            for number in come:
                del self._waiting[number]

    def forget(self, picks: Sequence[int]) -> None:
        """Wait no longer for the labels of these picks, as of items that were skipped for good."""
        for number in picks:
            self._waiting.pop(number, None)

    def state(self) -> Json:
        """Everything that is remembered, as JSON."""
        kept = {
            "strategy": self.strategy.spec(),
            "round": self._round,
            "count": self._count,
            "last": self.last,
            "waiting": {str(number): credit for number, credit in self._waiting.items()},
            "known": self._known,
            "arms": self.arms,
        }
        return deepcopy(kept)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; an `InputError` if it is none, or that of another strategy."""
        try:
            whose, waiting = state["strategy"], {int(number): credit for number, credit in state["waiting"].items()}
            numbers = int(state["round"]), int(state["count"]), [int(number) for number in state["last"]]
            known, arms = deepcopy(dict(state["known"])), [dict(row) for row in state["arms"]]
            strange = set(self._method.fresh()) - set(known)
            if strange:
                raise KeyError(min(strange))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{self.strategy.name}: this is not what state() gave ({type(error).__name__}: {error}); restore a "
                "state that was kept whole."
            ) from error
        if whose != self.strategy.spec():
            raise InputError(
                f"{self.strategy.name}: this is the state of {whose}, not of {self.strategy.spec()}; restore it into a "
                "memory of that strategy."
            )
        self._round, self._count, self.last = numbers
        self._waiting, self._known, self.arms = waiting, known, arms


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
