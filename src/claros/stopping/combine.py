"""Rules made of rules: both, either, and several times in a row.

Each member observes for itself and decides for itself. A member that is not ready is *unknown*: ``&`` is sure to go
on as soon as one ready member says so, ``|`` is sure to stop as soon as one says so, and otherwise an unknown member
leaves the whole unknown (Kleene's three-valued logic).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from claros.checks import whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.rule import Decision, Observation, Rule, View, recorded

__all__ = ["All", "AnyOf", "Patience", "Several"]


@dataclass(frozen=True)
class Several(Rule):
    """Rules that observe the same rounds, each for itself; what they decide together is for others to say."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        rules = tuple(self.rules)
        if not rules or not all(isinstance(rule, Rule) for rule in rules):
            raise InputError(f"{self.name} takes one or more stopping rules; got {self.rules!r}.")
        # a & b & c is one rule of three, which reads better than a rule of a rule of two
        flat = [part for rule in rules for part in (rule.rules if type(rule) is type(self) else (rule,))]
        object.__setattr__(self, "rules", tuple(flat))

    @property
    def needs(self) -> tuple[str, ...]:
        """What any member needs."""
        return tuple(dict.fromkeys(need for rule in self.rules for need in rule.needs))

    @property
    def assumes(self) -> str:
        """What all members assume."""
        return " ".join(dict.fromkeys(rule.assumes for rule in self.rules))

    @property
    def reference(self) -> str:
        """Where the members come from."""
        return "; ".join(dict.fromkeys(rule.reference for rule in self.rules))

    @property
    def by_hand(self) -> str:
        """Why only a person can feed a member."""
        return "; ".join(dict.fromkeys(rule.by_hand for rule in self.rules if rule.by_hand))

    def observe(self, **inputs: Any) -> dict[str, Any]:
        """Each member's own observation."""
        return {"rules": [rule.observe(**inputs) for rule in self.rules]}

    def told(self, *, price: float | None, worth: float | None, warm: bool) -> Self:
        """Its members, told."""
        return replace(self, rules=tuple(rule.told(price=price, worth=worth, warm=warm) for rule in self.rules))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """Each member's own observation, from inputs that hold what all of them need."""
        return self.observe(**inputs)

    def spec(self) -> dict[str, Any]:
        """Name and the members' specifications, as JSON."""
        return {"name": self.name, "parameters": {"rules": [rule.spec() for rule in self.rules]}}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """What its members decide, combined."""
        return self.combined([rule.decide(mine) for rule, mine in self._traces(trace)])

    def decide_each(self, trace: Sequence[Observation]) -> list[Decision]:
        """The decision after each observation, each member asked for all of its own at once."""
        each = [rule.decide_each(mine) for rule, mine in self._traces(trace)]
        return [self.combined(decisions) for decisions in zip(*each, strict=True)]

    @abstractmethod
    def combined(self, decisions: Sequence[Decision]) -> Decision:
        """What follows from the members' decisions after the same round."""

    def _traces(self, trace: Sequence[Observation]) -> list[tuple[Rule, View]]:
        """Each member with its part of the trace."""
        return [(rule, View(trace, len(trace), self._part(place))) for place, rule in enumerate(self.rules)]

    def _part(self, place: int) -> Any:
        def part(observation: Observation) -> Observation:
            members = recorded(observation, "rules", self.name)
            if len(members) != len(self.rules):
                raise InputError(f"{self.name}: an observation has {len(members)} parts for {len(self.rules)} rules.")
            mine: Observation = members[place]
            return mine

        return part

    def _decision(self, decisions: Sequence[Decision], threshold: int, surely_not: bool) -> Decision:
        stopping = sum(decision.stop for decision in decisions)
        told = "; ".join(decision.reason.removesuffix(".") for decision in decisions)
        reason = f"{stopping} of {len(decisions)} rules say stop, {threshold} must: {told}."
        if stopping >= threshold or surely_not or all(decision.ready for decision in decisions):
            return Decision(stopping >= threshold, True, float(stopping), float(threshold), reason)
        return Decision.not_ready(reason, float(threshold))


