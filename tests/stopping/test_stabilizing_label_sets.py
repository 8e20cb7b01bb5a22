from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def decide(rule: Rule, rounds: Sequence[Any]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_label_predictions=predictions) for predictions in rounds])


def make(**parameters: Any) -> Rule:
    return stopping.get("stabilizing_label_sets", **parameters)


def masi(a: frozenset[int], b: frozenset[int]) -> float:
    if a == b:
        return 0.0
    monotony = 2 / 3 if a < b or b < a else 1 / 3 if a & b else 0.0
    return 1 - monotony * len(a & b) / len(a | b)


def alpha(before: Any, after: Any) -> float:
    first, second = ([frozenset(np.flatnonzero(row).tolist()) for row in table] for table in (before, after))
    pooled = np.mean([masi(a, b) for a, b in combinations(first + second, 2)])
    return float(1 - np.mean([masi(a, b) for a, b in zip(first, second, strict=True)]) / pooled)


def drifting(rng: np.random.Generator, items: int, labels: int, rounds: int) -> list[Any]:
    tables = [(rng.random((items, labels)) < 0.4).astype(np.int64)]
    for _ in range(rounds):
        tables.append(np.where(rng.random((items, labels)) < 0.1 * rng.random(), 1 - tables[-1], tables[-1]))
    return tables


def test_worked_by_hand() -> None:
    # {0} {1} against {0} {0, 1}: within items 0 and 2/3, so 1/3 on average
    # pooled {0} {1} {0} {0,1}: distances 1, 0, 2/3, 1, 2/3, 2/3 of the six pairs: 2/3; alpha = 1 - (1/3) / (2/3)
    assert decide(make(window=1), [[[1, 0], [0, 1]], [[1, 0], [1, 1]]])[-1].value == pytest.approx(0.5)


def test_it_is_the_mean_of_alphas_by_their_definition() -> None:
    rng = np.random.default_rng(0)
    for trial in range(6):
        window, labels = int(rng.integers(1, 4)), int(rng.integers(2, 11))
        rounds = drifting(rng, 15, labels, 8)
        alphas = [alpha(*step) for step in pairwise(rounds)]
        for number, decision in enumerate(decide(make(window=window, threshold=0.9), rounds)):
            assert decision.ready == (number >= window), trial
            if decision.ready:
                expected = np.mean(alphas[number - window : number])
                assert decision.value == pytest.approx(expected, abs=1e-12), trial
                assert decision.stop == (expected >= 0.9), trial


