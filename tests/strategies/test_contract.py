"""Every registered strategy, also one that is added tomorrow, passes the public suite; some with other parameters."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from claros import strategies
from claros.inputs import NEEDS
from claros.strategy import Strategy
from claros.testing import StrategyContract, example_inputs


class KCenter(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["embeddings", "labeled_embeddings"])
        inputs["embeddings"][7] += 100.0  # farther from all that is labeled than anything else
        return inputs, 7


class KMeans(StrategyContract):
    nested = False

    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["embeddings"], {"N": 60})
        inputs["embeddings"] -= inputs["embeddings"].mean(axis=0)
        inputs["embeddings"][13] = 1e-3  # next to the mean, which is the one centre
        return inputs, 13


#: What is special about some of ours; each family may say more in a module suites_<family>.py beside this one.
SUITES: dict[str, type[StrategyContract]] = {"k_center": KCenter, "kmeans": KMeans}
#: Parameters with which to run the suite once more.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "badge": [{"method": "sequential"}, {"bias": True, "temperature": 0.5}],
    "kmeans": [{"iterations": 1}],
}
#: Parameters instead of the usual ones, which take too long.
LIGHTER: dict[str, dict[str, Any]] = {}
for _file in sorted(Path(__file__).parent.glob("suites_*.py")):
    _family = importlib.import_module(_file.stem)
    SUITES.update(_family.SUITES)
    VARIANTS.update(_family.VARIANTS)
    LIGHTER.update(getattr(_family, "LIGHTER", {}))


def suite(name: str, parameters: dict[str, Any]) -> type[StrategyContract]:
    def strategy(self: StrategyContract) -> Strategy:
        return strategies.get(name, **parameters)

    title = "_".join(["Test", name, *(f"{key}_{value}" for key, value in parameters.items())])
    return type(title, (SUITES.get(name, StrategyContract),), {"strategy": strategy})


for _name in strategies.names():
    for _parameters in (LIGHTER.get(_name, {}), *VARIANTS.get(_name, [])):
        _suite = suite(_name, _parameters)
        globals()[_suite.__name__] = _suite


def test_the_suite_can_make_up_everything_in_the_vocabulary() -> None:
    made = example_inputs(NEEDS)
    assert set(made) == set(NEEDS)
    assert all(np.isfinite(value).all() for name, value in made.items() if NEEDS[name].kind != "graph")
