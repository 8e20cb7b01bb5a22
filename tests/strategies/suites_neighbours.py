"""What the contract must know of the strategies that look at neighbours and clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


class TypiClust(StrategyContract):
    nested = False
    memory_factor = 5.0  # the scaled features, and a tile of pairs

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["features"], {"N": 60})
        direction = inputs["features"][0] / np.linalg.norm(inputs["features"][0])
        rng = np.random.default_rng(1)
        inputs["features"] = direction + 0.1 * rng.normal(size=inputs["features"].shape)
        inputs["features"][1:32] = direction + 0.01 * rng.normal(size=(31, len(direction)))
        inputs["features"][13] = direction  # in the middle of the dense half
        return inputs, 13


class Contrastive(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs, place = super().preferred() or ({}, 0)
        inputs["labeled_probs"][:] = inputs["probs"][0]  # everything labeled is predicted as all but one are
        return inputs, place


class ClusterMargin(StrategyContract):
    nested = False

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs, place = super().preferred() or ({}, 0)
        inputs["clusters"] = np.zeros(len(inputs["probs"]), dtype=np.int64)
        inputs["clusters"][place] = 1  # the only one of its kind
        return inputs, place


SUITES: dict[str, type[StrategyContract]] = {
    "typiclust": TypiClust,
    "cal": Contrastive,
    "cluster_margin": ClusterMargin,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "typiclust": [{"most_clusters": 3}, {"smallest": 1}],
    "prob_cover": [{"radius": 0.4}, {"radius": 1.0}, {"classes": 7, "purity": 0.5}],
    "cal": [{"neighbours": 1}],
    "cluster_margin": [{"shortlist": 1.0}, {"size": 2.0}],
}
