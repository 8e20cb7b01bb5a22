"""Runs that are ready made."""

from __future__ import annotations

from claros.experiment.config import RunConfig, parse_config

__all__ = ["demo"]


def demo(seeds: int = 10) -> RunConfig:
    """Auto, margin and random on scikit-learn's digits with logistic regression, 20 labels a round up to 300."""
    return parse_config(
        {"data": "digits", "strategy": ["auto", "margin"], "start": 20, "batch": 20, "rounds": 14, "seeds": seeds}
    )
