from __future__ import annotations

import math
from typing import Any

import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("budget", **parameters)


def decide(rule: Rule, **counts: float) -> Decision:
    return rule.decide([rule.observe(**counts)])


def test_labels_stop_at_the_first_round_with_that_many() -> None:
    rule = make(labels=200)
    trace = [rule.observe(n_labeled=n, n_pool=1000) for n in (180, 199, 200, 220)]
    assert [decision.stop for decision in replay(rule, trace)] == [False, False, True, True]


def test_ten_rounds_buy_ten_batches_after_the_start() -> None:
    # asked after the training of round t, stop means: buy no more; round 0 is the model of the start labels
    rule, labels, bought, round = make(rounds=10, pool_exhausted=False), 20, 0, 0
    while not decide(rule, round=round).stop:
        labels, bought, round = labels + 20, bought + 1, round + 1
    assert (bought, labels) == (10, 220)


def test_no_rounds_stop_after_the_first_training() -> None:
    assert decide(make(rounds=0, pool_exhausted=False), round=0).stop
    assert decide(make(labels=0, pool_exhausted=False), n_labeled=0).stop


def test_a_share_is_of_the_pool_that_is_labeled() -> None:
    # one package calls the share of labeled items "percent of unlabeled"
    rule = make(share=0.25)
    assert not decide(rule, n_labeled=249, n_pool=1000).stop
    assert decide(rule, n_labeled=250, n_pool=1000).stop


def test_a_share_is_not_missed_by_rounding() -> None:
    # 0.1 * 300 and 0.07 * 100 are a little more than 30 and 7 in binary
    assert decide(make(share=0.1), n_labeled=30, n_pool=300).stop
    assert decide(make(share=0.07), n_labeled=7, n_pool=100).stop


def test_money_and_seconds_are_limits_too() -> None:
    money, time = make(spent=100.0, pool_exhausted=False), make(seconds=60, pool_exhausted=False)
    assert [decide(money, spent=spent).stop for spent in (99.99, 100.0, 130.5)] == [False, True, True]
    assert [decide(time, elapsed=elapsed).stop for elapsed in (59.9, 60.0)] == [False, True]


def test_an_empty_pool_stops_unless_told_not_to() -> None:
    assert decide(make(), n_labeled=50, n_pool=50).stop
    assert decide(make(labels=500), n_labeled=50, n_pool=50).stop
    assert not decide(make(labels=500, pool_exhausted=False), n_labeled=50).stop


def test_the_first_limit_that_is_reached_stops_and_is_named() -> None:
    rule = make(labels=1000, rounds=5, spent=10.0, pool_exhausted=False)
    decision = decide(rule, n_labeled=100, round=5, spent=2.5)
    assert decision == Decision(True, True, 1.0, 1.0, "5 of 5 rounds are used up.")
    assert decide(rule, n_labeled=100, round=1, spent=2.5).reason == "2.5 of 10 units of money are used."


def test_the_value_is_the_share_of_the_fullest_limit() -> None:
    decision = decide(make(labels=200, share=0.5), n_labeled=50, n_pool=150)
    assert decision.value == pytest.approx(50 / 75)
    assert decision.reason == "50 of 75 labels (50 % of the pool) are used."


def test_it_needs_only_what_its_limits_look_at() -> None:
    assert make().needs == ("n_labeled", "n_pool")
    assert make(labels=5, pool_exhausted=False).needs == ("n_labeled",)
    assert make(rounds=5, pool_exhausted=False).needs == ("round",)
    assert make(spent=1, seconds=1, pool_exhausted=False).needs == ("spent", "elapsed")
    assert make(share=0.5, pool_exhausted=False).needs == ("n_labeled", "n_pool")


def test_it_counts_nothing_itself() -> None:
    # a budget that counts from its construction starts again with every resume
    trace = [make(labels=100).observe(n_labeled=n, n_pool=1000) for n in (60, 80, 100)]
    assert first_stop(replay(make(labels=100), trace)) == 2
    assert make(labels=100).decide(trace[-1:]).stop
    assert make(labels=100).decide(trace[::-1]).stop is False  # the newest observation counts


@pytest.mark.parametrize(
    "parameters",
    [
        {"labels": -1},
        {"labels": 2.5},
        {"labels": True},
        {"share": 1.5},
        {"rounds": math.inf},
        {"spent": -0.01},
        {"seconds": math.nan},
        {"seconds": "1h"},
        {"pool_exhausted": 1},
        {"label": 5},
    ],
)
def test_a_wrong_limit_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_a_budget_without_any_limit_is_refused() -> None:
    with pytest.raises(InputError, match="no limit"):
        make(pool_exhausted=False)


def test_large_counts_are_printed_whole() -> None:
    assert "1234567 of 7654321 labels" in decide(make(labels=7654321), n_labeled=1234567, n_pool=10**8).reason
