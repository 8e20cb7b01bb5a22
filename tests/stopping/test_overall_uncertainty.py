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


def make(**parameters: Any) -> Rule:
    return stopping.get("overall_uncertainty", **parameters)


def value(rule: Rule, probs: Any) -> float | None:
    return rule.decide([rule.observe(stop_probs=probs)]).value


def test_worked_by_hand() -> None:
    probs = [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
    assert value(make(), probs) == pytest.approx(math.log(2) / math.log(3) / 2)
    assert value(make(measure="least_confidence"), probs) == pytest.approx(0.25)
    assert value(make(measure="margin"), probs) == pytest.approx(0.5)
    assert value(make(), [[1.0, 0.0], [0.0, 1.0]]) == 0.0
    assert value(make(), [[0.5, 0.5], [0.5 + 1e-9, 0.5 - 1e-9]]) == pytest.approx(1.0)


def test_the_default_decides_as_small_text_does() -> None:
    # its rule: mean over the set of scipy's entropy divided by log C, strictly below 0.05
    rng = np.random.default_rng(0)
    stops = 0
    for _ in range(200):
        classes = int(rng.integers(2, 8))
        probs = rng.dirichlet(np.full(classes, 10 ** rng.uniform(-3, 0)), 40)
        expected = np.mean([entropy(row) for row in probs]) / np.log(classes)
        decision = make().decide([make().observe(stop_probs=probs)])
        assert decision.value == pytest.approx(expected, abs=1e-12)
        assert decision.stop == (expected < 0.05)
        stops += decision.stop
    assert 20 < stops < 180, "both answers must come up for this test to mean anything"


def test_it_stops_strictly_below_the_threshold() -> None:
    probs = [[0.75, 0.25], [0.25, 0.75]]  # least confidence 0.25, exactly
    assert not make(measure="least_confidence", threshold=0.25).decide([make().observe(stop_probs=probs)]).stop
    above = math.nextafter(0.25, 1)
    assert make(measure="least_confidence", threshold=above).decide([make().observe(stop_probs=probs)]).stop
    certain = [[1.0, 0.0], [0.0, 1.0]]
    assert not make(threshold=0).decide([make().observe(stop_probs=certain)]).stop


def test_the_measures_tell_different_things_apart() -> None:
    # the two largest are equal in both rows, the rest differs: margin sees no difference, the others do
    narrow, wide = [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]], [[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]]
    assert value(make(measure="margin"), narrow) == value(make(measure="margin"), wide)
    for measure in ("entropy", "least_confidence"):
        below, above = value(make(measure=measure), narrow), value(make(measure=measure), wide)
        assert below is not None
        assert above is not None
        assert below < above


def test_a_trace_can_be_replayed_with_another_measure() -> None:
    probs = np.random.default_rng(1).dirichlet([1, 1, 1], 30)
    trace = [make().observe(stop_probs=probs)]
    expected = np.mean(1 - probs.max(axis=1))
    assert make(measure="least_confidence").decide(trace).value == pytest.approx(expected, abs=1e-12)


def test_probabilities_in_torch_and_float32_give_the_same() -> None:
    probs = np.random.default_rng(2).dirichlet([1, 1, 1, 1], 50)
    expected = make().observe(stop_probs=probs)
    assert make().observe(stop_probs=torch.tensor(probs)) == pytest.approx(expected, abs=1e-12)
    assert make().observe(stop_probs=probs.astype(np.float32)) == pytest.approx(expected, abs=1e-6)


def test_a_class_that_the_model_does_not_know_counts_in_the_normalisation() -> None:
    two, three = [[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]]
    smaller, larger = value(make(), three), value(make(), two)
    assert smaller == pytest.approx(larger * math.log(2) / math.log(3))  # type: ignore[operator]


def test_a_round_in_which_the_classes_grow_waits_and_the_next_is_answered() -> None:
    sure2, sure3 = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    rule = make()
    decisions = replay(rule, [rule.observe(stop_probs=probs) for probs in (sure2, sure3, sure3)])
    assert [decision.ready for decision in decisions] == [True, False, True]
    assert "grew from 2 to 3" in decisions[1].reason


def test_a_column_that_goes_missing_is_an_error() -> None:
    rule = make()
    trace = [rule.observe(stop_probs=probs) for probs in ([[1.0, 0.0, 0.0]] * 2, [[1.0, 0.0]] * 2)]
    with pytest.raises(InputError, match="had 3 classes and has 2 in round 1"):
        rule.decide(trace)


def test_a_stop_set_that_shrinks_is_an_error() -> None:
    # what is still unlabeled is not a stop set: its mean moves because items leave it
    rule = make()
    trace = [rule.observe(stop_probs=[[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]][:n]) for n in (3, 2)]
    with pytest.raises(InputError, match="had 3 items and has 2 in round 1"):
        rule.decide(trace)


def test_a_model_that_saw_one_class_only_does_not_stop_it() -> None:
    # it is certain of that class for every item, and has learned nothing
    rule = make()
    constant = [[1.0, 0.0]] * 20
    assert not any(decision.ready for decision in replay(rule, [rule.observe(stop_probs=constant)] * 5))
    knowing = [[1.0, 0.0]] * 19 + [[0.0, 1.0]]
    assert first_stop(replay(rule, [rule.observe(stop_probs=probs) for probs in (constant, knowing)])) == 1


def test_one_class_in_all_is_not_ready() -> None:
    assert not make().decide([make().observe(stop_probs=[[1.0], [1.0]])]).ready


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[3.0, -1.0], [0.5, 0.5]], "negative values"),
        ([[2.0, 5.0], [0.5, 0.5]], "do not sum to 1"),
        ([[0.4, 0.4], [0.5, 0.5]], "do not sum to 1"),
        ([[math.nan, 0.5], [0.5, 0.5]], "non-finite"),
        ([0.5, 0.5], "must have 2 axes"),
        (np.zeros((0, 3)), "the stop set is empty"),
        (None, "needs stop_probs"),
    ],
)
def test_what_are_no_probabilities_is_refused(wrong: Any, message: str) -> None:
    # scipy's entropy would rescale the rows in silence
    with pytest.raises(InputError, match=message):
        make().observe(stop_probs=wrong)


@pytest.mark.parametrize("parameters", [{"threshold": -0.1}, {"threshold": None}, {"measure": "entropie"}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    decision = make(measure="least_confidence").decide([make().observe(stop_probs=[[0.75, 0.25], [0.25, 0.75]])])
    assert decision.reason == "The mean least confidence on the 2 items of the stop set is 0.2500, not below 0.05."
