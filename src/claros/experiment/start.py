"""What a campaign is made with: the strategy for its first batch, the same for every arm, and that of the arm."""

from __future__ import annotations

from claros import strategies
from claros.errors import InputError
from claros.experiment.config import CONTROL, COVERAGE, STRATIFIED, UPPER_BOUND, Arm, Named
from claros.strategy import Strategy

__all__ = ["first_strategy", "later_strategy"]


def first_strategy(init: Named) -> Strategy:
    """The strategy that a campaign starts with; ``coverage`` is k-means over the pool's fixed features.

    A stratified start is chosen by the oracle; the strategy that is given back for it, random, is not asked.
    """
    if init.name == STRATIFIED:
        if init.parameters:
            raise InputError(f"A stratified start has no parameters; got {', '.join(init.parameters)}.")
        return strategies.get(CONTROL)
    return strategies.get("kmeans" if init.name == COVERAGE else init.name, **init.parameters)


def later_strategy(arm: Arm) -> Strategy:
    """The strategy of an arm; for the upper bound, whose batches are chosen for it, random, which is not asked."""
    return strategies.get(CONTROL) if arm.name == UPPER_BOUND else strategies.get(arm.name, **arm.parameters)
