"""Query strategies by name; one file per family, loaded on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claros.registry import Registry
from claros.strategy import Strategy

__all__ = ["ALIASES", "REGISTRY", "from_spec", "get", "names"]

#: Other names that the field has for the same strategy.
ALIASES: Mapping[str, str] = {
    "breaking_ties": "margin",
    "core_set": "k_center",
}

#: The table: one line a strategy. Third parties add theirs by an entry point in the group ``claros.strategies``.
REGISTRY: Registry[Strategy] = Registry(
    "strategy",
    {
        "random": "claros.strategies.baseline:random",
        "least_confidence": "claros.strategies.uncertainty:least_confidence",
        "margin": "claros.strategies.uncertainty:margin",
        "entropy": "claros.strategies.uncertainty:entropy",
        "bald": "claros.strategies.bayesian:bald",
        "kmeans": "claros.strategies.coverage:kmeans",
        "k_center": "claros.strategies.coverage:k_center",
        "badge": "claros.strategies.hybrid:badge",
    },
    group="claros.strategies",
    aliases=ALIASES,
)


def get(name: str, /, **parameters: Any) -> Strategy:
    """The strategy of that name, with the given parameters over its defaults.

    >>> get("badge", temperature=2.0).spec()["parameters"]["temperature"]
    2.0
    """
    return REGISTRY.load(name).configure(**parameters)


def from_spec(spec: Mapping[str, Any]) -> Strategy:
    """The strategy that ``Strategy.spec()`` described."""
    return get(spec["name"], **spec.get("parameters", {}))


def names() -> list[str]:
    """All strategies' names."""
    return REGISTRY.names()
