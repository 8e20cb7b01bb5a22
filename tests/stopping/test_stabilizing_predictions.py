from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Observation, Rule, first_stop, replay

#: Published by the authors of the rule with their own program: predictions of seven models on three items.
AUTHORS = [[1, 0, 0], [1, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def decide(rule: Rule, rounds: Sequence[Any]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_predictions=predictions) for predictions in rounds])


def make(**parameters: Any) -> Rule:
    return stopping.get("stabilizing_predictions", **parameters)


def test_the_authors_vector_stops_at_the_seventh_call_only() -> None:
    decisions = decide(make(window=3, threshold=0.67, on_constant="agree"), AUTHORS)
    assert [decision.stop for decision in decisions] == [False] * 6 + [True]
    # kappas .4 .4 0 1 1 1, so means of three from the fourth call on
    assert [decision.value for decision in decisions[3:]] == pytest.approx([0.8 / 3, 1.4 / 3, 2 / 3, 1.0])
    assert [decision.ready for decision in decisions] == [False] * 3 + [True] * 4


def test_the_authors_vector_waits_by_default_because_its_last_models_are_constant() -> None:
    decisions = decide(make(window=3, threshold=0.67), AUTHORS)
    assert [decision.ready for decision in decisions] == [False, False, False, True, False, False, False]
    assert first_stop(decisions) is None
    assert "all 3 predictions on the stop set were one class" in decisions[-1].reason


def test_it_equals_the_mean_of_scikit_learns_kappas() -> None:
    rng = np.random.default_rng(0)
    for trial in range(20):
        window, classes = int(rng.integers(1, 5)), int(rng.integers(2, 6))
        rounds = [rng.integers(0, classes, 60)]
        for _ in range(12):
            keep = rng.random(60) < rng.random()
            rounds.append(np.where(keep, rounds[-1], rng.integers(0, classes, 60)))
        kappas = [cohen_kappa_score(before, after) for before, after in pairwise(rounds)]
        for number, decision in enumerate(decide(make(window=window, threshold=0.7), rounds)):
            if number < window:
                assert (decision.ready, decision.value, decision.stop) == (False, None, False), trial
            else:
                expected = np.mean(kappas[number - window : number])
                assert decision.value == pytest.approx(expected, abs=1e-12), trial
                assert decision.stop == (expected >= 0.7), trial


def test_the_first_stop_is_at_the_call_whose_index_is_the_window() -> None:
    # a model that is settled from the start: one package needed one call more, because a NaN sat in its window
    for window in (1, 2, 3, 7):
        assert first_stop(decide(make(window=window), [[0, 1, 1, 2]] * 12)) == window
    early = decide(make(window=3), [[0, 1, 1, 2]])[0]
    assert early.reason == "1 of 4 rounds are seen; the first that can stop is round 3, counted from 0."


def test_a_threshold_of_one_can_stop() -> None:
    # with "above" instead of "at least" it never could
    assert first_stop(decide(make(threshold=1.0), [[0, 1, 1, 2]] * 5)) == 3
    # and sums of exact ones stay exact, for any window and any counts
    rng = np.random.default_rng(1)
    for window in (3, 7, 10):
        predictions = rng.integers(0, 7, 1999)
        assert first_stop(decide(make(window=window, threshold=1.0), [predictions] * (window + 1))) == window


def test_a_model_that_predicts_one_class_is_never_called_settled() -> None:
    # two packages stop here at the earliest call: the model has not yet found the second class
    rounds = [[0] * 50] * 10
    assert not any(decision.ready for decision in decide(make(), rounds))
    assert first_stop(decide(make(on_constant="agree"), rounds)) == 3


def test_the_first_positives_are_waited_for() -> None:
    # five rounds of nothing but the majority class, then the rare class is found and kept
    found = [0] * 45 + [1] * 5
    decisions = decide(make(), [[0] * 50] * 5 + [found] * 6)
    # 0..4 constant; round 5 differs (kappa 0); kappas of rounds 6, 7, 8 are 1
    assert first_stop(decisions) == 8
    assert decisions[7].value == pytest.approx(2 / 3)


