"""What a campaign says of its model: what it was trained on, what the rules say, and whether to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc

from claros.arrays import Indices
from claros.campaign.state import State
from claros.estimate import Estimate, share
from claros.stopping.advisor import Outlook
from claros.stopping.rule import Decision, Rule

__all__ = ["Advice", "Fitted", "advise", "measured", "shift_said", "uneven", "uneven_in"]

#: Classes count as picked unevenly with at least so many audited labels, and where chance would do so more rarely.
AUDITED, CHANCE = 20, 0.01


@dataclass(frozen=True)
class Fitted:
    """A model trained on the labels of now: the round, what it was trained on, seconds, and what the rules say."""

    round: int
    n_labeled: int
    seconds: Mapping[str, float]
    decisions: Mapping[str, Decision]
    shift: Mapping[str, Any] | None = None
    """What was found of label shift, and what is done about it, where there is a target."""
    pseudo_labels: Mapping[str, Any] | None = None
    """The threshold, and on how many predictions of its own the model was trained, where that is asked for."""


@dataclass(frozen=True)
class Advice:
    """The stopping rule's decision, and the accuracy measured on the audit set if there is one.

    ``verdict`` is "stop", "go on", "too early to say", or "no advice" where no rule is followed; the advisor also says
    "close call", and "no price" where it is not told what labels cost and accuracy is worth.
    """

    n_labeled: int
    rule: str | None
    decision: Decision | None
    accuracy: Estimate | None
    shares: str = ""
    """A sentence where the classes' shares among what was picked are not those of the audited random items."""
    outlook: Outlook | None = None
    """What more labels would bring, from a rule that can say it."""
    shift: str = ""
    """A sentence on the target's class shares, and what is done about them, where there is a target."""

    @property
    def verdict(self) -> str:
        """What to do, in two or three words."""
        if self.rule is None:
            return "no advice"
        if self.decision is None or not self.decision.ready:
            return "too early to say"
        if self.decision.verdict:
            return self.decision.verdict
        return "stop" if self.decision.stop else "go on"

    def __str__(self) -> str:
        said = f"{self.verdict.capitalize()} ({self.n_labeled} labels)"
        if self.rule is None:
            said += ": no stopping rule is followed"
        if self.decision is not None and self.rule is not None:
            said += f": {self.rule.replace('_', ' ')}: {self.decision.reason.rstrip('.')}"
        if self.accuracy is not None:
            said += f". Accuracy measured on randomly audited items: {self.accuracy}"
        return " ".join(filter(None, [f"{said}.", self.shares, self.shift]))

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
            "shares": self.shares or None,
            "shift": self.shift or None,
            "outlook": self.outlook.to_json() if self.outlook else None,
        }


def uneven(picked: Indices, audited: Indices, classes: Sequence[str]) -> str:
    """A sentence that names the class that is picked most beyond its share of a random sample; empty if none is.

    By Pearson's test of equal shares. What a strategy picks is no fair sample, and a model trained on it expects the
    classes in its shares; where the true ones are known, strategies can be told.
    """
    if len(audited) < AUDITED or not len(picked):
        return ""
    table = np.array([np.bincount(codes, minlength=len(classes)) for codes in (picked, audited)], dtype=np.float64)
    counts = table[:, table.sum(axis=0) > 0]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    if counts.shape[1] < 2 or chdtrc(counts.shape[1] - 1, ((counts - expected) ** 2 / expected).sum()) >= CHANCE:
        return ""
    shares = table / table.sum(axis=1, keepdims=True)
    most = int(np.argmax(shares[0] - shares[1]))
    return (
        f"Of what was picked {100 * shares[0, most]:.0f} % is {classes[most]}, of {len(audited)} random items "
        f"{100 * shares[1, most]:.0f} %: if you know the classes' shares in the pool, class_prior tells the strategy."
    )


def uneven_in(state: State) -> str:
    """`uneven` of a campaign's training labels beside its audited ones; empty where the strategy knows the shares."""
    if state.config.get("class_prior") is not None:
        return ""
    picked, audited = (
        np.array([label.code for label in labels], dtype=np.int64) for labels in (state.training(), state.audited())
    )
    return uneven(picked, audited, state.classes)


def measured(state: State) -> Estimate | None:
    """The accuracy of the last model on the audited items, with its interval; None before there are any."""
    if not state.fitted:
        return None
    audit = state.fitted[max(state.fitted)]["audit"]
    return share(audit["correct"], audit["n"]) if audit["n"] else None


def advise(
    state: State, rule: Rule | None, name: str | None, decision: Decision | None, trace: Sequence[Mapping[str, Any]]
) -> Advice:
    """The advice by a rule with its decision and trace; without a rule, what is known of the accuracy."""
    outlook = rule.outlook(trace) if rule is not None and trace else None
    followed = None if rule is None else name
    said = shift_said(state)
    return Advice(len(state.told), followed, decision, measured(state), uneven_in(state), outlook, said)


def shift_said(state: State) -> str:
    """A sentence on the target's class shares and what is done about them; empty where there is no target."""
    logged = state.fitted[max(state.fitted)].get("shift") if state.fitted else None
    if not logged:
        return ""
    said = f"Label shift: {logged['why']}."
    if not logged["active"] or logged["weights"] is None:
        return said
    weights = np.array(logged["weights"])
    most = int(np.argmax(np.abs(np.log(np.maximum(weights, 1e-3)))))
    limits = f" (95 % interval {logged['low'][most]:.2f} to {logged['high'][most]:.2f})" if logged["low"] else ""
    return f"{said} {state.classes[most]} is {weights[most]:.2f} times as frequent in the target{limits}."
