"""What the contract must know of strategies that train networks of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


class Network(StrategyContract):
    """It trains for every call, so that its chances are counted over fewer of them."""

    repeats = 20
    memory_factor = 30.0  # layers over all items

    def preferred(self) -> tuple[dict[str, Any], int] | None:
        return None


class Critic(Network):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["probs", "features", "labeled_features"])
        inputs["probs"][:] = inputs["probs"][0]
        inputs["features"][:] = inputs["features"][:1]
        inputs["probs"][:], inputs["probs"][7] = [0.97, 0.01, 0.01, 0.01], 0.25
        return inputs, 7


SUITES: dict[str, type[StrategyContract]] = {
    "core_gcn": Network,
    "uncertain_gcn": Network,
    "vaal": Network,
    "waal": Critic,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {}
#: What takes long as it is, with less of what makes it so.
LIGHTER: dict[str, dict[str, Any]] = {"vaal": {"most_steps": 20, "hidden": 32}}


def apart(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Candidates of which the second half is unlike all that is labeled, and what is labeled."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(0, 0.3, (n // 2, 4)), rng.normal(0, 0.3, (n // 2, 4))
    near[:, 0] += 2.0
    far[:, 1] += 2.0
    labeled = rng.normal(0, 0.3, (n // 2, 4))
    labeled[:, 0] += 2.0
    return np.concatenate([near, far]), labeled
