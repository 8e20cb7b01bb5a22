"""What is special about the bandits and LAL-RL: batches made for their size, drawn among arms or by a network."""

from __future__ import annotations

from typing import Any

from claros.testing import StrategyContract


class Learning(StrategyContract):
    nested = False

    def preferred(self) -> None:
        """None of one batch: random is an arm. Directions over rounds are tested with each of them."""


SUITES: dict[str, type[StrategyContract]] = dict.fromkeys(("tailor", "albl", "exp3", "lal_rl"), Learning)
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "tailor": [{"reward": "surprise", "arms": ["margin", "entropy"]}],
}
