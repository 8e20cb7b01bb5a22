"""The public contract suite on the rules that ask whether predictions, or a committee's, are stable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from claros import stopping
from claros.stopping import Rule
from claros.testing.stopping import RuleContract


def pairs(name: str, *pairs: tuple[dict[str, Any], dict[str, Any]]) -> list[tuple[Rule, Rule]]:
    """Looser and stricter rules of that name."""
    return [(stopping.get(name, **looser), stopping.get(name, **stricter)) for looser, stricter in pairs]


class TestClassificationChange(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("classification_change")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return pairs(
            "classification_change",
            ({"epsilon": 0.2}, {"epsilon": 0.1}),
            ({"epsilon": 0.01}, {}),
            ({}, {"window": 3}),
            ({"epsilon": 0.1, "window": 2}, {"epsilon": 0.1, "window": 5}),
            ({"on_constant": "agree"}, {"on_constant": "wait"}),
        )


class TestPredictedChangeOfF(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("predicted_change_of_f")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return pairs(
            "predicted_change_of_f",
            ({"epsilon": 0.2}, {"epsilon": 0.05}),
            ({"window": 1}, {"window": 4}),
            ({"on_constant": "agree"}, {"on_constant": "wait"}),
            ({"positive": 2, "epsilon": 0.1}, {"positive": 2, "epsilon": 0.01}),
        )


class TestPredictedChangeOfFOfOneClass(RuleContract):
    ready_on_constant = True

    def rule(self) -> Rule:
        return stopping.get("predicted_change_of_f", positive=2, on_constant="agree")


class TestStabilizingPredictionsBound(RuleContract):
    # 400 items in three equal classes cannot show more than 1 - 1.5 (1 - 0.05^(1/400)) = 0.9888
    def rule(self) -> Rule:
        return stopping.get("stabilizing_predictions_bound", threshold=0.98)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        same = {"threshold": 0.95}
        without = stopping.get("stabilizing_predictions", **same)
        return [
            *pairs(
                "stabilizing_predictions_bound",
                ({"threshold": 0.8}, {"threshold": 0.95}),
                ({"threshold": 0.95, "confidence": 0.8}, {"threshold": 0.95, "confidence": 0.99}),
                ({"threshold": 0.9, "bound": "large_sample"}, {"threshold": 0.9}),
            ),
            (without, stopping.get("stabilizing_predictions_bound", **same)),
        ]


class TestStabilizingPredictionsBoundForLargeSamples(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("stabilizing_predictions_bound", threshold=0.98, bound="large_sample", window=1)


class TestStabilizingLabelSets(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("stabilizing_label_sets")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return pairs(
            "stabilizing_label_sets",
            ({"threshold": 0.9}, {"threshold": 0.95}),
            ({"on_constant": "agree"}, {"on_constant": "wait"}),
            ({"window": 1, "threshold": 1.0}, {"window": 4, "threshold": 1.0}),
        )


class TestRetrainingNoiseFloor(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("retraining_noise_floor")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        same = {"threshold": 0.97}
        without = stopping.get("stabilizing_predictions", **same)
        return [
            *pairs(
                "retraining_noise_floor",
                ({"threshold": 0.9}, {"threshold": 0.99}),
                ({"delta": 0.1}, {"delta": 0.0}),
                ({"least": 0.5}, {"least": 0.95}),
                ({"on_constant": "agree"}, {"on_constant": "wait"}),
            ),
            (stopping.get("retraining_noise_floor", **same), without),
        ]


class TestValidationAgreement(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("validation_agreement")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return pairs(
            "validation_agreement",
            ({"threshold": 0.7}, {"threshold": 0.95}),
            ({"flat": 0.2}, {"flat": 0.01}),
            ({"window": 2}, {"window": 5}),
        )


class TestIntrinsicStoppingCriterion(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("intrinsic_stopping_criterion")
