"""The public contract suite on every estimate that is registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from claros import estimate
from claros.arrays import Floats
from claros.estimate import Estimator
from claros.estimate.active_testing import draw
from claros.testing.estimates import EstimateContract


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    powers = np.exp(logits / temperature - (logits / temperature).max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def world(rng: np.random.Generator, labeled: int, target: int, temperature: float) -> tuple[dict[str, Any], float]:
    """A model that is too sure of itself by one temperature, and its accuracy, from 50,000 items."""
    logits = rng.normal(size=(target + labeled, 3)) * 2
    true = softmax(logits)
    labels = (rng.random((labeled, 1)) > np.cumsum(true[target:], axis=1)[:, :2]).sum(axis=1)
    said = softmax(logits, 1 / temperature)
    at_random = np.ones(labeled, dtype=np.int64)
    inputs = {"labels": labels, "labeled_probs": said[target:], "labeled_at_random": at_random}
    return {"target_probs": said[:target], **inputs}, ACCURACY


#: Accuracy of predicting the likeliest of three classes whose logits are normal with standard deviation 2: the mean of
#: the largest probability, over a million draws (so right to 0.0002).
ACCURACY = float(softmax(np.random.default_rng(0).normal(size=(1_000_000, 3)) * 2).max(axis=1).mean())


class TestAverageConfidence(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("average_confidence")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        inputs, truth = world(rng, 1, 200, 1.0)
        return {"target_probs": inputs["target_probs"]}, truth


class TestAverageConfidenceWithLabels(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("average_confidence")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        return world(rng, 60, 400, 2.5)


class TestAverageThresholdedConfidence(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("atc")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        return world(rng, 60, 400, 2.5)


class TestAverageThresholdedEntropy(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("atc", score="negative_entropy")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        return world(rng, 100, 300, 0.7)


class TestDifferenceOfConfidences(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("doc")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        return world(rng, 60, 400, 2.5)


class TestLure(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("lure")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        expected = rng.beta(0.6, 3.4, 500)
        losses = (rng.random(500) < expected).astype(float)
        drawn = draw(expected, 60, rng)
        chances = {"acquisition_probabilities": drawn.probabilities, "n_pool": 500}
        return {"losses": losses[drawn.positions], **chances}, float(losses.mean())


class TestLureOfLosses(EstimateContract):
    admitted = 0.05

    def estimator(self) -> Estimator:
        return estimate.get("lure")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        expected = rng.gamma(1.0, 1.0, 500)
        losses = expected * rng.gamma(2.0, 0.5, 500)
        drawn = draw(expected, 60, rng)
        chances = {"acquisition_probabilities": drawn.probabilities, "n_pool": 500}
        return {"losses": losses[drawn.positions], **chances}, float(losses.mean())


class TestCrossValidation(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("cross_validation")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        truth = rng.uniform(0.5, 0.95)
        at_random = np.arange(120) % 2
        # what a strategy chose is wrong more often
        return {"correct": rng.random(120) < truth - 0.3 * (at_random == 0), "labeled_at_random": at_random}, truth


class TestPrevalence(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("prevalence")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        truth = rng.uniform(0.01, 0.5)
        return {"relevant": rng.random(70) < truth}, truth


class TestPrevalenceOfAFinitePool(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("prevalence")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        pool = rng.random(150) < rng.uniform(0.01, 0.5)
        return {"relevant": rng.choice(pool, 70, replace=False), "n_pool": 150}, float(pool.mean())


class TestRecall(EstimateContract):
    def estimator(self) -> Estimator:
        return estimate.get("recall")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        missed = int(rng.integers(1, 40))
        left = np.arange(900) < missed
        return {"n_found": 80, "n_unscreened": 900, "relevant": rng.choice(left, 200, replace=False)}, 80 / (
            80 + missed
        )


#: One of each family.
ERRORS: tuple[Callable[[Floats], Floats], ...] = (
    lambda labels: 0.1 + labels**-0.5,
    lambda labels: 0.1 + 0.6 * np.exp(-labels / 100),
    lambda labels: 0.05 + 30 / (labels + 60),
    lambda labels: 0.1 + 0.7 / (1 + (labels / 60) ** 1.2),
)


class TestLearningCurve(EstimateContract):
    """Rounds whose luck is normal, with a variance that falls as labels grow; what the next batch or more gains."""

    def estimator(self) -> Estimator:
        return estimate.get("learning_curve")

    def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
        labels = np.arange(20.0, 320.0, 20.0)
        error = ERRORS[rng.integers(len(ERRORS))]
        accuracies = 1 - error(labels) + 0.02 * rng.normal(size=15) * np.sqrt(100 / labels)
        at = int(rng.choice([320, 450, 600]))
        gain = error(labels[-1:]) - error(np.array([float(at)]))
        return {"label_counts": labels.astype(np.int64), "accuracies": accuracies, "at": at}, float(gain[0])


def test_every_registered_estimate_is_under_contract() -> None:
    suites = [suite for suite in globals().values() if isinstance(suite, type) and suite.__name__.startswith("Test")]
    assert {suite().estimator().name for suite in suites} == set(estimate.names())
