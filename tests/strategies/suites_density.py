"""What the contract must know of the strategies that weigh density, cut graphs and sort out the labeled."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


class LikeThePool(StrategyContract):
    """The candidate in the mean direction goes first."""

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["features"], {"N": 60})
        middle = inputs["features"] / np.linalg.norm(inputs["features"], axis=1, keepdims=True)
        inputs["features"][7] = np.delete(middle, 7, axis=0).mean(axis=0)
        return inputs, 7


class Saturated(LikeThePool):
    nested = False


class Unlike(StrategyContract):
    """The candidate far from all that is labeled goes first."""

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["features", "labeled_features"])
        inputs["features"][7] += 100.0
        return inputs, 7


class Discriminative(Unlike):
    nested = False


class Hierarchy(StrategyContract):
    nested = False


class Competence(StrategyContract):
    memory_factor = 6.0  # candidates against labeled items

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs, place = super().preferred() or ({}, 0)
        inputs["features"][:] = inputs["features"][0]
        inputs["labeled_features"][:] = inputs["features"][0]  # everything is covered, so doubt alone counts
        inputs["labels"][:] = 0
        return inputs, place


SUITES: dict[str, type[StrategyContract]] = {
    "graph_cut": LikeThePool,
    "saturated_coverage": Saturated,
    "disparity": Unlike,
    "hierarchical_kmeans": Hierarchy,
    "discriminative": Discriminative,
    "dcom": Competence,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "graph_cut": [{"trade_off": 0.1}],
    "disparity": [{"kind": "min"}],
    "information_density": [{"measure": "margin", "beta": 3.0}],
    "graph_density": [{"neighbours": 3}],
}
