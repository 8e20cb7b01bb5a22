from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Observation, Rule, first_stop, replay


def make(criterion: str = "minimum_expected_error", **parameters: Any) -> Rule:
    return stopping.get("threshold_update", criterion=criterion, **parameters)


def round_of(error: float, codes: Any) -> dict[str, Any]:
    """Predictions on the stop set, each of them wrong with the given probability as the model sees it."""
    codes = np.asarray(codes)
    return {"stop_predictions": codes, "stop_probs": np.where(np.eye(2)[codes] > 0, 1 - error, error)}


def decide(rule: Rule, rounds: list[dict[str, Any]]) -> list[Decision]:
    return replay(rule, [rule.observe(**one) for one in rounds])


def test_worked_by_hand() -> None:
    rounds = [
        round_of(0.30, [0, 1, 1, 0]),  # nothing to compare with
        round_of(0.15, [0, 1, 1, 1]),  # not below 0.1
        round_of(0.08, [0, 1, 0, 1]),  # below 0.1, one changed: on to 0.09
        round_of(0.095, [0, 1, 0, 1]),  # none changed, but not below 0.09
        round_of(0.07, [1, 1, 0, 0]),  # below 0.09, two changed: on to 0.08
        round_of(0.082, [1, 1, 0, 0]),  # not below 0.08
        round_of(0.075, [1, 1, 0, 0]),  # below 0.08 and none changed
    ]
    decisions = decide(make(), rounds)
    assert [one.ready for one in decisions] == [False] + [True] * 6
    assert [one.threshold for one in decisions] == [0.1, 0.1, 0.1, 0.09, 0.09, 0.08, 0.08]
    assert [one.stop for one in decisions] == [False] * 6 + [True]
    assert decisions[2].reason == (
        "The expected error on the stop set is 0.0800, below 0.1, but 1 of 4 predictions changed; next it is 0.09."
    )
    assert decisions[6].reason == (
        "The expected error on the stop set is 0.0750, below 0.08, and none of 4 predictions changed."
    )


def test_the_threshold_tightens_no_further_than_the_limit() -> None:
    rounds = [round_of(0.001, codes) for codes in ([0, 1], [1, 0]) * 10]
    decisions = decide(make(), rounds)
    expected = [0.1, *(round(0.1 - 0.01 * times, 2) for times in range(9))]
    assert [one.threshold for one in decisions] == [*expected, *[0.01] * 10]
    assert first_stop(decisions) is None
    assert decisions[-1].reason.endswith("2 of 2 predictions changed; it stays.")


def simulated(rounds: list[tuple[float | None, tuple[int, ...]]], numbers: tuple[float, float, float]) -> list[Any]:
    """The method as a loop with a state: the threshold of each round and whether it stops, None while it waits."""
    threshold, step, limit = numbers
    rises, answers, before = threshold < limit, [], None
    for value, codes in rounds:
        one_class = before == codes and len(set(codes)) == 1
        if before is None or value is None or one_class:
            answers.append((threshold, None))
        else:
            holds = value >= threshold if rises else value < threshold
            answers.append((threshold, holds and codes == before))
            if holds and codes != before:
                threshold = min(limit, threshold + step) if rises else max(limit, threshold - step)
        before = codes
    return answers


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_method_with_a_state_without_having_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made, rounds = [], []
    codes = rng.integers(0, 2, 6)
    for _ in range(60):
        if rng.random() < 0.5:
            codes = np.where(rng.random(6) < 0.3, 1 - codes, codes)
        error = float(rng.uniform(0, 0.3))
        one = round_of(error, codes)
        constant = bool((one["stop_probs"] == one["stop_probs"][0]).all())
        made.append(one)
        rounds.append((None if constant else 1 - float(one["stop_probs"].max(axis=1).mean()), tuple(codes.tolist())))
    numbers = {"initial": 0.25, "step": 0.03, "limit": 0.05}
    rule = make(**numbers)
    decisions = decide(rule, made)
    expected = simulated(rounds, (0.25, 0.03, 0.05))
    assert [one.threshold for one in decisions] == pytest.approx([threshold for threshold, _ in expected])
    assert [one.stop if one.ready else None for one in decisions] == [stop for _, stop in expected]
    # one decision from the trace alone is that of the pass over all
    trace = [rule.observe(**one) for one in made]
    assert [rule.decide(trace[: length + 1]) for length in range(60)] == decisions


