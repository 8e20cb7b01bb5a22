"""The public contract suite on every rule that is registered, and on combinations of them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from claros import stopping
from claros.stopping import Rule
from claros.testing.stopping import RuleContract


class TestBudget(RuleContract):
    looks_at_predictions = False

    def rule(self) -> Rule:
        return stopping.get("budget", labels=200)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (stopping.get("budget", **{limit: low}), stopping.get("budget", **{limit: high}))
            for limit, low, high in [
                ("labels", 100, 101),
                ("share", 0.2, 0.5),
                ("rounds", 0, 7),
                ("spent", 12.5, 99.0),
                ("seconds", 30, 31),
                ("labels", 100, None),
            ]
        ]


class TestBudgetOfEverything(RuleContract):
    looks_at_predictions = False

    def rule(self) -> Rule:
        return stopping.get("budget", labels=590, share=0.99, rounds=28, spent=298, seconds=299)


class TestBudgetOfThePool(RuleContract):
    looks_at_predictions = False

    def rule(self) -> Rule:
        return stopping.get("budget")


class TestStabilizingPredictions(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("stabilizing_predictions")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        def make(**parameters: object) -> Rule:
            return stopping.get("stabilizing_predictions", **parameters)

        return [
            (make(threshold=0.9), make(threshold=0.95)),
            (make(threshold=0.99), make(threshold=1.0)),
            (make(on_constant="agree"), make(on_constant="wait")),
            (make(window=1, threshold=1.0), make(window=4, threshold=1.0)),
        ]


class TestStabilizingPredictionsThatAgreeOnConstants(RuleContract):
    ready_on_constant = True

    def rule(self) -> Rule:
        return stopping.get("stabilizing_predictions", window=1, threshold=0.9, on_constant="agree")


class TestOverallUncertainty(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("overall_uncertainty", threshold=0.15)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (
                stopping.get("overall_uncertainty", threshold=0.3, measure=measure),
                stopping.get("overall_uncertainty", threshold=0.1, measure=measure),
            )
            for measure in ("entropy", "least_confidence", "margin")
        ]


class TestOverallUncertaintyByLeastConfidence(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("overall_uncertainty", measure="least_confidence")


class TestOverallUncertaintyByMargin(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("overall_uncertainty", measure="margin")


def _settled() -> Rule:
    return stopping.get("stabilizing_predictions", threshold=0.97)


def _sure() -> Rule:
    return stopping.get("overall_uncertainty", threshold=0.15)


class TestAll(RuleContract):
    ready_on_constant = True

    def rule(self) -> Rule:
        return _settled() & _sure() & stopping.get("budget", labels=100)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(_settled(), _settled() & _sure()), (_sure(), _settled() & _sure())]


class TestAny(RuleContract):
    ready_on_constant = True

    def rule(self) -> Rule:
        return _settled() | _sure()

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(_settled() | _sure(), _settled()), (_settled() | _sure(), _sure())]


class TestPatience(RuleContract):
    def rule(self) -> Rule:
        return _settled().patience(3)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(_settled(), _settled().patience(2)), (_sure().patience(2), _sure().patience(5))]


class TestPatienceOfACombination(RuleContract):
    def rule(self) -> Rule:
        return (_settled().patience(2) | (_sure() & _settled())).patience(2)


def test_every_registered_rule_is_under_contract() -> None:
    for path in Path(__file__).parent.glob("test_rule_contract_*.py"):
        importlib.import_module(path.stem)
    covered = {
        suite().rule().name
        for suite in _suites(RuleContract)
        if suite.__module__.startswith(__name__) and not inspect.isabstract(suite)
    }
    assert {*stopping.names(), "all", "any", "patience"} <= covered


def _suites(kind: type) -> Iterator[type]:
    for suite in kind.__subclasses__():
        yield from (suite, *_suites(suite))
