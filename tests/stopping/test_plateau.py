from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, first_stop, replay
from claros.stopping.lookback import LOOKBACK
from claros.stopping.plateau import Plateau, wilson_width


def make(**parameters: Any) -> Plateau:
    rule = stopping.get("plateau", **parameters)
    assert isinstance(rule, Plateau)
    return rule


def decide(rule: Plateau, values: Any) -> list[Decision]:
    return replay(rule, [rule.observe(metric=value) for value in values])


def test_worked_by_hand() -> None:
    rule = make(window=2, min_delta=0.01)
    decisions = decide(rule, [0.60, 0.70, 0.69, 0.72, 0.725, 0.71])
    # the best of the last two over the best before: 0.70 over 0.60, 0.72 over 0.70, 0.725 over 0.70, then 0.725 over
    # 0.72, which is 0.005 and too little
    assert [decision.ready for decision in decisions] == [False, False, True, True, True, True]
    assert [decision.value for decision in decisions[2:]] == pytest.approx([0.10, 0.02, 0.025, 0.005])
    assert [decision.stop for decision in decisions] == [False] * 5 + [True]
    assert decisions[-1].reason == (
        "The last 2 rounds gained 0.005 over the best before, no more than 0.01; the best is 0.725 in round 4."
    )


def test_a_loss_is_brought_down() -> None:
    rule = make(window=2, min_delta=0.0, goal="min")
    decisions = decide(rule, [1.0, 0.5, 0.4, 0.45, 0.42])
    assert first_stop(decisions) == 4
    assert decisions[-1].value == pytest.approx(-0.02)
    assert "the best is 0.4 in round 2" in decisions[-1].reason


def test_it_waits_as_long_at_the_start_as_after_a_change() -> None:
    # baal's rule fires at 3 equal values the first time, and needs 4 after any change
    rule = make(window=3, min_delta=0.0)
    assert first_stop(decide(rule, [0.5] * 10)) == 3
    assert first_stop(decide(rule, [0.4, *[0.5] * 10])) == 4
    assert first_stop(decide(rule, [0.3, 0.4, *[0.5] * 10])) == 5


def test_the_tolerance_is_the_same_for_large_metrics() -> None:
    # with a relative tolerance of 1e-5, a perplexity that falls by 1 a round from 200000 on would not change at all
    falling = [200_000.0 - number for number in range(10)]
    assert first_stop(decide(make(window=3, min_delta=0.5, goal="min"), falling)) is None
    assert first_stop(decide(make(window=3, min_delta=3.0, goal="min"), falling)) == 3


def test_a_gain_of_exactly_min_delta_is_too_little_in_binary_too() -> None:
    # 0.81 - 0.80 is 0.010000000000000009
    assert first_stop(decide(make(window=1, min_delta=0.01), [0.80, 0.81])) == 1
    assert first_stop(decide(make(window=1, min_delta=0.01), [0.80, 0.8101])) is None


def test_a_value_that_only_comes_back_is_no_improvement() -> None:
    # a comparison with the newest value alone would take the way back up for progress
    assert first_stop(decide(make(window=3, min_delta=0.0), [0.9, 0.5, 0.6, 0.7, 0.8])) == 3


def test_slow_progress_counts_as_a_whole() -> None:
    assert first_stop(decide(make(window=3, min_delta=0.01), [0.004 * number for number in range(30)])) is None
    assert first_stop(decide(make(window=3, min_delta=0.01), [0.003 * number for number in range(30)])) == 3


def test_the_best_round_is_the_first_of_the_best_of_all() -> None:
    rule = make(window=2)
    trace = [rule.observe(metric=value) for value in (0.1, 0.8, 0.8, 0.7)]
    assert rule.best_round(trace) == 1
    assert rule.best_round([]) is None
    assert make(goal="min").best_round(trace) == 0


def by_definition(values: list[float], window: int, min_delta: float) -> list[bool]:
    """The best of the last ``window`` values is not better than the best of all earlier ones by more than that."""
    return [
        end > window and max(values[end - window : end]) - max(values[: end - window]) <= min_delta
        for end in range(1, len(values) + 1)
    ]


def test_looking_back_only_so_far_changes_nothing_until_it_stops() -> None:
    rng = np.random.default_rng(0)
    late = 0
    for _ in range(60):
        window, min_delta = int(rng.integers(1, 30)), float(rng.choice([0.0, 0.001, 0.02]))
        climb = np.cumsum(rng.exponential(0.02, 400) * (np.arange(400) % rng.integers(1, 12) == 0))
        values = np.round(climb[: int(rng.integers(150, 400))] + 0.05 * rng.random(), 6).tolist()
        values += np.round(values[-1] - rng.random(60), 6).tolist()
        expected = by_definition(values, window, min_delta)
        stops = [decision.stop for decision in decide(make(window=window, min_delta=min_delta), values)]
        first = expected.index(True)
        assert stops[: first + 1] == expected[: first + 1]
        assert stops[: LOOKBACK + window] == expected[: LOOKBACK + window]
        late += first > LOOKBACK + window
    assert late > 10, "some runs must be longer than what is looked back to"


def test_the_width_is_that_of_wilsons_interval() -> None:
    for right, n in ((0, 10), (3, 10), (50, 100), (900, 1000)):
        low, high = proportion_confint(right, n, alpha=0.1, method="wilson")
        assert wilson_width(right / n, n, 0.9) == pytest.approx(high - low)


def test_a_metric_from_few_labels_waits_until_a_gain_could_be_seen() -> None:
    rule = make(window=1, min_delta=0.05, level=0.95)
    # Wilson's interval at 0.9: 0.1191 wide for 100 labels, 0.0528 for 500, 0.0481 for 600
    counts = [100, 100, 500, 600]
    decisions = replay(rule, [rule.observe(metric=0.9, n_audited=n) for n in counts])
    assert [decision.ready for decision in decisions] == [False, False, False, True]
    assert [decision.stop for decision in decisions] == [False, False, False, True]
    assert decisions[1].reason == (
        "The metric is 0.9 from 100 labels, whose 95 % interval is 0.1191 wide, not narrower than 0.05."
    )
    assert not rule.decide([rule.observe(metric=0.0, n_audited=0)] * 2).ready
    assert make(window=1, min_delta=0.05).decide([make().observe(metric=0.9)] * 2).stop


def test_how_many_labels_the_documentation_names() -> None:
    enough = next(n for n in range(1, 2000) if wilson_width(0.9, n, 0.95) < 0.05)
    assert 550 <= enough <= 570


def test_ten_thousand_rounds_replay_within_a_second() -> None:
    rule = make()
    trace = [rule.observe(metric=number) for number in range(10_000)]
    started = time.process_time()
    assert first_stop(replay(rule, trace)) is None
    assert time.process_time() - started < 2.0  # twice the promise, for a busy machine


@pytest.mark.parametrize("metric", [math.nan, math.inf, "0.5", None])
def test_a_metric_that_is_no_number_is_refused(metric: Any) -> None:
    with pytest.raises(InputError, match="metric"):
        make().observe(metric=metric)


def test_with_level_the_metric_is_a_share() -> None:
    with pytest.raises(InputError, match=r"metric must be a share in \[0, 1\]; got 1.5"):
        make(level=0.95).observe(metric=1.5, n_audited=10)
    with pytest.raises(InputError, match="needs n_audited"):
        make(level=0.95).observe(metric=0.5)


@pytest.mark.parametrize(
    "parameters",
    [{"window": 0}, {"min_delta": -0.1}, {"goal": "up"}, {"level": 1.0}, {"level": 0.9, "min_delta": 0.0}],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
