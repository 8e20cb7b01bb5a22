from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.svm import SVC

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("saturating_support_vectors", **parameters)


def decide(rule: Rule, counts: list[int]) -> list[Decision]:
    return replay(rule, [rule.observe(n_support_vectors=count) for count in counts])


def test_worked_by_hand() -> None:
    decisions = decide(make(), [10, 14, 14, 15, 15, 15])
    assert [decision.stop for decision in decisions] == [False] * 5 + [True]
    assert [decision.value for decision in decisions] == [None, None, 4.0, 1.0, 1.0, 0.0]
    assert decisions[-1].reason == (
        "The model has 15 support vectors; in the last 2 rounds their number changed by 0 at most, no more than 0."
    )


def test_the_comparisons_must_be_consecutive() -> None:
    # two rounds without a change in all, but never in a row: programs whose counter is not set back stop here
    assert first_stop(decide(make(), [5, 5, 8, 8, 9, 9, 12])) is None
    assert first_stop(decide(make(), [5, 5, 8, 8, 8])) == 4


def test_a_tolerance_counts_for_each_round_and_lets_a_drift_pass() -> None:
    assert first_stop(decide(make(tolerance=1), [10, 13, 14, 14])) == 3
    assert first_stop(decide(make(tolerance=1), [10, 12, 11, 13])) is None
    assert first_stop(decide(make(tolerance=1), [10, 11, 12])) == 2


def test_a_number_that_falls_has_changed_too() -> None:
    assert first_stop(decide(make(window=1), [9, 7, 5, 5])) == 3


def test_too_few_rounds_are_not_ready() -> None:
    assert [decision.ready for decision in decide(make(window=3), [7] * 5)] == [False, False, False, True, True]
    assert decide(make(window=3), [7])[0].reason.startswith("1 of 4 rounds are seen")


def test_a_model_without_support_vectors_waits() -> None:
    # a model of one class: the same 0 in every round is no saturation
    assert not any(decision.ready for decision in decide(make(), [0, 0, 0, 0]))
    assert first_stop(decide(make(), [0, 0, 6, 6, 6])) == 4


def test_it_stops_a_support_vector_machine_when_its_count_stands_still() -> None:
    points, classes = make_blobs([60, 60], centers=[[-2.5, 0], [2.5, 0]], cluster_std=0.8, random_state=0)
    labeled = [int(np.flatnonzero(classes == side)[0]) for side in (0, 1)]
    counts = []
    for _ in range(30):
        machine = SVC(kernel="linear", C=100.0).fit(points[labeled], classes[labeled])
        counts.append(int(machine.n_support_.sum()))
        left = np.setdiff1d(np.arange(120), labeled)
        labeled.append(int(left[np.argmin(np.abs(machine.decision_function(points[left])))]))
    for window in (1, 2, 4):
        still = [end >= window and len(set(counts[end - window : end + 1])) == 1 for end in range(len(counts))]
        assert [decision.stop for decision in decide(make(window=window), counts)] == still
        assert True in still
        assert not all(still[window:])


@pytest.mark.parametrize("count", [-1, 2.5, float("nan"), None])
def test_what_is_no_count_is_refused(count: Any) -> None:
    with pytest.raises(InputError, match="n_support_vectors"):
        make().observe(n_support_vectors=count)


@pytest.mark.parametrize("parameters", [{"window": 0}, {"tolerance": -1}, {"tolerance": 0.5}, {"window": True}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