@dataclass(frozen=True)
class All(Several):
    """Stops when all of its rules stop; ``first & second`` makes one.

    The value is the number of rules that say stop, the threshold how many there are. Ready when all are, or when one
    that is ready says to go on. Costs what the members cost.
    """

    name = "all"

    def combined(self, decisions: Sequence[Decision]) -> Decision:
        """Stop when every member says stop."""
        surely_not = any(decision.ready and not decision.stop for decision in decisions)
        return self._decision(decisions, len(self.rules), surely_not)


@dataclass(frozen=True)
class AnyOf(Several):
    """Stops when at least one of its rules stops; ``first | second`` makes one.

    The value is the number of rules that say stop, the threshold 1. Ready when all are, or when one says stop. Costs
    what the members cost.
    """

    name = "any"

    def combined(self, decisions: Sequence[Decision]) -> Decision:
        """Stop when a member says stop."""
        return self._decision(decisions, 1, surely_not=False)


@dataclass(frozen=True)
class Patience(Rule):
    """Stops when its rule said stop so many times in a row; ``rule.patience(calls)`` makes one.

    A decision to go on, or one that was not ready, starts the count again. The value is the length of the run up to
    now, counted no further than ``calls``. Observes what its rule observes, so one trace serves both. Costs ``calls``
    decisions of the rule.
    """

    rule: Rule
    calls: int = 2

    name = "patience"

    def __post_init__(self) -> None:
        if not isinstance(self.rule, Rule):
            raise InputError(f"patience takes a stopping rule; got {self.rule!r}.")
        object.__setattr__(self, "calls", whole(self.calls, 1, "patience: calls"))

    @property
    def needs(self) -> tuple[str, ...]:
        """What the rule needs."""
        return self.rule.needs

    @property
    def assumes(self) -> str:
        """What the rule assumes."""
        return self.rule.assumes

    @property
    def reference(self) -> str:
        """Where the rule comes from."""
        return self.rule.reference

    @property
    def by_hand(self) -> str:
        """Why only a person can feed the rule."""
        return self.rule.by_hand

    def observe(self, **inputs: Any) -> dict[str, Any]:
        """The rule's own observation."""
        return self.rule.observe(**inputs)

    def told(self, *, price: float | None, worth: float | None, warm: bool) -> Patience:
        """Its rule, told."""
        return replace(self, rule=self.rule.told(price=price, worth=worth, warm=warm))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The rule's own observation."""
        return self.rule.record(inputs)

    def spec(self) -> dict[str, Any]:
        """Name, the rule's specification and how often in a row, as JSON."""
        return {"name": self.name, "parameters": {"rule": self.rule.spec(), "calls": self.calls}}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the last ``calls`` decisions all were to stop."""
        last = self.rule.decide(trace)
        run = int(last.stop)
        # without slicing, which would copy
        while 0 < run < min(self.calls, len(trace)) and self.rule.decide(View(trace, len(trace) - run)).stop:
            run += 1
        return self._counted(last, run)

    def decide_each(self, trace: Sequence[Observation]) -> list[Decision]:
        """The decision after each observation, the rule asked for all of its own at once."""
        decisions, run = [], 0
        for decision in self.rule.decide_each(trace):
            run = min(run + 1, self.calls) if decision.stop else 0
            decisions.append(self._counted(decision, run))
        return decisions

    def _counted(self, last: Decision, run: int) -> Decision:
        """The decision after the rule's last one, with which it has said stop so many times in a row."""
        if not last.ready:
            return Decision.not_ready(f"0 stops in a row of {self.calls}: {last.reason}", float(self.calls))
        reason = f"{run} {'stop' if run == 1 else 'stops'} in a row, {self.calls} must be: {last.reason}"
        return Decision(run >= self.calls, True, float(run), float(self.calls), reason)
