"""What a stopping rule is: it observes once a round, and decides from all that it has observed.

A rule is a frozen dataclass whose fields are its parameters, with two methods to write::

    @dataclass(frozen=True)
    class QuietBatch(Rule):
        \"\"\"Stops when the last batch was predicted well.\"\"\"

        threshold: float = 0.95

        name = "quiet_batch"
        needs = ("batch_probs", "batch_labels")
        assumes = "The batch says something about the rest of the pool."
        reference = "Zhu et al. 2008"

        def record(self, inputs): ...        # -> what of this round must be remembered: small JSON
        def judge(self, trace): ...          # -> Decision, from what was recorded so far, oldest first

It holds no state: the trace is the caller's, what it holds survives JSON, and the same trace always gives the same
decision. So "when would this rule have stopped?" is a replay of any old trace, also with other parameters.

`Rule.decide` is asked after a round of training; ``stop=True`` means: buy no more labels. A rule goes on answering
after it has stopped, for those who go on labeling; what counts is the first time.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from claros.errors import InputError, suggest
from claros.inputs import NEEDS, Inputs

if TYPE_CHECKING:
    from claros.stopping.combine import All, AnyOf, Patience

__all__ = ["Decision", "Observation", "Rule", "View", "first_stop", "reaches", "recorded", "replay"]

#: No decision hangs on the rounding of a mean: a value that is short of a threshold by so little is at it.
ROUNDING = 1e-12

#: What one round leaves in the trace: small, and the same after a trip through JSON.
Observation: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What a rule says after one round; ``value`` is compared with ``threshold``, and is None while not ready.

    Not ready (too few rounds, a quantity that is not defined) is a state of its own: it never stops, and it is never
    a NaN. ``reason`` is one sentence with the numbers.
    """

    stop: bool
    ready: bool
    value: float | None
    threshold: float | None
    reason: str
    verdict: str = ""
    """In two or three words, from rules that say more than stop or go on."""

    @classmethod
    def not_ready(cls, reason: str, threshold: float | None = None) -> Decision:
        """The rule cannot say anything yet, and why."""
        return cls(False, False, None, threshold, reason)

    def to_json(self) -> dict[str, Any]:
        """The fields, as JSON; the verdict if there is one."""
        return {name: value for name, value in asdict(self).items() if name != "verdict" or value}

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Rule(ABC):
    """A stopping rule with its parameters; immutable and without state. See the module for how to write one."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The rule's name in the registry."""

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """Names from `claros.inputs.NEEDS` that `observe` must be given."""

    @property
    @abstractmethod
    def assumes(self) -> str:
        """What must hold for the rule to make sense, in one sentence."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """Where the rule comes from."""

    @property
    def by_hand(self) -> str:
        """Why only a person can feed it, and neither a campaign nor a recorded run; empty where they can."""
        return ""

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return (inspect.getdoc(self) or "").split("\n\n")[0].replace("\n", " ")

    @property
    def documentation(self) -> str:
        """The whole documentation."""
        return inspect.getdoc(self) or ""

    @abstractmethod
    def record(self, inputs: Inputs) -> dict[str, Any]:
        """What must be remembered of one round, as small JSON that shares no memory with the checked inputs."""

    @abstractmethod
    def judge(self, trace: Sequence[Observation]) -> Decision:
        """The decision after the last of at least one observation."""

    def observe(self, **inputs: Any) -> dict[str, Any]:
        """What this rule remembers of the round, as small JSON; append it to the trace.

        Only the rule's own needs are looked at and checked, so one call can carry what all rules need.
        """
        unknown = next((name for name in inputs if name not in NEEDS), None)
        if unknown is not None:
            raise InputError(f"{self.name}: {suggest(unknown, NEEDS, 'input')}")
        own = {name: inputs[name] for name in self.needs if name in inputs}
        return self.record(Inputs(own, self.needs, who=self.name))

    def decide(self, trace: Sequence[Observation]) -> Decision:
        """Whether to stop after the last observation of the trace; the trace is only read."""
        if not len(trace):
            return Decision.not_ready(f"{self.name} has made 0 observations so far and needs at least 1.")
        return self.judge(trace)

    def decide_each(self, trace: Sequence[Observation]) -> list[Decision]:
        """The decision after each observation, oldest first; what `replay` answers.

        A rule that must look at the whole trace for one decision overrides this to make all of them in one pass.
        """
        return [self.decide(View(trace, length)) for length in range(1, len(trace) + 1)]

    def told(self, *, price: float | None, worth: float | None, warm: bool) -> Rule:
        """The rule for somebody who pays ``price`` a label, to whom a point of accuracy is worth ``worth``.

        ``warm`` says that the model goes on from its last weights. Rules that weigh none of this stay as they are.
        """
        return self

    def outlook(self, trace: Sequence[Observation]) -> Any:
        """What more labels would bring, as `claros.stopping.Outlook`, from rules that can say it; else None."""
        return None

    def spec(self) -> dict[str, Any]:
        """Name and parameters, as JSON; `claros.stopping.from_spec` of it gives an equal rule."""
        return {"name": self.name, "parameters": {field.name: getattr(self, field.name) for field in fields(self)}}

    def __and__(self, other: Rule) -> All:
        from claros.stopping.combine import All

        return All((self, other)) if isinstance(other, Rule) else NotImplemented

    def __or__(self, other: Rule) -> AnyOf:
        from claros.stopping.combine import AnyOf

        return AnyOf((self, other)) if isinstance(other, Rule) else NotImplemented

    def patience(self, calls: int) -> Patience:
        """The rule that stops when this one said stop ``calls`` times in a row."""
        from claros.stopping.combine import Patience

        return Patience(self, calls)


class View(Sequence[Observation]):
    """The first ``length`` observations of a trace, each passed through ``part`` when it is looked at; no copy."""

    def __init__(
        self,
        trace: Sequence[Observation],
        length: int,
        part: Callable[[Observation], Observation] | None = None,
    ) -> None:
        self._trace, self._range, self._part = trace, range(length), part

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[Observation]:
        observations = islice(self._trace, len(self))
        return observations if self._part is None else map(self._part, observations)

    @overload
    def __getitem__(self, place: int) -> Observation: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Observation]: ...
    def __getitem__(self, place: int | slice) -> Observation | Sequence[Observation]:
        if isinstance(place, slice):
            return [self[position] for position in self._range[place]]
        observation = self._trace[self._range[place]]
        return observation if self._part is None else self._part(observation)


def replay(rule: Rule, trace: Sequence[Observation]) -> list[Decision]:
    """What the rule would have decided after each observation of a trace, oldest first.

    >>> from claros import stopping
    >>> rule = stopping.get("budget", labels=40)
    >>> trace = [rule.observe(n_labeled=n, n_pool=1000) for n in (20, 40, 60)]
    >>> [decision.stop for decision in stopping.replay(rule, trace)]
    [False, True, True]
    """
    return rule.decide_each(trace)


def first_stop(decisions: Sequence[Decision]) -> int | None:
    """The position of the first decision to stop, None if there is none.

    >>> first_stop([Decision(False, True, 0.2, 0.5, "0.2"), Decision(True, True, 0.6, 0.5, "0.6")])
    1
    """
    return next((place for place, decision in enumerate(decisions) if decision.stop), None)


def reaches(value: float, threshold: float) -> bool:
    """Whether a value is at least the threshold, or short of it by no more than the rounding of a mean.

    >>> reaches(sum([0.7, 0.7, 0.7]) / 3, 0.7), reaches(0.699, 0.7)
    (True, False)
    """
    return value >= threshold - ROUNDING


def recorded(observation: Observation, key: str, who: str) -> Any:
    """What an observation holds under a key, or an `InputError` that the trace is not this rule's."""
    if not isinstance(observation, Mapping) or key not in observation:
        raise InputError(f"{who}: an observation has no {key!r}; decide from a trace that this rule has observed.")
    return observation[key]
