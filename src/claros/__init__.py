"""What to label next, when to stop, and how good the model is by then.

Everything public is loaded on first use, so that ``import claros`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from claros import compose, data, estimate, experiment, models, report, shift, stopping, strategies
    from claros.campaign import Campaign
    from claros.strategy import Selection, Strategy, scorer, select, strategy

_OBJECTS = {
    "Campaign": "claros.campaign",
    "Selection": "claros.strategy",
    "Strategy": "claros.strategy",
    "scorer": "claros.strategy",
    "select": "claros.strategy",
    "strategy": "claros.strategy",
}
_MODULES = (
    "compose",
    "data",
    "errors",
    "estimate",
    "experiment",
    "inputs",
    "memory",
    "models",
    "report",
    "shift",
    "stopping",
    "strategies",
    "testing",
)

__all__ = [
    "Campaign",
    "Selection",
    "Strategy",
    "compose",
    "data",
    "estimate",
    "experiment",
    "models",
    "report",
    "scorer",
    "select",
    "shift",
    "stopping",
    "strategies",
    "strategy",
]


def __getattr__(name: str) -> Any:
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"claros.{name}")
    raise AttributeError(f"module 'claros' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
