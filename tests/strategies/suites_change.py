"""What the contract must know of the strategies that weigh doubt against place, and of expected changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


class MadeForItsSize(StrategyContract):
    nested = False


class RankedBatch(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs, place = super().preferred() or ({}, 0)
        inputs["labeled_features"] = inputs["features"][:12]  # all are alike, and one is in doubt
        return inputs, place


class Glister(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        """The labeled items are of class 1 and predicted as 0: a step on the one predicted as 1 helps."""
        inputs = example_inputs(self.strategy().needs)
        sure = np.array([0.6, 0.2, 0.1, 0.1])
        inputs["probs"][:], inputs["labels"][:] = sure, 1
        inputs["probs"][7] = sure[[1, 0, 2, 3]]
        inputs["embeddings"][:], inputs["labeled_embeddings"][:] = 1.0, 1.0
        inputs["head_weights"][:], inputs["head_bias"][:] = 0.0, [3.0, 0.0, 0.0, 0.0]
        return inputs, 7


class Noise(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["embeddings", "head_weights"])
        inputs["embeddings"][7] *= 100.0
        return inputs, 7


class Fass(MadeForItsSize):
    def preferred(self) -> None:
        """It covers the doubtful ones, and need not begin with the most doubtful; test_ranked has its direction."""


SUITES: dict[str, type[StrategyContract]] = {
    "ranked_batch": RankedBatch,
    "fass": Fass,
    "informative_diverse": MadeForItsSize,
    "noise_stability": Noise,
    "glister": Glister,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "fass": [{"doubt": "margin", "factor": 2}],
}
