"""The public contract suite on every rule for finding all relevant items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from claros import stopping
from claros.stopping import Rule
from claros.stopping.recall import RecallRule
from claros.testing.rounds import Round
from claros.testing.stopping import RuleContract
from screenings import certified_rounds, screening_rounds


class RecallContract(RuleContract):
    """Settled: a ranker that is nearly perfect. Coin flip: half of the collection in random order."""

    name = "cmh"
    parameters: ClassVar[dict[str, Any]] = {}
    looser_and_stricter: Sequence[tuple[dict[str, Any], dict[str, Any]]] = ()

    def rule(self) -> Rule:
        return stopping.get(self.name, **self.parameters)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        make = {**self.parameters}
        return [
            (stopping.get(self.name, **{**make, **looser}), stopping.get(self.name, **{**make, **stricter}))
            for looser, stricter in self.looser_and_stricter
        ]

    def settled(self) -> list[Round]:
        return screening_rounds(signal=8.0)

    def coin_flip(self) -> list[Round]:
        return screening_rounds(signal=0.0, until=300)

    def learning(self, seed: int) -> list[Round]:
        return screening_rounds(signal=1.5, seed=seed)

    def test_it_says_what_it_promises(self) -> None:
        rule = self.rule()
        assert isinstance(rule, RecallRule)
        assert rule.guarantee.endswith(".")
        assert "promise" in rule.guarantee or "chance" in rule.guarantee or rule.guarantee.startswith("None")

    def test_an_empty_screening_is_not_ready(self) -> None:
        rule = self.rule()
        inputs = {name: value[:0] if hasattr(value, "shape") else value for name, value in self.settled()[0].items()}
        assert not rule.decide([rule.observe(**inputs)]).stop


class TestCMH(RecallContract):
    name = "cmh"
    looser_and_stricter = (
        ({"recall": 0.8}, {"recall": 0.95}),
        ({"alpha": 0.1}, {"alpha": 0.01}),
        ({"bias": 2.0}, {"bias": 1.0}),
    )


class TestCMHOfOneUrn(RecallContract):
    name = "cmh"
    parameters: ClassVar[dict[str, Any]] = {"urn": 100}
    looser_and_stricter = (({"recall": 0.8}, {"recall": 0.95}), ({"urn": None}, {"urn": 100}))


class TestQBCB(RecallContract):
    name = "qbcb"
    looser_and_stricter = (
        ({"recall": 0.5}, {"recall": 0.8}),
        ({"alpha": 0.2}, {"alpha": 0.05}),
        ({"recall": 0.8}, {"recall": 0.95}),
    )

    def settled(self) -> list[Round]:
        return certified_rounds(signal=8.0)

    def coin_flip(self) -> list[Round]:
        return certified_rounds(signal=0.0, until=300)

    def learning(self, seed: int) -> list[Round]:
        return certified_rounds(signal=1.5, seed=seed)


class TestConsecutiveIrrelevant(RecallContract):
    name = "consecutive_irrelevant"
    looser_and_stricter = (({"n": 1}, {"n": 20}), ({"n": 20}, {"n": 50}))


class TestBatchPrecision(RecallContract):
    name = "batch_precision"
    looser_and_stricter = (({"precision": 0.1}, {"precision": 0.025}), ({"slack": 1}, {"slack": 2}))


class TestRule2399(RecallContract):
    name = "rule_2399"
    parameters: ClassVar[dict[str, Any]] = {"constant": 200}
    looks_at_predictions = False
    looser_and_stricter = (({"constant": 100}, {"constant": 200}), ({"factor": 0.0}, {"factor": 1.2}))

    def coin_flip(self) -> list[Round]:
        return self.settled()  # it looks at how much is found, but not at what the ranking is like


class TestHalf(RecallContract):
    name = "half"
    looks_at_predictions = False

    def coin_flip(self) -> list[Round]:
        return screening_rounds(signal=0.0)


class TestKnee(RecallContract):
    name = "knee"
    looser_and_stricter = (({"bound": 80}, {"bound": 156}), ({"least": 6}, {"least": 150}))


class TestKneeBudget(RecallContract):
    name = "knee_budget"
    looser_and_stricter = (
        ({"ratio": 3}, {"ratio": 6}),
        ({"factor": 5}, {"factor": 10}),
        ({"share": 0.6}, {"share": 0.75}),
    )


class TestQuant(RecallContract):
    name = "quant"
    looser_and_stricter = (({"recall": 0.8}, {"recall": 0.95}), ({"z": 0.0}, {"z": 2.0}))


class TestQuantCI(RecallContract):
    name = "quant_ci"
    looser_and_stricter = (({"recall": 0.8}, {"recall": 0.95}), ({"z": 1.0}, {"z": 2.0}))


class TestInhomogeneousPoisson(RecallContract):
    name = "inhomogeneous_poisson"
    looser_and_stricter = (
        ({"recall": 0.8}, {"recall": 0.95}),
        ({"alpha": 0.2}, {"alpha": 0.01}),
        ({"misfit": 9.0}, {"misfit": 0.05}),
        ({"minimum": 5}, {"minimum": 40}),
        ({"over": "rest"}, {"over": "all"}),
    )


class TestInhomogeneousPoissonOfAnExponentialRate(RecallContract):
    name = "inhomogeneous_poisson"
    parameters: ClassVar[dict[str, Any]] = {"model": "exponential", "alpha": 0.2}


class TestCurveFit(RecallContract):
    name = "curve_fit"
    looser_and_stricter = (({"recall": 0.8}, {"recall": 0.95}), ({"minimum": 5}, {"minimum": 40}))


class TestCurveFitOfAPowerCurve(RecallContract):
    name = "curve_fit"
    parameters: ClassVar[dict[str, Any]] = {"model": "power"}


class TestChao(RecallContract):
    name = "chao"
    looser_and_stricter = (({"recall": 0.8}, {"recall": 0.95}), ({"z": 0.0}, {"z": 1.96}))


class TestChaoOfSmoothedCounts(RecallContract):
    name = "chao"
    parameters: ClassVar[dict[str, Any]] = {"estimator": "rivest_baillargeon"}


@pytest.mark.parametrize("suite", RecallContract.__subclasses__())
def test_a_good_ranking_is_stopped_before_its_end(suite: type[RecallContract]) -> None:
    # a rule that stops only because nothing is left would pass the suite
    made = suite()
    rounds = made.settled()
    decisions = stopping.replay(made.rule(), [made.rule().observe(**inputs) for inputs in rounds])
    first = stopping.first_stop(decisions)
    assert first is not None
    assert rounds[first]["probs"].shape[0] > 0
