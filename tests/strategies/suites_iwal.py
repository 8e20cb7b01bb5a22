"""IWAL flips coins: whoever is met first may be asked, so no one item must come first."""

from __future__ import annotations

from claros.testing.strategies import StrategyContract


class Coins(StrategyContract):
    def preferred(self) -> None:
        """None of one batch: that disagreement is asked about more often is tested over many picks."""


SUITES: dict[str, type[StrategyContract]] = {"iwal": Coins}
VARIANTS = {"iwal": [{"floor": 1.0}]}
