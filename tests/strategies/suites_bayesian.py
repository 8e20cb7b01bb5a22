"""What is special about strategies over predictions: which item must come first, and which parameters to try."""

from __future__ import annotations

from typing import Any

import numpy as np

import claros
from claros.testing import StrategyContract
from claros.testing.examples import by_candidate, example_inputs

#: Which item must come first in the inputs made up below.
PLACE = 17


class OnLogits(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        logits = np.tile([9.0, 0.0, -1.0, -2.0], (60, 1))
        logits[PLACE] = [0.5, 0.4, 0.3, 0.2]  # no class is far ahead, and none is large
        return {"logits": logits}, PLACE


class WithCosts(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        probs = np.tile([0.97, 0.01, 0.01, 0.01], (60, 1))
        probs[PLACE] = [0.4, 0.35, 0.15, 0.1]
        return {"probs": probs, "cost_matrix": 1.0 - np.eye(4)}, PLACE


class MultiLabel(StrategyContract):
    def preferred(self) -> tuple[dict[str, Any], int]:
        label_probs = np.tile([0.99, 0.02, 0.97], (60, 1))
        label_probs[PLACE] = [0.6, 0.55, 0.45]
        return {"label_probs": label_probs}, PLACE


class Tied(StrategyContract):
    """A strategy that gives many items the same score, so that which of them is picked depends on the permutation."""

    def test_the_order_of_the_candidates_does_not_matter(self) -> None:
        inputs = example_inputs(self._all_needs(), {"N": 203})
        order = np.random.default_rng(9).permutation(203)
        shuffled = {name: value[order] if by_candidate(name) else value for name, value in inputs.items()}
        scores, again = (claros.select(self.strategy(), 20, **given).all_scores for given in (inputs, shuffled))
        assert np.array_equal(scores[order], again)


class Cardinality(Tied):
    def preferred(self) -> tuple[dict[str, Any], int]:
        label_probs = np.tile([0.99, 0.02, 0.97], (60, 1))
        label_probs[PLACE] = [0.1, 0.0, 0.2]  # no label at all, where two are usual
        return {"label_probs": label_probs, "label_cardinality": 2.0}, PLACE


class LabelSets(Tied):
    def preferred(self) -> tuple[dict[str, Any], int]:
        label_probs = np.tile([0.99, 0.02, 0.97], (60, 1))
        label_probs[PLACE] = [0.45, 0.55, 0.45]  # unsure of all, and a set that nobody has
        return {"label_probs": label_probs, "label_sets": np.tile([1, 0, 1], (5, 1))}, PLACE


class Bemps(StrategyContract):
    nested = False


class Votes(Tied):
    def preferred(self) -> tuple[dict[str, Any], int]:
        inputs = example_inputs(["member_probs"])
        inputs["member_probs"][:] = [0.4, 0.3, 0.2, 0.1]  # all unsure, and all vote for the first class
        inputs["member_probs"][PLACE, ::2] = [0.3, 0.4, 0.2, 0.1]
        return inputs, PLACE


SUITES: dict[str, type[StrategyContract]] = {
    "bemps": Bemps,
    "cost_margin": WithCosts,
    "energy": OnLogits,
    "expected_cost": WithCosts,
    "label_cardinality_inconsistency": Cardinality,
    "adaptive_multilabel": Cardinality,
    "cvirs": LabelSets,
    "logit_margin": OnLogits,
    "mmc": MultiLabel,
    "multilabel_margin": MultiLabel,
    "variation_ratio": Votes,
    "vote_entropy": Votes,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "batch_bald": [{"samples": 1}, {"samples": 60}],
    "bemps": [{"score": "log"}],
    "energy": [{"temperature": 0.1}],
    "epig": [{"targets": 5}],
    "multilabel_margin": [{"reduce": "max"}, {"reduce": "min"}],
    "power_bald": [{"beta": 3.0}],
}
