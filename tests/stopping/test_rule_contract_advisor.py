"""The public contract suite on the advisor."""

from __future__ import annotations

from collections.abc import Sequence

from claros import stopping
from claros.stopping import Rule
from claros.testing.stopping import RuleContract


class TestAdvisor(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("advisor", price=0.1, worth=20)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        def make(**parameters: object) -> Rule:
            return stopping.get("advisor", **parameters)

        return [
            (make(price=0.1, worth=1), make(price=0.01, worth=1)),
            (make(price=0.01, worth=1), make(price=0.01, worth=5)),
            (make(price=0.01, worth=1), make(price=0.01)),
        ]


class TestAdvisorForWarmModelsAndRareClasses(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("advisor", price=0.01, worth=20, warm=True, balanced=True)


class TestAdvisorThatAssumesAPrice(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("advisor", assume_price=True)
