"""The public contract suite on the rule that weighs the price of labels against what they gain."""

from __future__ import annotations

import math
from collections.abc import Sequence

from claros import stopping
from claros.stopping import Rule
from claros.testing.rounds import Round, coin_flip_rounds, settled_rounds
from claros.testing.stopping import RuleContract


class TestCostOptimal(RuleContract):
    def rule(self) -> Rule:
        return stopping.get("cost_optimal", price=1e-3)

    def settled(self) -> list[Round]:
        """Accuracy that has risen and rises no more; one that never moved could as well be that of a stuck model."""
        rounds = settled_rounds()
        for place, inputs in enumerate(rounds):
            inputs["metric"] = 0.95 - 0.4 * math.exp(-inputs["n_labeled"] / 30) + 0.002 * (-1) ** place
        return rounds

    def coin_flip(self) -> list[Round]:
        """With a pool that is not used up at the end, at which anyone stops."""
        return [{**inputs, "n_pool": 10 * inputs["n_pool"]} for inputs in coin_flip_rounds()]

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        def make(price: float, threshold: float) -> Rule:
            return stopping.get("cost_optimal", price=price, threshold=threshold)

        return [(make(1e-3, 0.1), make(1e-4, 0.1)), (make(1e-4, 0.1), make(0, 0.1)), (make(1e-4, 0.5), make(1e-4, 0.1))]
