"""The public contract suite on the rules about margins, models, posteriors and measured metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from claros import stopping
from claros.stopping import Rule
from claros.testing.rounds import BATCH, ITEMS, ROUNDS, Round, coin_flip_rounds, learning_rounds, settled_rounds
from claros.testing.stopping import RuleContract


def make(name: str, **parameters: Any) -> Rule:
    return stopping.get(name, **parameters)


class TestMarginExhaustion(RuleContract):
    def rule(self) -> Rule:
        return make("margin_exhaustion")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (make("margin_exhaustion", margin=0.2), make("margin_exhaustion", margin=1.5)),
            (make("margin_exhaustion"), make("margin_exhaustion", over="stop_set")),
        ]


class TestMarginExhaustionOverTheStopSet(RuleContract):
    def rule(self) -> Rule:
        return make("margin_exhaustion", over="stop_set", margin=0.5)


class TestSaturatingSupportVectors(RuleContract):
    def rule(self) -> Rule:
        return make("saturating_support_vectors")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (make("saturating_support_vectors", tolerance=5), make("saturating_support_vectors", tolerance=1)),
            (make("saturating_support_vectors", window=1), make("saturating_support_vectors", window=4)),
        ]


class TestLowDensityCut(RuleContract):
    """Over two classes in two clouds; the model is right, guesses, or turns its boundary into the gap."""

    def rule(self) -> Rule:
        return make("low_density_cut", window=5, points=40)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(make("low_density_cut", window=3, points=40), make("low_density_cut", window=8, points=40))]

    def settled(self) -> list[Round]:
        return [{**round_, **self._seen(1.0, 0)} for round_ in settled_rounds()]

    def coin_flip(self) -> list[Round]:
        return [{**round_, **self._seen(0.0, number)} for number, round_ in enumerate(coin_flip_rounds())]

    def learning(self, seed: int) -> list[Round]:
        return [
            {**round_, **self._seen(number / (ROUNDS - 1), ROUNDS * seed + number)}
            for number, round_ in enumerate(learning_rounds(seed=seed))
        ]

    def _seen(self, right: float, seed: int) -> Round:
        sides = np.where(np.arange(ITEMS) % 2, 1.0, -1.0)
        points = np.random.default_rng(0).normal(size=(ITEMS, 2)) + 4.0 * sides[:, None]
        logits = right * points.sum(axis=1) + 4.0 * (1 - right) * np.random.default_rng(seed + 1).normal(size=ITEMS)
        probs = 1.0 / (1.0 + np.exp(-0.5 * logits))
        return {"stop_probs": np.column_stack([1 - probs, probs]), "stop_embeddings": points}


class TestGradientStability(RuleContract):
    def rule(self) -> Rule:
        return make("gradient_stability", threshold=0.7)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(make("gradient_stability", threshold=0.9), make("gradient_stability", threshold=0.3))]

    def settled(self) -> list[Round]:
        return [*_spread_guesses(3), *settled_rounds()]


def _spread_guesses(rounds: int) -> list[Round]:
    """Rounds of guesses about embeddings as long as those of the settled rounds."""
    embeddings = settled_rounds(1)[0]["stop_embeddings"]
    return [{**round_, "stop_embeddings": embeddings.copy()} for round_ in coin_flip_rounds(rounds)]


class TestGradientStabilityInItsOwnUnit(RuleContract):
    def rule(self) -> Rule:
        return make("gradient_stability", threshold=0.4, window=3, relative=False)

    def coin_flip(self) -> list[Round]:
        return _spread_guesses(ROUNDS)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        looser = make("gradient_stability", threshold=1.0, relative=False)
        return [(looser, make("gradient_stability", threshold=0.5, relative=False))]


class TestModelStability(RuleContract):
    def rule(self) -> Rule:
        return make("model_stability")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (make("model_stability", threshold=0.9), make("model_stability", threshold=1.0)),
            (make("model_stability", window=1, threshold=0.8), make("model_stability", window=4, threshold=0.8)),
        ]


def _always_new(rounds: list[Round]) -> list[Round]:
    """The rule sees labels and features only: here every batch is about columns that no earlier one had."""
    features = np.repeat(np.eye(len(rounds)), BATCH, axis=0)
    labels = np.random.default_rng(0).integers(0, 3, len(features))
    return [
        {
            **round_,
            "labels": labels[: BATCH * (number + 1)].copy(),
            "labeled_features": features[: BATCH * (number + 1)].copy(),
        }
        for number, round_ in enumerate(rounds)
    ]


class TestErrorStability(RuleContract):
    def rule(self) -> Rule:
        return make("error_stability", threshold=0.2)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(make("error_stability", threshold=0.5), make("error_stability", threshold=0.1))]

    def coin_flip(self) -> list[Round]:
        return _always_new(coin_flip_rounds())


class TestErrorStabilityInAbsoluteTerms(RuleContract):
    def rule(self) -> Rule:
        return make("error_stability", threshold=0.3, bound="absolute", window=3)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        def absolute(threshold: float) -> Rule:
            return make("error_stability", threshold=threshold, bound="absolute")

        return [(absolute(0.5), absolute(0.2))]

    def coin_flip(self) -> list[Round]:
        return _always_new(coin_flip_rounds())


class TestInformationLeft(RuleContract):
    def rule(self) -> Rule:
        return make("information_left")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(make("information_left", threshold=0.2), make("information_left", threshold=0.02))]


class TestInformationLeftAboutOtherItems(RuleContract):
    def rule(self) -> Rule:
        return make("information_left", kind="epig", window=2, targets=40)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        def epig(threshold: float) -> Rule:
            return make("information_left", kind="epig", threshold=threshold, targets=40)

        return [(epig(0.05), epig(0.001))]

    def coin_flip(self) -> list[Round]:
        """Members that each guess anew what three groups of items are called: a label would tell about all others.

        Members whose guesses about one item have nothing to do with those about another leave nothing for it to tell.
        """
        rng, groups = np.random.default_rng(0), np.arange(ITEMS) % 3
        made = []
        for round_ in coin_flip_rounds():
            names = np.stack([rng.permutation(3) for _ in range(4)], axis=1)  # (groups, members)
            members = np.where(np.eye(3)[names[groups]] > 0, 0.9, 0.05)
            made.append({**round_, "stop_member_probs": members})
        return made


class TestPlateau(RuleContract):
    """It sees the metric only: one that stands still stops it, whatever it is; one that grows does not."""

    def rule(self) -> Rule:
        return make("plateau")

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (make("plateau", min_delta=0.1), make("plateau", min_delta=0.001)),
            (make("plateau", window=2), make("plateau", window=7)),
        ]

    def coin_flip(self) -> list[Round]:
        return [{**round_, "metric": 0.03 * number} for number, round_ in enumerate(coin_flip_rounds())]


class TestPlateauThatCanBeSeen(RuleContract):
    def rule(self) -> Rule:
        return make("plateau", min_delta=0.11, level=0.95)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [(make("plateau", min_delta=0.11), make("plateau", min_delta=0.11, level=0.95))]

    def coin_flip(self) -> list[Round]:
        return [{**round_, "metric": 0.03 * number} for number, round_ in enumerate(coin_flip_rounds())]


class TestTargetAccuracy(RuleContract):
    def rule(self) -> Rule:
        return make("target_accuracy", target=0.9)

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        return [
            (make("target_accuracy", target=0.5), make("target_accuracy", target=0.8)),
            (make("target_accuracy", target=0.8, alpha=0.2), make("target_accuracy", target=0.8, alpha=0.01)),
        ]


class TestTargetAccuracyOfKnownLooks(RuleContract):
    def rule(self) -> Rule:
        return make("target_accuracy", target=0.9, looks=ROUNDS)
