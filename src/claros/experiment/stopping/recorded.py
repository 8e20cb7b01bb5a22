"""Recorded runs, wherever they lie: what each was of, its labels and accuracy by round, and the trace of any rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats, Indices
from claros.campaign import Campaign
from claros.campaign.settings import told
from claros.errors import DataError
from claros.inputs import Inputs
from claros.stopping.combine import Several
from claros.stopping.rule import Decision, Observation, Rule

__all__ = ["Key", "Recorded"]


class Key(NamedTuple):
    """What a run was of."""

    data: str
    model: str
    strategy: str
    seed: int

    def __str__(self) -> str:
        return f"{self.data}, {self.model}, {self.strategy}, seed {self.seed}"


@dataclass(frozen=True)
class Recorded:
    """A run whose rounds can be replayed under any rule.

    ``rounds`` (R,) are the numbers of its rounds, ``n_labeled`` (R,) the labels bought by each, strictly increasing,
    ``accuracy`` (R,) that on test data; None where no test data were at hand, as in a campaign of a person.
    """

    key: Key
    rounds: Indices
    n_labeled: Indices
    accuracy: Floats | None
    campaign: Campaign

    @classmethod
    def of(cls, key: Key, campaign: Campaign, accuracy: Mapping[int, float] | None, place: str) -> Recorded:
        """The rounds in which a model was trained on more labels, and measured where ``accuracy`` by round is known."""
        labels = {round: int(seen["n"]) for round, seen in campaign.trace(_Shown(("n_labeled",))).items()}
        known = [round for round in labels if accuracy is None or round in accuracy]
        if not known:
            raise DataError(f"{place} holds no predictions to replay: no round of it has a trained model.")
        rounds = np.array(known, dtype=np.int64)
        measured = None if accuracy is None else np.array([accuracy[round] for round in rounds.tolist()])
        return cls(key, rounds, np.array([labels[round] for round in rounds.tolist()]), measured, campaign)

    def told(self, rule: Rule, price: float | None = None, worth: float | None = None) -> Rule:
        """The rule as this run's campaign would tell it, of a price and worth where none are given here."""
        if price is None:
            price, worth = self.campaign.price, self.campaign.worth
        return told(rule, self.campaign.model, price, worth)

    def trace(self, rule: Rule) -> dict[int, Observation]:
        """What the rule remembers of each round that has what it needs, by the round's number."""
        seen = self.campaign.trace(rule)
        return {round: seen[round] for round in self.rounds.tolist() if round in seen}

    def traces(self, rules: Sequence[Rule]) -> list[dict[int, Observation]]:
        """The traces of rules that need the same, which is read once for all of them."""
        if len(rules) == 1:
            return [self.trace(rules[0])]
        seen = self.trace(_Together(tuple(rules)))
        return [{round: one["rules"][place] for round, one in seen.items()} for place in range(len(rules))]

    def lacks(self, rule: Rule) -> list[str]:
        """What the rule needs and no round has."""
        return [need for need in rule.needs if not self.campaign.trace(_Shown((need,)))]


@dataclass(frozen=True)
class _Together(Several):
    """No rule of anybody's: it remembers what several rules would, none of them taken apart."""

    name = "together"

    def combined(self, decisions: Sequence[Decision]) -> Decision:
        """Nothing is decided."""
        return Decision.not_ready(f"{len(decisions)} rules are seen.")


@dataclass(frozen=True)
class _Shown(Rule):
    """No rule of anybody's: it sees which rounds have certain inputs, and how many labels those had."""

    inputs: tuple[str, ...]

    name = "shown"
    assumes = "Nothing."
    reference = "none"

    @property
    def needs(self) -> tuple[str, ...]:
        """What is looked for."""
        return self.inputs

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The labels, if they are asked for."""
        return {"n": inputs["n_labeled"]} if "n_labeled" in self.inputs else {}

    def judge(self, trace: Any) -> Decision:
        """Nothing is decided."""
        return Decision.not_ready(f"{len(trace)} rounds are seen.")
