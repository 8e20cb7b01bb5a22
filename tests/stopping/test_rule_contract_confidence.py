"""The public contract suite on the confidence family of rules.

Where a rule waits for something to fall or to creep upwards, the rounds in which it must stop are made to do so, and
windows are long enough that guesses do not fall so often in a row by chance (1 in 5040 with six falls).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from claros import stopping
from claros.arrays import Floats
from claros.stopping import Rule
from claros.testing.rounds import Round, settled_rounds
from claros.testing.stopping import RuleContract

Made = list[Round]


def get(name: str, **parameters: object) -> Rule:
    return stopping.get(name, **parameters)


def sure_of(codes: Sequence[int], sure: Floats | float) -> Floats:
    """Three classes, the given one with that probability."""
    sure = np.broadcast_to(np.asarray(sure, dtype=np.float64), np.shape(codes))[:, None]
    made: Floats = np.where(np.eye(3)[np.asarray(codes)] > 0, sure, (1 - sure) / 2)
    return made


def settled_but(name: str, of: str, sure: Callable[[int], Floats | float]) -> Made:
    """Settled rounds in which the model is so sure of the stop set, or of the batch."""
    rounds = settled_rounds()
    for number, one in enumerate(rounds):
        one[name] = sure_of(one[of], sure(number))
    return rounds


class TestMaxConfidence(RuleContract):
    def rule(self) -> Rule:
        return get("max_confidence", threshold=0.15)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (
                get("max_confidence", threshold=0.6, measure=measure),
                get("max_confidence", threshold=0.1, measure=measure),
            )
            for measure in ("entropy", "least_confidence", "margin")
        ]


class TestEntropyMcs(RuleContract):
    def rule(self) -> Rule:
        return get("entropy_mcs", threshold=0.15)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("entropy_mcs", threshold=0.6), get("entropy_mcs", threshold=0.2)),
            (get("entropy_mcs", threshold=0.3, over="unlabeled"), get("entropy_mcs", threshold=0.3)),
        ]


class TestEntropyMcsOfWhatIsUnlabeled(RuleContract):
    def rule(self) -> Rule:
        return get("entropy_mcs", threshold=0.15, over="unlabeled")


class TestSelectedAccuracy(RuleContract):
    def rule(self) -> Rule:
        return get("selected_accuracy")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("selected_accuracy", threshold=0.5), get("selected_accuracy", threshold=0.95)),
            (get("selected_accuracy"), get("selected_accuracy", bound=0.8)),
            (get("selected_accuracy", bound=0.8), get("selected_accuracy", bound=0.95)),
        ]


class TestSelectedAccuracyPooledWithABound(RuleContract):
    def rule(self) -> Rule:
        return get("selected_accuracy", window=5, bound=0.9)


class TestThresholdUpdate(RuleContract):
    def rule(self) -> Rule:
        return get("threshold_update", initial=0.3)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("overall_uncertainty", threshold=0.5), get("threshold_update", initial=0.5)),
            (get("threshold_update", initial=0.9, limit=0.6), get("threshold_update", initial=0.9, limit=0.2)),
            (get("selected_accuracy"), get("threshold_update", criterion="selected_accuracy")),
        ]


class TestThresholdUpdateOfTheExpectedError(RuleContract):
    def rule(self) -> Rule:
        return get("threshold_update", criterion="minimum_expected_error")


class TestThresholdUpdateOfTheMaximumUncertainty(RuleContract):
    def rule(self) -> Rule:
        return get("threshold_update", criterion="max_confidence", initial=0.3)


class TestThresholdUpdateOfTheSelectedAccuracy(RuleContract):
    def rule(self) -> Rule:
        return get("threshold_update", criterion="selected_accuracy")


class TestConfidenceDrop(RuleContract):
    def rule(self) -> Rule:
        return get("confidence_drop", window=6)

    def settled(self) -> Made:
        return settled_but("stop_probs", "stop_predictions", lambda number: 0.98 - 0.002 * number)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("confidence_drop", window=2), get("confidence_drop", window=4)),
            (get("confidence_drop", strict=False), get("confidence_drop")),
            (get("confidence_drop", mode="below_reference"), get("confidence_drop")),
        ]


class TestConfidenceBelowItsReference(RuleContract):
    def rule(self) -> Rule:
        return get("confidence_drop", window=20, mode="below_reference", measure="margin")

    def settled(self) -> Made:
        return settled_but("stop_probs", "stop_predictions", lambda number: 0.98 - 0.002 * number)


class TestStaticConfidence(RuleContract):
    def rule(self) -> Rule:
        return get("static_confidence", window=6)


class TestContradictoryInformation(RuleContract):
    def rule(self) -> Rule:
        return get("contradictory_information", window=6)

    def settled(self) -> Made:
        # one item is wrong, and ever less doubtful beside the others
        rounds = settled_but("batch_probs", "batch_labels", lambda number: np.array([0.6 + 0.01 * number] + [0.6] * 19))
        for one in rounds:
            one["batch_labels"][0] = (one["batch_labels"][0] + 1) % 3
        return rounds

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(get("contradictory_information", window=1), get("contradictory_information", window=3))]


class TestPerformanceConvergence(RuleContract):
    def rule(self) -> Rule:
        return get("performance_convergence", threshold=1e-7)

    def settled(self) -> Made:
        return settled_but("stop_probs", "stop_predictions", lambda number: 0.98 + 1e-7 * number)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("performance_convergence", threshold=loose), get("performance_convergence", threshold=tight))
            for loose, tight in ((1e-2, 1e-4), (1e-3, 1e-7))
        ]


class TestUncertaintyConvergence(RuleContract):
    def rule(self) -> Rule:
        return get("uncertainty_convergence", threshold=1e-6)

    def settled(self) -> Made:
        return settled_but("batch_probs", "batch_labels", lambda number: 0.98 + 1e-7 * number)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (
                get("uncertainty_convergence", threshold=loose, measure="margin"),
                get("uncertainty_convergence", threshold=tight, measure="margin"),
            )
            for loose, tight in ((1e-1, 1e-3), (1e-3, 1e-6))
        ]


def drawing_together(number: int, items: int) -> Floats:
    """Half of the items certain, the others ever surer."""
    return np.where(np.arange(items) % 2 == 0, 0.98, 0.5 + 0.01 * number)


class TestVarianceModel(RuleContract):
    def rule(self) -> Rule:
        return get("variance_model", window=6)

    def settled(self) -> Made:
        return settled_but("stop_probs", "stop_predictions", lambda number: drawing_together(number, 400))

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("variance_model"), get("variance_model", drop=0.001)),
            (get("variance_model", window=1), get("variance_model", window=3)),
        ]


class TestVarianceModelSelected(RuleContract):
    def rule(self) -> Rule:
        return get("variance_model_selected", window=6, drop=5e-4, measure="least_confidence")

    def settled(self) -> Made:
        return settled_but("batch_probs", "batch_labels", lambda number: drawing_together(number, 20))

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (get("variance_model_selected", drop=0), get("variance_model_selected", drop=0.01)),
            (get("variance_model_selected", window=1), get("variance_model_selected", window=3)),
        ]