def test_models_that_name_different_single_classes_disagree_completely() -> None:
    # kappa is defined here: both marginals are certain, and not the same
    decisions = decide(make(window=1), [[0, 0, 0], [1, 1, 1]])
    assert decisions[1].value == 0.0


def test_successive_models_are_compared_and_not_all_pairs() -> None:
    # a slow drift: each step changes 1 of 20, so models two steps apart differ in 2 and all pairs agree less
    rounds = [[0] * (10 - step) + [1] * (10 + step) for step in range(4)]
    steps = [cohen_kappa_score(before, after) for before, after in pairwise(rounds)]
    all_pairs = [cohen_kappa_score(rounds[i], rounds[j]) for i in range(4) for j in range(i)]
    value = decide(make(), rounds)[-1].value
    assert value == pytest.approx(np.mean(steps))
    assert abs(np.mean(steps) - np.mean(all_pairs)) > 0.05  # else this test could not tell them apart


def test_reusing_one_buffer_does_not_settle_a_model_that_never_settles() -> None:
    rng = np.random.default_rng(2)
    rule, buffer, trace = make(), np.zeros(200, dtype=np.int64), []
    for _ in range(10):
        buffer[:] = rng.integers(0, 3, 200)
        trace.append(rule.observe(stop_predictions=buffer))
    assert first_stop(replay(rule, trace)) is None


def test_a_false_plateau_stops_it_and_patience_sees_through_it() -> None:
    a, b, c = [0, 1] * 50, [1, 0] * 50, [0, 0, 1, 1] * 25
    rounds = [a, a, b, c, c, c, c]
    rule = make(window=1)
    assert first_stop(decide(rule, rounds)) == 1
    assert first_stop(decide(rule.patience(3), rounds)) == 6


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64, np.float32, np.float64])
def test_any_dtype_of_codes_gives_the_same_observation(dtype: type) -> None:
    codes = np.array([0, 3, 2, 1])
    assert make().observe(stop_predictions=codes.astype(dtype)) == make().observe(stop_predictions=codes)


def test_torch_lists_and_strided_arrays_give_the_same_observation() -> None:
    codes = np.array([0, 3, 2, 1])
    expected = make().observe(stop_predictions=codes)
    strided = np.repeat(codes, 2)[::2]
    for same in (codes.tolist(), torch.tensor(codes), strided):
        assert make().observe(stop_predictions=same) == expected


@pytest.mark.parametrize(("top", "bits"), [(255, 8), (256, 16), (65535, 16), (65536, 32), (2**32 - 1, 32)])
def test_codes_are_packed_in_the_smallest_width_and_come_back(top: int, bits: int) -> None:
    rule = make(window=1)
    trace = json.loads(json.dumps([rule.observe(stop_predictions=[0, 1, top, 1])] * 2))
    assert trace[0]["bits"] == bits
    assert rule.decide(trace).value == 1.0
    changed = rule.observe(stop_predictions=[0, 1, 2, 1])
    assert rule.decide([trace[0], changed]).value == pytest.approx(cohen_kappa_score([0, 1, 3, 1], [0, 1, 2, 1]))


def test_two_thousand_predictions_take_less_than_three_kilobytes() -> None:
    assert len(json.dumps(make().observe(stop_predictions=np.arange(2000) % 10))) < 3000


def test_a_stop_set_that_changes_is_an_error_that_says_so() -> None:
    rule = make()
    trace = [rule.observe(stop_predictions=[0, 1] * half) for half in (5, 5, 4)]
    with pytest.raises(InputError, match="had 10 items and has 8 in round 2"):
        rule.decide(trace)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([-1, 0, 1], "negative class code"),
        ([0.5, 1.0], "whole class codes"),
        ([math.nan, 1.0], "whole class codes"),
        ([[0, 1]], "must have 1 axes"),
        (np.zeros(0, dtype=np.int64), "the stop set is empty"),
        (["cat", "dog"], "array of numbers"),
        ([0, 2**33], r"below 2\*\*32"),
        (None, "needs stop_predictions"),
    ],
)
def test_what_are_no_predictions_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(stop_predictions=wrong)