def batch_of(right: int, size: int = 10) -> dict[str, Any]:
    predicted = np.arange(size) % 2
    labels = np.where(np.arange(size) < right, predicted, 1 - predicted)
    return {"batch_probs": np.eye(2)[predicted] * 0.6 + 0.2, "batch_labels": labels}


def test_accuracy_on_the_batch_tightens_upwards() -> None:
    rounds = [
        {"stop_predictions": [0, 1], **batch_of(10)},
        {"stop_predictions": [1, 0], **batch_of(8)},  # below 0.9
        {"stop_predictions": [0, 1], **batch_of(9)},  # at least 0.9, changed: on to 1
        {"stop_predictions": [0, 1], **batch_of(9)},  # none changed, but below 1
        {"stop_predictions": [0, 1], **batch_of(10)},
    ]
    decisions = decide(make("selected_accuracy"), rounds)
    assert [one.threshold for one in decisions] == [0.9, 0.9, 0.9, 1.0, 1.0]
    assert [one.stop for one in decisions] == [False] * 4 + [True]
    assert "accuracy on the last batch is 0.9000, at least 0.9, but 2 of 2 predictions changed" in decisions[2].reason


def test_the_batchs_uncertainty_and_the_mean_entropy_are_those_of_their_rules() -> None:
    rng = np.random.default_rng(3)
    given = {
        "stop_predictions": rng.integers(0, 3, 40),
        "stop_probs": rng.dirichlet([0.3] * 3, 40),
        "batch_probs": rng.dirichlet([0.3] * 3, 10),
        "batch_labels": rng.integers(0, 3, 10),
    }
    for criterion in ("overall_uncertainty", "minimum_expected_error", "max_confidence", "selected_accuracy"):
        alone, rule = stopping.get(criterion), make(criterion)
        expected = alone.decide([alone.observe(**given)]).value
        assert decide(rule, [given, given])[-1].value == pytest.approx(expected), criterion
        assert set(rule.needs) == {"stop_predictions", *alone.needs}


def test_with_one_threshold_it_is_the_criterion_where_nothing_changed() -> None:
    rng = np.random.default_rng(4)
    rounds, codes = [], rng.integers(0, 2, 8)
    for _ in range(60):
        codes = codes if rng.random() < 0.5 else rng.integers(0, 2, 8)
        rounds.append(round_of(float(rng.uniform(0, 0.1)), codes))
    criterion = stopping.get("minimum_expected_error", threshold=0.05)
    alone = decide(criterion, rounds)
    both = decide(make(initial=0.05, limit=0.05), rounds)
    for place in range(1, 60):
        unchanged = bool((rounds[place]["stop_predictions"] == rounds[place - 1]["stop_predictions"]).all())
        assert both[place].stop == (alone[place].stop and unchanged)
    assert sum(one.stop for one in both) > 5


def test_an_initial_threshold_beyond_the_usual_limit_is_its_own_limit() -> None:
    assert make(initial=0.005).spec()["parameters"]["limit"] == 0.005
    assert make("selected_accuracy", initial=0.5).spec()["parameters"]["limit"] == 1.0


def test_models_that_predict_one_class_never_stop_it() -> None:
    # nothing changes, and the batch, of that class, is predicted right
    one_class = {"stop_predictions": [0, 0, 0], **batch_of(10)}
    decisions = decide(make("selected_accuracy"), [one_class] * 5)
    assert not any(one.ready for one in decisions)
    assert "All 3 predictions on the stop set are one class" in decisions[-1].reason
    constant = {"stop_predictions": [0, 0], "stop_probs": [[1.0, 0.0], [1.0, 0.0]]}
    assert not any(one.ready for one in decide(make(), [constant] * 5))
    certain = {"stop_predictions": [0, 1], "batch_probs": [[1.0, 0.0]] * 4}
    assert not any(one.ready for one in decide(make("max_confidence"), [certain] * 5))


