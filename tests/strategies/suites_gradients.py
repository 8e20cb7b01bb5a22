"""What is special about BAIT, the mixes, the weighted ones and the newer ones that cover."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.testing import StrategyContract, example_inputs


def far_one() -> tuple[dict[str, Any], int]:
    """Candidates of which one is farther from all that is labeled than any other."""
    inputs = example_inputs(["embeddings", "labeled_embeddings"])
    inputs["embeddings"][7] += 100.0
    return inputs, 7


class Bait(StrategyContract):
    nested = False  # it is pruned to its size

    @property
    def memory_factor(self) -> float:  # type: ignore[override]
        """All classes take N x C x C numbers by design; N x N, of 4,000 candidates, would be 80 times the inputs."""
        return 60.0 if self.strategy().parameters["method"] == "full" else 4.0


class AlfaMix(StrategyContract):
    nested = False

    def preferred(self) -> tuple[dict[str, Any], int]:
        """Two classes that differ in the first feature; one candidate is all but on the boundary between them."""
        inputs = example_inputs(["embeddings", "labeled_embeddings", "labels", "head_weights"])
        inputs["head_weights"] = np.zeros((4, 6))
        inputs["head_weights"][:2, 0] = 1.0, -1.0
        inputs["embeddings"][:] = 0.0
        inputs["embeddings"][:, 0] = 50.0
        inputs["embeddings"][21, 0] = 0.01
        return inputs, 21


class DropQuery(StrategyContract):
    nested = False

    def preferred(self) -> tuple[dict[str, Any], int] | None:
        """Half lie on the weights of a class, which no mask hides; of the others one is in the middle."""
        if self.strategy().parameters["rate"] != 0.75:
            return None
        rng = np.random.default_rng(0)
        weights, weak = rng.normal(size=(40, 400)), rng.normal(size=400)
        embeddings = np.repeat(weights[:1], 60, axis=0)
        pairs = 0.5 * rng.normal(size=(14, 400))
        embeddings[:14], embeddings[14:28], embeddings[31] = weak + pairs, weak - pairs, weak
        return {"embeddings": embeddings, "head_weights": weights}, 31


class Falcun(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int] | None:
        """Relevance to the power of 1 leaves the others a chance."""
        return super().preferred() if self.strategy().parameters["gamma"] >= 10.0 else None


class Clue(StrategyContract):
    nested = False

    def preferred(self) -> tuple[dict[str, Any], int]:
        """All the weight is on one candidate, which is then the centre."""
        inputs = example_inputs(["probs", "embeddings"])
        inputs["probs"][:] = np.eye(4)[0]
        inputs["probs"][17] = 0.25
        return inputs, 17


class KCenterLike(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        return far_one()


class RobustKCenter(StrategyContract):
    nested = False

    def preferred(self) -> tuple[dict[str, Any], int] | None:
        """The far one is what it is there to leave out, where it may leave out one."""
        return far_one() if self.strategy().parameters["outliers"] < 0.01 else None


class KMeansPlusPlus(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        """All but one lie where something is labeled."""
        inputs = example_inputs(["embeddings", "labeled_embeddings"])
        inputs["embeddings"][:] = inputs["labeled_embeddings"][3]
        inputs["embeddings"][7] += 1.0
        return inputs, 7


SUITES: dict[str, type[StrategyContract]] = {
    "bait": Bait,
    "alfa_mix": AlfaMix,
    "drop_query": DropQuery,
    "clue": Clue,
    "falcun": Falcun,
    "robust_k_center": RobustKCenter,
    "kmeans_plus_plus": KMeansPlusPlus,
    "lcmd": KCenterLike,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "bait": [{"method": "full"}, {"oversample": 1.0, "regularisation": 0.01}],
    "alfa_mix": [{"step": 1.0}],
    "drop_query": [{"enough": 1, "rate": 0.3}],
    "falcun": [{"gamma": 1.0}],
    "clue": [{"temperature": 0.3, "sample": 1}],
    "egl": [{"bias": True}],
    "kmeans": [{"iterations": 1}, {"sample": 1}],
    "robust_k_center": [{"outliers": 0.1}],
}
