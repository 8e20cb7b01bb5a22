from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.svm import SVC

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("margin_exhaustion", **parameters)


def decide(rule: Rule, values: Any, labeled: Any = None) -> Decision:
    labeled = np.zeros(len(values), dtype=int) if labeled is None else labeled
    return rule.decide([rule.observe(stop_decision_values=values, stop_labeled=labeled)])


#: Two classes: -1.5 and 2 are outside the margin of 1, 0.4 is inside.
VALUES = [[1.5, -1.5], [-0.4, 0.4], [-2.0, 2.0]]


def test_worked_by_hand() -> None:
    assert decide(make(), VALUES) == Decision(
        False,
        True,
        0.4,
        1.0,
        "The nearest of 3 unlabeled items of the stop set is 0.4000 from a boundary, inside the margin of 1.",
    )
    # the one inside is labeled, so the nearest that is left is 1.5 away
    left = decide(make(), VALUES, [0, 1, 0])
    assert (left.stop, left.value) == (True, 1.5)
    assert left.reason == (
        "The nearest of 2 unlabeled items of the stop set is 1.5000 from a boundary, not inside the margin of 1."
    )
    assert decide(make(over="stop_set"), VALUES, [0, 1, 0]).value == 0.4


def test_of_several_classes_the_nearest_boundary_counts() -> None:
    # the first item is sure of its class and undecided between "second" and "rest"
    assert decide(make(), [[3.0, -0.2, -2.0], [-2.0, 1.1, -1.4]]).value == 0.2
    assert decide(make(), [[3.0, -1.2, -2.0], [-2.0, 1.1, -1.4]]).stop


def test_a_point_on_the_margin_is_outside() -> None:
    on = [[1.0, -1.0], [-1.0, 1.0]]
    assert decide(make(), on).stop
    assert not decide(make(margin=math.nextafter(1, 2)), on).stop
    assert decide(make(margin=0), [[0.0, 0.0], [-1.0, 1.0]]).stop


def test_it_stops_a_support_vector_machine_when_the_margin_is_empty() -> None:
    # the loop of the paper: label what is nearest the boundary; the truth is worked out beside it
    points, classes = make_blobs([60, 60], centers=[[-2.5, 0], [2.5, 0]], cluster_std=0.8, random_state=0)
    rng = np.random.default_rng(0)
    stop_set = rng.choice(120, 80, replace=False)
    labeled = [int(np.flatnonzero(classes == side)[0]) for side in (0, 1)]
    rule, trace, empty = make(), [], []
    for _ in range(25):
        machine = SVC(kernel="linear", C=100.0).fit(points[labeled], classes[labeled])
        f = machine.decision_function(points)
        is_labeled = np.isin(stop_set, labeled)
        trace.append(
            rule.observe(
                stop_decision_values=np.column_stack([-f, f])[stop_set], stop_labeled=is_labeled.astype(np.int64)
            )
        )
        empty.append(bool(np.all(np.abs(f[stop_set][~is_labeled]) >= 1)))
        left = np.setdiff1d(np.arange(120), labeled)
        labeled.append(int(left[np.argmin(np.abs(f[left]))]))
    assert [decision.stop for decision in replay(rule, trace)] == empty
    assert 0 < empty.index(True) < 20
    assert empty[-1]


def test_labeled_support_vectors_keep_the_whole_stop_set_from_being_exhausted() -> None:
    # they lie on the margin or inside, up to the solver's tolerance
    points, classes = make_blobs(100, centers=[[-1.5, 0], [1.5, 0]], cluster_std=0.9, random_state=1)
    f = SVC(kernel="linear", C=1.0).fit(points, classes).decision_function(points)
    values, labeled = np.column_stack([-f, f]), (np.abs(f) < 1.01).astype(np.int64)
    assert decide(make(), values, labeled).stop
    assert not decide(make(over="stop_set"), values, labeled).stop


def test_a_small_c_is_never_done() -> None:
    points, classes = make_blobs(100, centers=[[-2, 0], [2, 0]], cluster_std=0.5, random_state=2)
    f = SVC(kernel="linear", C=1e-3).fit(points, classes).decision_function(points)
    assert not decide(make(), np.column_stack([-f, f])).stop


def test_a_model_that_gives_one_class_waits() -> None:
    one = decide(make(), [[5.0, -5.0], [4.0, -4.0]])
    assert not one.ready
    assert one.reason == "The model gives all 2 items of the stop set one class, so it has no boundary yet."
    assert not decide(make(), [[3.0], [2.0]]).ready


def test_a_stop_set_that_is_all_labeled_waits() -> None:
    decision = decide(make(), VALUES, [1, 1, 1])
    assert (decision.stop, decision.ready, decision.value) == (False, False, None)
    assert "All 3 items" in decision.reason
    assert decide(make(over="stop_set"), VALUES, [1, 1, 1]).ready


def test_the_nearer_stops_later() -> None:
    rule = make()
    trace = [
        rule.observe(stop_decision_values=np.array(VALUES) * factor, stop_labeled=[0, 0, 0]) for factor in (1, 2, 3)
    ]
    assert first_stop(replay(rule, trace)) == 2  # 0.4, 0.8, 1.2


def test_another_stop_set_is_an_error() -> None:
    rule = make(over="stop_set")
    trace = [rule.observe(stop_decision_values=VALUES[:n]) for n in (3, 2)]
    with pytest.raises(InputError, match="had 3 items and has 2 in round 1"):
        rule.decide(trace)


def test_it_needs_to_know_who_is_labeled_only_where_that_counts() -> None:
    assert make().needs == ("stop_decision_values", "stop_labeled")
    assert make(over="stop_set").needs == ("stop_decision_values",)


def test_values_in_torch_give_the_same() -> None:
    expected = make().observe(stop_decision_values=np.array(VALUES), stop_labeled=[0, 0, 1])
    assert make().observe(stop_decision_values=torch.tensor(VALUES, dtype=torch.float64), stop_labeled=[0, 0, 1]) == (
        expected
    )


@pytest.mark.parametrize(
    ("values", "labeled", "message"),
    [
        ([[math.nan, 1.0]], [0], "stop_decision_values has 1 non-finite"),
        (VALUES, [0, 1], "axis T"),
        (VALUES, [0, 2, 0], "stop_labeled must be 1 or 0; got 2"),
        (np.zeros((0, 2)), np.zeros(0, dtype=int), "the stop set is empty"),
        ([1.0, 2.0], [0, 0], "must have 2 axes"),
    ],
)
def test_damaged_inputs_are_refused(values: Any, labeled: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(stop_decision_values=values, stop_labeled=labeled)


@pytest.mark.parametrize("parameters", [{"margin": -1}, {"margin": math.inf}, {"over": "pool"}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
