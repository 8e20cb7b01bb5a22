"""What the contract must know of the strategies for rare classes, several annotators, regression and small pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


class NoDirection(StrategyContract):
    """Its direction is in the tests beside this file: one candidate in doubt need not go first."""

    def preferred(self) -> None:
        return None


class Line(NoDirection):
    memory_factor = 6.0  # a line for each class


class MadeForItsSize(Line):
    nested = False


class Small(NoDirection):
    most_candidates = 2000


class NearTheQueries(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["features", "labeled_features", "labels"])
        inputs["labels"][:] = 0
        inputs["labels"][3] = 1
        inputs["features"][7] = 2.0 * inputs["labeled_features"][3]  # in the direction of the one rare item
        return inputs, 7


class AtABoundary(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["embeddings", "head_weights", "head_bias"])
        inputs["head_bias"][:] = 0.0
        inputs["embeddings"][:] = 3.0 * inputs["head_weights"][0]
        inputs["embeddings"][7] = 0.0  # every class is equally near
        return inputs, 7


class Asked(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs, place = super().preferred() or ({}, 0)
        inputs["annotations"][:] = -1
        return inputs, place


class Tokens(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["token_probs"])
        sure = np.array([0.97, 0.01, 0.01, 0.01])
        inputs["token_probs"][:] = sure
        inputs["token_probs"][7, :] = 0.0
        inputs["token_probs"][7, 0] = [0.4, 0.3, 0.2, 0.1]  # one token, of which nobody is sure
        return inputs, 7


class Far(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs({*self.strategy().needs, "labeled_features"})
        if "features" not in inputs:
            del inputs["labeled_features"]
        for name in {"features", "predicted_values"} & set(inputs):
            inputs[name][7] += 100.0
        return inputs, 7


class Spread(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(self.strategy().needs)
        inputs["member_values"][7] = 100.0 * np.arange(len(inputs["member_values"][7]))
        return inputs, 7


SUITES: dict[str, type[StrategyContract]] = {
    "galaxy": Line,
    "direct": MadeForItsSize,
    "similar": NearTheQueries,
    "base": AtABoundary,
    "quire": Small,
    "mcpal": Small,
    "emoc": Small,
    "active_lab": Asked,
    "mnlp": Tokens,
    "token_uncertainty": Tokens,
    "greedy_features": Far,
    "greedy_values": Far,
    "greedy_both": Far,
    "emcm": Spread,
    "value_variance": Spread,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "similar": [{"kind": "gcmi"}],
    "conditional_gain": [{"hardness": 0.5}],
    "token_uncertainty": [{"measure": "margin", "reduce": "max"}],
    "mcpal": [{"labels_ahead": 1, "width": 2.0}],
}
