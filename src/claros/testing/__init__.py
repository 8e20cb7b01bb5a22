"""What every strategy, memory, stopping rule, estimate and model must do: suites to inherit, for ours and for anyone's.

::

    from claros.testing import StrategyContract

    class TestMine(StrategyContract):
        def strategy(self):
            return my_package.mine

Run them with pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from claros.testing.estimates import EstimateContract
    from claros.testing.examples import example_inputs
    from claros.testing.memories import MemoryContract
    from claros.testing.models import ModelContract
    from claros.testing.stopping import RuleContract
    from claros.testing.strategies import StrategyContract

_OBJECTS = {
    "EstimateContract": "claros.testing.estimates",
    "MemoryContract": "claros.testing.memories",
    "ModelContract": "claros.testing.models",
    "RuleContract": "claros.testing.stopping",
    "StrategyContract": "claros.testing.strategies",
    "example_inputs": "claros.testing.examples",
}

__all__ = ["EstimateContract", "MemoryContract", "ModelContract", "RuleContract", "StrategyContract", "example_inputs"]


def __getattr__(name: str) -> Any:
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'claros.testing' has no attribute {name!r}")
