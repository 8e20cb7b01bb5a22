"""What is special about the strategies that rank by what only a model can compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


class _Column(StrategyContract):
    """All alike in the one input, but for one item."""

    beside = 0.5

    def preferred(self) -> tuple[dict[str, Any], int]:
        (name,) = self.strategy().needs
        inputs = example_inputs([name])
        inputs[name][:] = 1.0
        inputs[name][23] = self.beside
        return inputs, 23


class Nearest(_Column):
    """The nearest to the boundary comes first."""


class Largest(_Column):
    beside = 1.5


class Grand(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        """As sure of all, one has a longer embedding."""
        inputs = example_inputs(["probs", "embeddings"])
        inputs["probs"][:] = np.array([0.7, 0.1, 0.1, 0.1])
        inputs["embeddings"][:] = inputs["embeddings"][0]
        inputs["embeddings"][23] *= 2.0
        return inputs, 23


SUITES: dict[str, type[StrategyContract]] = {
    "deepfool": Nearest,
    "bim": Nearest,
    "learning_loss": Largest,
    "egl_full": Largest,
    "grand": Grand,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {"grand": [{"bias": True}]}
