"""What is special about the herding strategies and `auto`."""

from __future__ import annotations

from typing import Any

import numpy as np

import claros
from claros.testing import StrategyContract, example_inputs
from claros.testing.examples import SIZES

PLACE = 17


def ring() -> dict[str, Any]:
    """Items in pairs on opposite sides of one in the middle, which covers the others better than any of them does."""
    half = np.random.default_rng(0).normal(size=(SIZES["N"] // 2, SIZES["D"]))
    half[:, 0] = 0.0
    features = np.vstack([half, -half])
    features[:, 0] = 5.0  # the middle is a direction, for what looks at directions
    features[PLACE, 1:] = 0.0
    return {"features": features}


class Herding(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        return ring(), PLACE


class UHerding(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["features", "labeled_features", "probs"])
        inputs["labeled_features"][:2] = [[0.0] * 6, [0.01] + [0.0] * 5]  # close, so that the radius is small
        inputs["probs"][:] = [0.97, 0.01, 0.01, 0.01]
        inputs["probs"][PLACE] = [0.4, 0.35, 0.15, 0.1]
        return inputs, PLACE


class Auto(StrategyContract):
    nested = False  # the radius looks one batch ahead

    def test_the_same_seed_gives_the_same_picks(self) -> None:
        """As for all; but a seed changes little more than the radius, and the picks only where nothing is given."""
        auto = self.strategy()
        for inputs in (self._inputs(), {}):
            picks = [
                [claros.select(auto, 5, n=60, seed=seed, **inputs).indices.tolist() for seed in range(5)] for _ in "ab"
            ]
            assert picks[0] == picks[1]
        assert len({tuple(pick) for pick in picks[0]}) == 5

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["probs"])
        inputs["probs"][:] = [0.97, 0.01, 0.01, 0.01]
        inputs["probs"][PLACE] = [0.4, 0.35, 0.15, 0.1]
        return inputs, PLACE


SUITES: dict[str, type[StrategyContract]] = {
    "max_herding": Herding,
    "facility_location": Herding,
    "uherding": UHerding,
    "auto": Auto,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "max_herding": [{"normalize": "length", "sigma": 0.5}],
    "facility_location": [{"similarity": "euclidean"}],
    "uherding": [{"temperature": 0.5, "sigma": 0.5}],
    "auto": [{"switch": 0.0}],
}
