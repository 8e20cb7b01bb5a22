from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def decide(rule: Rule, rounds: Sequence[Any]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_predictions=predictions) for predictions in rounds])


def make(**parameters: Any) -> Rule:
    return stopping.get("classification_change", **parameters)


def test_worked_by_hand() -> None:
    # ten items; 3, 1 and 0 of them change
    rounds = [[0] * 5 + [1] * 5, [0] * 2 + [1] * 8, [0] * 3 + [1] * 7, [0] * 3 + [1] * 7]
    decisions = decide(make(), rounds)
    assert [decision.value for decision in decisions] == [None, 0.7, 0.9, 1.0]
    assert [decision.stop for decision in decisions] == [False, False, False, True]
    assert first_stop(decide(make(epsilon=0.1), rounds)) == 2
    assert first_stop(decide(make(epsilon=0.3), rounds)) == 1


def test_the_value_is_the_smallest_share_of_the_window() -> None:
    rng = np.random.default_rng(0)
    for trial in range(30):
        window, n = int(rng.integers(1, 5)), int(rng.integers(20, 80))
        rounds = [rng.integers(0, 3, n)]
        for _ in range(10):
            rounds.append(np.where(rng.random(n) < rng.uniform(0.7, 1.05), rounds[-1], rng.integers(0, 3, n)))
        shares = [np.mean(before == after) for before, after in pairwise(rounds)]
        for number, decision in enumerate(decide(make(window=window, epsilon=0.2), rounds)):
            assert decision.ready == (number >= window), trial
            if decision.ready:
                assert decision.value == pytest.approx(min(shares[number - window : number]), abs=1e-15)
                assert decision.stop == (min(shares[number - window : number]) >= 0.8 - 1e-12)


def test_ties_stop_at_every_epsilon_of_two_digits() -> None:
    # a hundred items of which exactly as many change as epsilon allows, and one more; 1 - 0.7 is not 0.3 in floats
    for allowed in range(100):
        before = np.arange(100) % 2
        after = np.where(np.arange(100) < allowed, 2, before)
        one_more = np.where(np.arange(100) < allowed + 1, 2, before)
        rule = make(epsilon=allowed / 100)
        decision = decide(rule, [before, after])[-1]
        assert decision.stop, allowed
        assert decision.value == decision.threshold
        assert not decide(rule, [before, one_more])[-1].stop, allowed


def test_a_false_plateau_stops_it_and_a_window_sees_through_it() -> None:
    # other packages have no window: one quiet round among loud ones, here the fourth, ends them
    rng = np.random.default_rng(1)
    loud = [rng.integers(0, 3, 50) for _ in range(8)]
    rounds = [*loud[:4], loud[3], *loud[4:], loud[7], loud[7], loud[7]]
    assert first_stop(decide(make(), rounds)) == 4
    assert first_stop(decide(make(window=3), rounds)) == 11
    assert first_stop(decide(make().patience(3), rounds)) == 11


def test_a_model_that_predicts_one_class_waits_until_it_finds_the_second() -> None:
    # other packages stop at the second round
    found = [0] * 45 + [1] * 5
    rounds = [[0] * 50] * 5 + [found] * 3
    decisions = decide(make(), rounds)
    assert [decision.ready for decision in decisions] == [False] * 5 + [True] * 3
    assert first_stop(decisions) == 6
    assert decisions[4].reason == (
        "In 1 of the last 1 rounds all 50 predictions on the stop set were one class, as in the round before, so "
        "agreement says nothing yet."
    )
    assert first_stop(decide(make(on_constant="agree"), rounds)) == 1


def test_models_that_name_different_single_classes_have_changed_everything() -> None:
    assert decide(make(), [[0, 0, 0], [1, 1, 1]])[-1].value == 0.0


def test_it_stops_on_less_change_and_not_on_more() -> None:
    before = np.arange(1000) % 4
    values = []
    for changed in (500, 100, 10, 0):
        after = np.where(np.arange(1000) < changed, (before + 1) % 4, before)
        values.append(decide(make(epsilon=0.01), [before, after])[-1])
    assert [decision.value for decision in values] == [0.5, 0.9, 0.99, 1.0]
    assert [decision.stop for decision in values] == [False, False, True, True]


def test_reusing_one_buffer_does_not_settle_a_model_that_never_settles() -> None:
    rng = np.random.default_rng(2)
    rule, buffer, trace = make(epsilon=0.1), np.zeros(200, dtype=np.int64), []
    for _ in range(10):
        buffer[:] = rng.integers(0, 3, 200)
        trace.append(rule.observe(stop_predictions=buffer))
    assert first_stop(replay(rule, trace)) is None


def test_a_stop_set_that_changes_is_an_error_that_says_so() -> None:
    rule = make()
    trace = [rule.observe(stop_predictions=[0, 1] * half) for half in (5, 5, 4)]
    with pytest.raises(InputError, match="had 10 items and has 8 in round 2"):
        rule.decide(trace)


@pytest.mark.parametrize(
    "damage", [{"codes": "A"}, {"codes": 5}, {"codes": []}, {"bits": 24}, {"bits": []}, {"bits": "8"}]
)
def test_a_damaged_observation_is_refused(damage: dict[str, Any]) -> None:
    rule = make()
    good = rule.observe(stop_predictions=[0, 1, 2])
    with pytest.raises(InputError, match="classification_change"):
        rule.decide([good, {**good, **damage}])


@pytest.mark.parametrize(
    "parameters",
    [
        {"epsilon": -0.1},
        {"epsilon": 1.1},
        {"epsilon": math.nan},
        {"window": 0},
        {"on_constant": "stop"},
        {"patience": 3},
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    rounds = [[0, 1] * 10, [0, 1] * 9 + [1, 1]]
    assert decide(make(), rounds)[-1].reason == (
        "1 of 20 predictions on the stop set changed in the last round: 0.9500 stayed, below 1."
    )
    assert decide(make(window=2, epsilon=0.1), [*rounds, rounds[-1]])[-1].reason == (
        "At most 1 of 20 predictions on the stop set changed in each of the last 2 rounds: 0.9500 stayed, at least 0.9."
    )


def test_ten_thousand_rounds_are_replayed_in_about_a_second() -> None:
    rng = np.random.default_rng(3)
    rule = make(window=3)
    trace = json.loads(json.dumps([rule.observe(stop_predictions=rng.integers(0, 10, 2000)) for _ in range(20)] * 100))
    fastest = math.inf
    for _ in range(3):
        started = time.perf_counter()
        replay(rule, trace)
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 1.0, f"2,000 rounds took {fastest:.2f} s; 0.1 s are usual, and 1 s allowed on a busy machine"
