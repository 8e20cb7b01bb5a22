"""Consecutive irrelevant items, batch precision, 2399 and half."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, first_stop, replay


def decide(name: str, labels: Any, n_pool: int = 10_000, **parameters: Any) -> Decision:
    rule = stopping.get(name, **parameters)
    return rule.decide([rule.observe(labels=labels, n_pool=n_pool)])


def test_exactly_n_irrelevant_in_a_row_stop() -> None:
    # one package needs one more
    assert [decide("consecutive_irrelevant", [1] + [0] * n, n=5).stop for n in (4, 5, 6)] == [False, True, True]
    assert decide("consecutive_irrelevant", [1, 0, 0, 1, 0], n=2).value == 1.0


def test_a_first_irrelevant_item_does_not_stop_when_fewer_than_n_are_screened() -> None:
    # another looks at the last min(L, n) items, which are one
    assert not decide("consecutive_irrelevant", [0]).ready
    assert decide("consecutive_irrelevant", [0] * 49).reason == "49 items are screened and 50 must be."
    assert decide("consecutive_irrelevant", [0] * 50).stop


def test_a_relevant_item_starts_the_row_again() -> None:
    rule = stopping.get("consecutive_irrelevant", n=3)
    labels = [0, 0, 1, 0, 0, 0, 1]
    trace = [rule.observe(labels=labels[:n]) for n in range(1, 8)]
    assert [decision.stop for decision in replay(rule, trace)] == [False] * 5 + [True, False]


def test_a_cluster_that_comes_late_is_missed_by_it() -> None:
    # 10 relevant items, a gap of 60, then 90 more: a recall of 10 % where it stops
    labels = [1] * 10 + [0] * 60 + [1] * 90
    rule = stopping.get("consecutive_irrelevant")
    trace = [rule.observe(labels=labels[:n]) for n in range(10, 161, 10)]
    first = first_stop(replay(rule, trace))
    assert first is not None
    assert sum(labels[: 10 * (first + 1)]) / 100 == 0.1


def test_precision_is_of_the_last_items_whole_batches_of_them() -> None:
    # batches of 4 from the end: [0 0 1 0] and [1 0 0 0], 1 in 4 each
    labels = [1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0]
    assert decide("batch_precision", labels, batch=4, slack=2, precision=0.25).stop
    assert decide("batch_precision", labels, batch=4, slack=2, precision=0.25).value == 0.25
    assert not decide("batch_precision", labels, batch=4, slack=2, precision=0.2).stop
    assert not decide("batch_precision", labels[:7], batch=4, slack=2).ready


def test_five_in_two_hundred_stop_and_six_do_not() -> None:
    for found, stop in ((5, True), (6, False)):
        assert decide("batch_precision", [1] * 300 + [0] * (200 - found) + [1] * found).stop is stop


def test_one_rich_batch_of_the_last_ones_goes_on() -> None:
    assert decide("batch_precision", [0] * 200 + [1] * 100 + [0] * 300, slack=1).stop
    assert not decide("batch_precision", [0] * 200 + [1] * 100 + [0] * 300, slack=2).stop


def test_how_often_a_batch_is_looked_at_does_not_matter() -> None:
    labels = (np.random.default_rng(0).random(900) < np.linspace(0.2, 0, 900)).astype(int)
    rule = stopping.get("batch_precision", batch=100, precision=0.05)
    each = {n: rule.decide([rule.observe(labels=labels[:n])]) for n in range(0, 901, 20)}
    seldom = replay(rule, [rule.observe(labels=labels[:n]) for n in range(300, 901, 300)])
    assert seldom == [each[300], each[600], each[900]]


def test_2399_by_hand() -> None:
    # 100 found: 1.2 * 100 + 2399 = 2519
    for n, stop in ((2518, False), (2519, True)):
        decision = decide("rule_2399", [1] * 100 + [0] * (n - 100))
        assert (decision.stop, decision.threshold) == (stop, 2519.0)
    assert decide("rule_2399", [0] * 2399).stop
    assert decide("rule_2399", [1] * 5 + [0] * 5, constant=4).stop  # 1.2 * 5 is 6, whatever binary makes of it


def test_half_of_an_odd_collection_is_rounded_up() -> None:
    assert [decide("half", [0] * n, 7).stop for n in (3, 4)] == [False, True]
    assert [decide("half", [0] * n, 8).stop for n in (3, 4)] == [False, True]


def test_an_empty_collection_is_screened() -> None:
    assert decide("half", [], 0).stop


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("consecutive_irrelevant", {"n": 0}),
        ("batch_precision", {"precision": 1.5}),
        ("batch_precision", {"batch": 0}),
        ("batch_precision", {"slack": 0}),
        ("rule_2399", {"factor": -1}),
        ("rule_2399", {"constant": 0.5}),
        ("rule_2399", {"relevant": "yes"}),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        stopping.get(name, **parameters)


@pytest.mark.parametrize(
    "name", ["consecutive_irrelevant", "batch_precision", "rule_2399", "half", "knee", "knee_budget", "curve_fit"]
)
def test_rules_of_thumb_say_that_they_promise_nothing(name: str) -> None:
    assert stopping.get(name).guarantee.startswith("None: the rule promises no recall")  # type: ignore[attr-defined]
