from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from claros import stopping
from claros.errors import InputError
from claros.stopping import Rule, first_stop, replay

SURE, HALF = [1.0, 0.0], [0.5, 0.5]


def make(**parameters: Any) -> Rule:
    return stopping.get("entropy_mcs", **parameters)


def test_the_value_is_the_largest_entropy_as_a_share_of_log_c() -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 3, 8):
        probs = rng.dirichlet([0.2] * classes, 60)
        labeled = rng.integers(0, 2, 60)
        expected = np.array([entropy(row) for row in probs]) / math.log(classes)
        everything, rest = make(), make(over="unlabeled")
        assert everything.decide([everything.observe(stop_probs=probs)]).value == pytest.approx(expected.max())
        decision = rest.decide([rest.observe(stop_probs=probs, stop_labeled=labeled)])
        assert decision.value == pytest.approx(expected[labeled == 0].max())


def test_one_item_that_cannot_be_told_is_enough_to_go_on() -> None:
    probs = [SURE] * 99 + [HALF]
    rule = make(threshold=0.99)
    assert not rule.decide([rule.observe(stop_probs=probs)]).stop
    # once that one is labeled, the rest decides
    rest = make(over="unlabeled")
    probs = [SURE, [0.0, 1.0], HALF]
    assert not rest.decide([rest.observe(stop_probs=probs, stop_labeled=[0, 0, 0])]).stop
    assert rest.decide([rest.observe(stop_probs=probs, stop_labeled=[0, 0, 1])]).stop


def test_it_stops_at_the_threshold_too() -> None:
    # two classes, torn: the share is 1 exactly; nothing but the last row is uncertain
    rule = make(threshold=1)
    assert rule.decide([rule.observe(stop_probs=[SURE, HALF])]).stop
    certain = make(threshold=0)
    assert certain.decide([certain.observe(stop_probs=[SURE, [0.0, 1.0]])]).stop


def test_it_stops_when_the_condition_is_met_in_the_last_round_only() -> None:
    rule = make()
    rounds = [[SURE, HALF], [SURE, HALF], [SURE, [0.0, 1.0]]]
    assert first_stop(replay(rule, [rule.observe(stop_probs=probs) for probs in rounds])) == 2


def test_what_it_needs_depends_on_what_it_looks_at() -> None:
    assert make().needs == ("stop_probs",)
    assert make(over="unlabeled").needs == ("stop_probs", "stop_labeled")
    with pytest.raises(InputError, match="stop_labeled"):
        make(over="unlabeled").observe(stop_probs=[SURE])


def test_a_trace_of_what_is_unlabeled_serves_the_whole_stop_set_as_well() -> None:
    trace = [make(over="unlabeled").observe(stop_probs=[SURE, [0.0, 1.0], HALF], stop_labeled=[0, 0, 1])]
    assert make(over="unlabeled").decide(trace).value == 0.0
    assert make().decide(trace).value == pytest.approx(1.0)


def test_a_stop_set_that_is_labeled_throughout_is_not_ready() -> None:
    rule = make(over="unlabeled")
    decision = rule.decide([rule.observe(stop_probs=[SURE, HALF], stop_labeled=[1, 1])])
    assert not decision.ready
    assert decision.reason == "All 2 items of the stop set are labeled, so 0 are left to look at."


def test_a_model_that_saw_one_class_only_is_not_ready() -> None:
    rule = make()
    assert not rule.decide([rule.observe(stop_probs=[SURE] * 10)]).ready


def test_torch_gives_the_same() -> None:
    probs, labeled = np.random.default_rng(1).dirichlet([1, 1, 1], 30), np.arange(30) % 2
    rule = make(over="unlabeled")
    expected = rule.observe(stop_probs=probs, stop_labeled=labeled)
    given = {"stop_probs": torch.tensor(probs), "stop_labeled": torch.tensor(labeled)}
    assert rule.observe(**given) == pytest.approx(expected)


@pytest.mark.parametrize("parameters", [{"threshold": -1}, {"over": "pool"}, {"over": None}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