@pytest.mark.parametrize(
    "parameters",
    [
        {"window": 0},
        {"window": 2.5},
        {"window": True},
        {"threshold": 1.01},
        {"threshold": math.nan},
        {"threshold": "high"},
        {"on_constant": 0.99},
        {"patience": 3},
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


@pytest.mark.parametrize("damage", [{"codes": "A"}, {"codes": 5}, {"bits": 24}, {"bits": "8"}, {"codes": "é"}])
def test_a_damaged_observation_is_refused(damage: dict[str, Any]) -> None:
    rule = make(window=1)
    good = rule.observe(stop_predictions=[0, 1, 2])
    with pytest.raises(InputError, match="stabilizing_predictions"):
        rule.decide([good, {**good, **damage}])


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    decision = decide(make(), [[0, 1] * 1000] * 4)[-1]
    assert decision.reason == (
        "Predictions on the 2000 items of the stop set settled: the mean of the last 3 kappas is 1.0000, at least 0.99."
    )
    assert "fewer than 1000 items" in decide(make(), [[0, 1] * 100] * 4)[-1].reason
    assert "below 0.99" in decide(make(window=1), [[0, 1] * 100, [1, 0] * 100])[-1].reason


class Counted(Sequence[Observation]):
    """A trace that counts how many of its observations were looked at."""

    def __init__(self, trace: list[Observation]) -> None:
        self.trace, self.looks = trace, 0

    def __len__(self) -> int:
        return len(self.trace)

    @overload
    def __getitem__(self, place: int) -> Observation: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Observation]: ...
    def __getitem__(self, place: int | slice) -> Observation | Sequence[Observation]:
        self.looks += len(range(len(self.trace))[place]) if isinstance(place, slice) else 1
        return self.trace[place]


def test_a_decision_looks_at_the_last_observations_only() -> None:
    rule = make(window=3)
    trace = Counted([rule.observe(stop_predictions=[0, 1, 1])] * 500)
    rule.decide(trace)
    assert trace.looks == 4
    replay(rule, trace)
    assert trace.looks <= 4 + 4 * 500


def test_a_long_trace_is_replayed_in_linear_time() -> None:
    rule = make()
    rng = np.random.default_rng(3)
    trace = [rule.observe(stop_predictions=rng.integers(0, 10, 2000)) for _ in range(20)] * 100
    fastest = math.inf
    for _ in range(3):
        started = time.perf_counter()
        replay(rule, trace)
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 1.0, f"2,000 rounds took {fastest:.2f} s; 0.2 s are wanted, and 1 s allowed on a busy machine"


@pytest.mark.parametrize(
    ("window", "threshold"), [(3, 0.7), (3, 0.74), (3, 0.78), (3, 0.95), (3, 0.99), (5, 0.83), (5, 0.94)]
)
def test_a_mean_that_is_the_threshold_stops_though_its_sum_is_rounded(window: int, threshold: float) -> None:
    # 200 items a class, of each of which m change every round: kappa is 1 - m / 100, in every step
    m, state = round(100 * (1 - threshold)), np.repeat([0, 1], 200)
    rounds = [state]
    for _ in range(window):
        state = state.copy()
        ones, zeros = np.flatnonzero(rounds[-1] == 1), np.flatnonzero(rounds[-1] == 0)
        state[ones[:m]], state[zeros[-m:]] = 0, 1
        rounds.append(state)
    rule = stopping.get("stabilizing_predictions", window=window, threshold=threshold)
    decision = stopping.replay(rule, [rule.observe(stop_predictions=codes) for codes in rounds])[-1]
    assert decision.value == pytest.approx(threshold, abs=1e-12)
    assert decision.stop
    assert "at least" in decision.reason
    above = stopping.get("stabilizing_predictions", window=window, threshold=threshold + 1e-6)
    assert not stopping.replay(above, [above.observe(stop_predictions=codes) for codes in rounds])[-1].stop
