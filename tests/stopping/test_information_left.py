from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("information_left", **parameters)


def decide(rule: Rule, rounds: list[Any]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_member_probs=members) for members in rounds])


def entropy(p: NDArray[np.float64]) -> float:
    p = p[p > 0]
    return -float(np.sum(p * np.log(p)))


def bald(members: NDArray[np.float64]) -> float:
    """Information of the label on the member, from the joint table of the two; (S, C)."""
    joint = members / len(members)
    return entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1)) - entropy(joint.ravel())


def epig(members: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Information of the label on another's label, from the joint table of the two, averaged; (S, C), (M, S, C)."""
    tables = [np.mean(members[:, :, None] * other[:, None, :], axis=0) for other in others]
    pieces = [entropy(t.sum(axis=0)) + entropy(t.sum(axis=1)) - entropy(t.ravel()) for t in tables]
    return float(np.mean(pieces))


#: Two members that are sure of different classes for the first item, and agree on the second.
TORN = [[[1.0, 0.0], [0.0, 1.0]], [[0.3, 0.7], [0.3, 0.7]]]


def test_worked_by_hand() -> None:
    # the label of the first item says which member is right: log 2 nats; that of the second says nothing
    decision = decide(make(window=1), [TORN])[0]
    assert decision.value == pytest.approx(math.log(2))
    assert decision.threshold == pytest.approx(0.01 * math.log(2))
    assert decision.reason == (
        "The most that a label of the 2 items of the stop set would tell about the members is 0.6931 nats, not below "
        "0.006931."
    )
    # on the average of both items: log 2 about the first item itself, nothing about the second
    assert decide(make(window=1, kind="epig"), [TORN])[0].value == pytest.approx(math.log(2) / 2)


def test_it_is_the_largest_information_worked_out_from_joint_tables() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        members = rng.dirichlet([0.5] * 3, (12, 5))
        expected = max(bald(item) for item in members)
        assert decide(make(window=1), [members])[0].value == pytest.approx(expected, abs=1e-12)
        expected = max(epig(item, members) for item in members)
        assert decide(make(window=1, kind="epig"), [members])[0].value == pytest.approx(expected, abs=1e-12)


def test_targets_are_spread_over_the_stop_set() -> None:
    # sorted by class, the first items would be of one kind
    members = np.random.default_rng(1).dirichlet([0.5] * 2, (9, 4))
    expected = max(epig(item, members[[0, 4, 8]]) for item in members)
    assert decide(make(window=1, kind="epig", targets=3), [members])[0].value == pytest.approx(expected, abs=1e-12)


def test_an_outlier_keeps_bald_up_and_not_epig() -> None:
    # the members disagree on one item of 200, whose label tells about nothing else
    sure = np.repeat(np.where(np.arange(200)[:, None] % 2, [0.01, 0.99], [0.99, 0.01])[:, None], 4, axis=1)
    sure[7] = [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert not decide(make(window=1), [sure])[0].stop
    assert decide(make(window=1, kind="epig"), [sure])[0].stop


def test_a_window_averages_the_last_rounds() -> None:
    agree = [[[0.9, 0.1], [0.9, 0.1]], [[0.3, 0.7], [0.3, 0.7]]]
    decisions = decide(make(window=2, threshold=0.5), [TORN, TORN, agree, agree])
    assert [decision.ready for decision in decisions] == [False, True, True, True]
    assert [decision.value for decision in decisions[1:]] == pytest.approx([math.log(2), math.log(2) / 2, 0.0])
    assert first_stop(decisions) == 2


def test_the_default_threshold_follows_the_classes_and_the_stop_is_strict() -> None:
    members = np.random.default_rng(2).dirichlet([1] * 5, (6, 3))
    decision = decide(make(window=1), [members])[0]
    assert decision.threshold == pytest.approx(0.01 * math.log(5))
    assert decision.value is not None
    assert not decide(make(window=1, threshold=decision.value), [members])[0].stop
    assert decide(make(window=1, threshold=math.nextafter(decision.value, 1)), [members])[0].stop
    assert not decide(make(window=1, threshold=0), [[[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2]])[0].stop


def test_a_committee_of_one_waits() -> None:
    # one member never disagrees with itself: 0 nats from the first round on
    decision = decide(make(window=1), [[[[0.9, 0.1]], [[0.2, 0.8]]]])[0]
    assert not decision.ready
    assert decision.reason == "A committee of 1 cannot disagree."


def test_members_that_were_trained_on_one_class_wait() -> None:
    constant = [[[1.0, 0.0]] * 3] * 4
    decisions = decide(make(window=1), [constant] * 5)
    assert not any(decision.ready for decision in decisions)
    assert "all 4 items of the stop set the same probabilities" in decisions[0].reason
    assert not decide(make(window=1), [[[[1.0]] * 2] * 3])[0].ready


def test_classes_that_join_are_waited_for() -> None:
    two = [[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2]
    three = [[[1.0, 0.0, 0.0]] * 2, [[0.0, 1.0, 0.0]] * 2]
    decisions = decide(make(window=1), [two, three, three])
    assert [decision.ready for decision in decisions] == [True, False, True]


def test_another_stop_set_is_an_error() -> None:
    with pytest.raises(InputError, match="had 2 items and has 1 in round 1"):
        decide(make(window=1), [TORN, TORN[:1]])


def test_a_trace_of_the_other_kind_is_refused() -> None:
    trace = [make(window=1).observe(stop_member_probs=TORN)]
    with pytest.raises(InputError, match="'epig'"):
        make(window=1, kind="epig").decide(trace)


@pytest.mark.parametrize("kind", ["bald", "epig"])
def test_torch_gives_the_same(kind: str) -> None:
    members = np.random.default_rng(3).dirichlet([1] * 3, (10, 4))
    expected = make(kind=kind, targets=4).observe(stop_member_probs=members)
    seen = make(kind=kind, targets=4).observe(stop_member_probs=torch.tensor(members))
    assert seen == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([[[math.nan, 1.0]]], "non-finite"),
        ([[[0.5, 0.4]]], "do not sum to 1"),
        (np.zeros((0, 2, 2)), "the stop set is empty"),
        ([[0.5, 0.5]], "must have 3 axes"),
    ],
)
def test_what_are_no_probabilities_is_refused(members: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(stop_member_probs=members)


@pytest.mark.parametrize(
    "parameters", [{"threshold": -0.1}, {"kind": "qbc"}, {"window": 0}, {"targets": 0}, {"threshold": "low"}]
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