def test_the_first_stop_is_at_the_call_whose_index_is_the_window() -> None:
    # a NaN of the first call, kept in the window, made the authors' program need one call more
    table = [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    for window in (1, 2, 5):
        assert first_stop(decide(make(window=window, threshold=1.0), [table] * 9)) == window


def test_one_label_set_for_everything_waits() -> None:
    # nothing predicted, or the same two labels throughout: a division by zero, and so a NaN, in the authors' program
    for constant in ([[0, 0, 0]] * 20, [[1, 0, 1]] * 20):
        decisions = decide(make(), [constant] * 6)
        assert not any(decision.ready for decision in decisions)
        assert "all 20 label sets on the stop set were the same" in decisions[-1].reason
        assert first_stop(decide(make(on_constant="agree"), [constant] * 6)) == 3


def test_a_waiting_round_leaves_the_window_and_does_not_poison_it() -> None:
    found = [[0, 0]] * 18 + [[1, 0], [1, 1]]
    decisions = decide(make(), [[[0, 0]] * 20] * 3 + [found] * 6)
    # round 3 differs from a constant one: alpha is 0 there or below, and leaves the window at round 6
    assert [decision.ready for decision in decisions] == [False] * 5 + [True] * 4
    assert first_stop(decisions) == 6
    assert decisions[5].value == pytest.approx((alpha([[0, 0]] * 20, found) + 2) / 3)


def test_sets_that_share_labels_count_as_nearer_than_others() -> None:
    table = np.tile([[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]], (10, 1))
    smaller, other = table.copy(), table.copy()
    smaller[0] = [1, 0, 0]
    other[0] = [0, 0, 1]
    near, far = (decide(make(window=1), [table, changed])[-1].value for changed in (smaller, other))
    assert near is not None
    assert far is not None
    assert far < near < 1


def test_a_label_that_joins_was_not_predicted_before() -> None:
    two = [[1, 0], [0, 1], [1, 1]]
    three = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    assert decide(make(window=2), [two, three, three])[-1].value == 1.0
    wide = np.pad(three, ((0, 0), (0, 20)))
    assert decide(make(window=2), [two, three, wide])[-1].value == 1.0


def test_a_label_that_goes_missing_is_an_error() -> None:
    rule = make()
    trace = [rule.observe(stop_label_predictions=np.eye(3, labels)) for labels in (3, 3, 2)]
    with pytest.raises(InputError, match="had 3 labels and has 2 in round 2"):
        rule.decide(trace)


def test_a_stop_set_that_changes_is_an_error_that_says_so() -> None:
    rule = make()
    trace = [rule.observe(stop_label_predictions=np.eye(items, 3)) for items in (5, 4)]
    with pytest.raises(InputError, match="had 5 items and has 4 in round 1"):
        rule.decide(trace)


@pytest.mark.parametrize("labels", [1, 7, 8, 9, 64, 65, 300])
def test_any_number_of_labels_survives_the_trace(labels: int) -> None:
    rng = np.random.default_rng(labels)
    before, after = drifting(rng, 40, labels, 1)
    rule = make(window=1)
    trace = json.loads(json.dumps([rule.observe(stop_label_predictions=table) for table in (before, after)]))
    assert rule.decide(trace).value == pytest.approx(alpha(before, after), abs=1e-12)


def test_booleans_stand_for_labels() -> None:
    table = np.array([[1, 0], [0, 1]])
    rule = make()
    assert rule.observe(stop_label_predictions=table.astype(float)) == rule.observe(stop_label_predictions=table)


def test_reusing_one_buffer_does_not_settle_a_model_that_never_settles() -> None:
    rng = np.random.default_rng(2)
    rule, buffer, trace = make(threshold=0.5), np.zeros((200, 3), dtype=np.int64), []
    for _ in range(10):
        buffer[:] = rng.integers(0, 2, (200, 3))
        trace.append(rule.observe(stop_label_predictions=buffer))
    assert first_stop(replay(rule, trace)) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[0, 2]], "stop_label_predictions must be 1 where a label is predicted, else 0; got 2"),
        ([[0.5, 1]], "whole class codes"),
        ([[math.nan, 1]], "whole class codes"),
        ([0, 1], "must have 2 axes"),
        (np.zeros((0, 3)), "the stop set is empty"),
        (np.zeros((3, 0)), "at least one of axis K"),
        (None, "needs stop_label_predictions"),
    ],
)
def test_what_are_no_label_predictions_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(stop_label_predictions=wrong)


@pytest.mark.parametrize(
    "damage",
    [
        {"codes": "A"},
        {"codes": 5},
        {"bits": []},
        {"sets": "QUJD"},
        {"sets": "AAA="},
        {"sets": "A"},
        {"sets": None},
        {"labels": "3"},
    ],
)
def test_a_damaged_observation_is_refused(damage: dict[str, Any]) -> None:
    rule = make(window=1)
    good = rule.observe(stop_label_predictions=np.eye(3, 9))
    with pytest.raises(InputError, match="stabilizing_label_sets"):
        rule.decide([good, {**good, **damage}])


@pytest.mark.parametrize(
    "parameters", [{"window": 0}, {"threshold": 1.1}, {"on_constant": "nan"}, {"distance": "jaccard"}]
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    table = [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert decide(make(), [table] * 4)[-1].reason == (
        "Label sets of the 3 items of the stop set settled: the mean of the last 3 alphas is 1.0000, at least 0.99."
    )
