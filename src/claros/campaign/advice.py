"""What a campaign says of its model: what it was trained on, what the rules say, and whether to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from claros.estimate import Estimate
from claros.stopping.rule import Decision

__all__ = ["Advice", "Fitted"]


@dataclass(frozen=True)
class Fitted:
    """A model trained on the labels of now: the round, what it was trained on, seconds, and what the rules say."""

    round: int
    n_labeled: int
    seconds: Mapping[str, float]
    decisions: Mapping[str, Decision]


@dataclass(frozen=True)
class Advice:
    """The stopping rule's decision, and the accuracy measured on the audit set if there is one.

    ``verdict`` is "stop", "go on", "too early to say", or "no advice" where no rule is followed.
    """

    n_labeled: int
    rule: str | None
    decision: Decision | None
    accuracy: Estimate | None

    @property
    def verdict(self) -> str:
        """What to do, in two or three words."""
        if self.rule is None:
            return "no advice"
        if self.decision is None or not self.decision.ready:
            return "too early to say"
        return "stop" if self.decision.stop else "go on"

    def __str__(self) -> str:
        said = f"{self.verdict.capitalize()} ({self.n_labeled} labels)"
        if self.rule is None:
            said += ": no stopping rule is followed"
        if self.decision is not None and self.rule is not None:
            said += f": {self.rule.replace('_', ' ')}: {self.decision.reason.rstrip('.')}"
        if self.accuracy is not None:
            said += f". Accuracy measured on randomly audited items: {self.accuracy}"
        return said + "."

    def to_json(self) -> dict[str, Any]:
        """The advice as JSON."""
        decision = self.decision
        return {
            "verdict": self.verdict,
            "sentence": str(self),
            "n_labeled": self.n_labeled,
            "rule": self.rule,
            "reason": decision.reason if decision else None,
            "value": decision.value if decision else None,
            "threshold": decision.threshold if decision else None,
            "accuracy": self.accuracy.to_json() if self.accuracy else None,
        }