def test_a_class_that_joins_is_waited_for_and_tightens_nothing() -> None:
    two = round_of(0.05, [0, 1, 1])
    three = {
        "stop_predictions": [0, 1, 0],
        "stop_probs": np.pad(round_of(0.05, [0, 1, 0])["stop_probs"], ((0, 0), (0, 1))),
    }
    decisions = decide(make(), [two, two, three, three])
    assert [one.ready for one in decisions] == [False, True, False, True]
    assert [one.threshold for one in decisions] == [0.1] * 4


def test_rounds_without_a_batch_are_waited_for() -> None:
    empty = {"stop_predictions": [0, 1], "batch_probs": np.zeros((0, 2)), "batch_labels": []}
    full = {"stop_predictions": [0, 1], **batch_of(10)}
    decisions = decide(make("selected_accuracy"), [empty, full, empty, full])
    assert [one.ready for one in decisions] == [False, True, False, True]


def test_predictions_that_need_more_bits_have_changed() -> None:
    rounds = [{"stop_predictions": [0, top, 1], **batch_of(10)} for top in (255, 256, 256)]
    decisions = decide(make("selected_accuracy"), rounds)
    assert [one.threshold for one in decisions] == [0.9, 0.9, 1.0]
    assert first_stop(decisions) == 2


def test_a_stop_set_that_changes_is_an_error() -> None:
    rule = make("selected_accuracy")
    trace = [rule.observe(stop_predictions=codes, **batch_of(10)) for codes in ([0, 1], [0, 1, 1])]
    with pytest.raises(InputError, match="had 2 items and has 3 in round 1"):
        rule.decide(trace)


def test_an_observation_of_another_rule_within_the_trace_is_refused() -> None:
    rule = make()
    trace: list[Any] = [rule.observe(**round_of(0.3, [0, 1])) for _ in range(4)]
    trace[1] = {"foreign": 1}
    with pytest.raises(InputError, match="has no 'value'"):
        rule.decide(trace)


class Counted(Sequence[Observation]):
    """A trace that counts how often one of its observations is looked at."""

    def __init__(self, observations: list[dict[str, Any]]) -> None:
        self.observations, self.looks = observations, 0

    def __len__(self) -> int:
        return len(self.observations)

    @overload
    def __getitem__(self, place: int) -> Observation: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Observation]: ...
    def __getitem__(self, place: int | slice) -> Observation | Sequence[Observation]:
        found = self.observations[place]
        self.looks += len(found) if isinstance(place, slice) else 1
        return found


def test_a_replay_goes_over_the_trace_once() -> None:
    # a decision must look at every round before; a replay that made each by itself would look 500² / 2 times
    rule = make("overall_uncertainty")
    rng = np.random.default_rng(5)
    probs = rng.dirichlet([1, 1, 1], (500, 20))
    trace = Counted([rule.observe(stop_probs=one, stop_predictions=one.argmax(axis=1)) for one in probs])
    decisions = replay(rule, trace)
    assert trace.looks <= 20 * 500
    trace.looks = 0
    assert rule.decide(trace) == decisions[-1]
    assert trace.looks <= 500 + 20


def test_a_long_trace_is_replayed_in_linear_time() -> None:
    rule = make("overall_uncertainty")
    probs = np.random.default_rng(6).dirichlet([1, 1, 1], 500)
    trace = [rule.observe(stop_probs=probs, stop_predictions=probs.argmax(axis=1))] * 2000
    fastest = math.inf
    for _ in range(3):
        started = time.perf_counter()
        replay(rule, trace)
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 1.0, f"2,000 rounds took {fastest:.2f} s; 0.2 s are wanted, and 1 s allowed on a busy machine"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"criterion": "kappa"}, "criterion"),
        ({"criterion": None}, "criterion"),
        ({"initial": 1.5}, "initial"),
        ({"step": -0.1}, "step"),
        ({"limit": 0.2}, "limit must be at most initial"),
        ({"criterion": "selected_accuracy", "limit": 0.5}, "limit must be at least initial"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**parameters)
