"""Wrapped strategies pass the public suite as any other strategy does, also wrapped several times over."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from claros import strategies
from claros.strategy import Strategy
from claros.testing import StrategyContract


class NotNested(StrategyContract):
    nested = False


class Drawn(StrategyContract):
    """What must come first comes first only most of the time."""

    def preferred(self) -> tuple[dict[str, Any], int] | None:
        return None


class DrawnNotNested(Drawn):
    nested = False


class Dear(StrategyContract):
    """Of two items that the model is as unsure of, the cheap one comes first."""

    def preferred(self) -> tuple[dict[str, Any], int]:
        probs, costs = np.tile([0.97, 0.01, 0.01, 0.01], (60, 1)), np.full(60, 3.0)
        probs[[4, 30]] = [0.4, 0.35, 0.15, 0.1]
        costs[30] = 1.0
        return {"probs": probs, "costs": costs}, 30


class Weighted(StrategyContract):
    """The item that is sure as it is, and unsure once its second class is weighed up."""

    def preferred(self) -> tuple[dict[str, Any], int]:
        probs = np.tile([0.5, 0.1, 0.2, 0.2], (60, 1))
        probs[30] = [0.8, 0.1, 0.05, 0.05]  # 0.8 and 0.8 with these weights; the others become 0.5 and 0.8
        return {"probs": probs, "class_weights": np.array([1.0, 8.0, 1.0, 1.0])}, 30


SUITES: dict[str, type[StrategyContract]] = {
    "prefilter(margin, k_center, factor=3)": DrawnNotNested,
    "prefilter(random, badge)": DrawnNotNested,
    "prefilter(entropy, margin, factor=2)": NotNested,
    "subsample(margin, size=30)": Drawn,
    "subsample(k_center, share=0.5)": Drawn,
    "partitioned(badge, parts=4)": DrawnNotNested,
    "partitioned(margin, parts=3)": DrawnNotNested,
    "class_balanced(margin)": StrategyContract,
    "class_balanced(badge(method=sequential))": Drawn,
    "class_balanced(k_center)": Drawn,
    "class_balanced(kmeans)": DrawnNotNested,
    "stochastic(margin)": Drawn,
    "stochastic(bald, beta=8)": Drawn,
    "stochastic(entropy, kind=softmax, beta=5)": Drawn,
    "stochastic(margin, kind=rank)": Drawn,
    "mixture({margin: 0.5, k_center: 0.5})": DrawnNotNested,
    "mixture({random: 1, margin: 2, badge(temperature=0.5): 3})": DrawnNotNested,
    "random_share(margin, share=0.3)": DrawnNotNested,
    "random_share(badge)": DrawnNotNested,
    "per_cost(margin)": Dear,
    "stochastic(per_cost(bald))": Drawn,
    "tempered(margin, temperature=2)": StrategyContract,
    "tempered(badge, temperature=0.5)": StrategyContract,
    "tempered(bald, temperature=3)": StrategyContract,
    "prior_corrected(margin)": Weighted,
    "prior_corrected(badge)": Drawn,
    "malls(margin)": DrawnNotNested,
    "malls(badge, rule=square_root)": DrawnNotNested,
    "malls(entropy, rule=source, adjust=False)": StrategyContract,
    "seals(margin, neighbours=3)": DrawnNotNested,
    "anchor_al(margin, anchors=2, neighbours=4, size=20)": DrawnNotNested,
    "refine(random, margin, depth=2, draws=3)": DrawnNotNested,
    "switch(k_center, margin, at=2)": StrategyContract,
    "switch(margin, badge, at=1)": Drawn,
    "class_balanced(stochastic(tempered(prior_corrected(margin), temperature=2)))": Drawn,
    "random_share(prefilter(margin, partitioned(badge, parts=2), factor=5), share=0.2)": DrawnNotNested,
    "subsample(mixture({class_balanced(margin): 1, subsample(kmeans, size=40): 1}), size=50)": DrawnNotNested,
    "prefilter(subsample(per_cost(margin), share=0.8), class_balanced(entropy), factor=4)": DrawnNotNested,
}


def suite(expression: str, base: type[StrategyContract]) -> type[StrategyContract]:
    def strategy(self: StrategyContract) -> Strategy:
        return strategies.get(expression)

    return type("Test_" + re.sub(r"\W+", "_", expression), (base,), {"strategy": strategy})


for _expression, _base in SUITES.items():
    _suite = suite(_expression, _base)
    globals()[_suite.__name__] = _suite


@pytest.mark.parametrize("expression", SUITES)
def test_an_expression_is_a_name_that_gives_the_same_strategy_back(expression: str) -> None:
    made = strategies.get(expression)
    assert made.name == expression
    spec = json.loads(json.dumps(made.spec()))
    assert spec["parameters"] == {}
    assert strategies.from_spec(spec) == made
    assert strategies.get(spec["name"]).name == expression
