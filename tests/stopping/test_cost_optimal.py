"""Go on while some number of further labels most likely pays."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import first_stop, replay
from claros.stopping.cost_optimal import CostOptimal


def observed(labels: Any, accuracies: Any, pool: int = 3000, rule: CostOptimal = CostOptimal()) -> list[dict[str, Any]]:  # noqa: B008
    pairs = zip(labels, accuracies, strict=True)
    return [rule.observe(n_labeled=int(n), n_pool=pool, metric=float(accuracy)) for n, accuracy in pairs]


LABELS = np.arange(20, 620, 20)


@pytest.mark.parametrize(("price", "optimum"), [(2e-3, 63), (5e-4, 126), (2.5e-4, 178), (1.25e-4, 252)])
def test_without_noise_it_stops_at_the_first_round_past_the_optimum_of_the_curve(price: float, optimum: int) -> None:
    # The error 0.05 + 8 / n costs 8 / n + price n, least at n = sqrt(8 / price): 63, 126, 179, 253. The next 20 labels
    # pay while 8 / n - 8 / (n + 20) > 20 price, that is while n (n + 20) < 8 / price: up to n = 54, 117, 169, 243.
    assert optimum == int(np.sqrt(8 / price))
    rule = CostOptimal(price)
    stopped = first_stop(replay(rule, observed(LABELS, 0.95 - 8 / LABELS)))
    assert stopped is not None
    expected = LABELS[(price * LABELS * (LABELS + 20) >= 8) & (LABELS >= 120)][0]  # 6 rounds are 120 labels
    assert abs(LABELS[stopped] - expected) <= 20


def test_it_goes_on_where_one_batch_does_not_pay_and_many_do() -> None:
    # Fast at first and then slow but long: with 120 of 100,000 labels the error 0.3 n^-0.1 falls by 0.0028 with the
    # next 20, and by 0.3 (120^-0.1 - 100000^-0.1) = 0.091 with all; at a price of 5e-7 those cost 0.05.
    trace = observed(LABELS[:6], 1 - 0.3 * LABELS[:6] ** -0.1, pool=100_000)
    assert not CostOptimal(price=5e-7).decide(trace).stop


def test_the_value_is_a_probability_that_falls_with_the_price() -> None:
    rng = np.random.default_rng(0)
    accuracies = 0.9 - LABELS**-0.5 + 0.02 * rng.normal(size=30) * np.sqrt(100 / LABELS)
    trace = observed(LABELS, accuracies)
    values = [CostOptimal(price).decide(trace).value for price in (0.0, 1e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1.0)]
    assert all(value is not None and 0 <= value <= 1 for value in values)
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    assert values[0] > 0.5
    assert values[-1] == 0.0


def test_without_a_price_it_never_stops_and_says_the_break_even_price() -> None:
    # Error 0.1 + 2 / n at n = 200 of 1000: m more gain 2 / 200 - 2 / (200 + m), per label 2 / (200 (200 + m)), most for
    # the smallest m, 20: 4.5e-5.
    labels = LABELS[:10]
    trace = observed(labels, 0.9 - 2 / labels, pool=1000)
    decision = CostOptimal().decide(trace)
    assert not decision.ready
    said = float(decision.reason.split("break-even price is ")[1].split()[0])
    assert said == pytest.approx(2 / (200 * 220), rel=0.1)
    assert CostOptimal(1.2 * said).decide(trace).stop
    assert not CostOptimal(0.8 * said).decide(trace).stop


def test_a_model_that_is_stuck_does_not_stop_it_and_a_perfect_one_does() -> None:
    stuck = CostOptimal(1e-2).decide(observed(LABELS, np.full(30, 0.9)))
    assert not stuck.ready
    assert "0.9 in all 30 rounds" in stuck.reason
    assert CostOptimal(1e-2).decide(observed(LABELS[:2], [1.0, 1.0])).stop


def test_it_waits_for_six_numbers_of_labels_and_while_the_accuracy_falls() -> None:
    rule = CostOptimal(1.0)
    assert "got 5" in rule.decide(observed(LABELS[:5], 0.9 - 2 / LABELS[:5])).reason
    repeated = observed([20, 20, 40, 40, 60, 60, 80], np.linspace(0.5, 0.6, 7))
    assert "got 4" in rule.decide(repeated).reason
    falling = rule.decide(observed(LABELS, 0.9 - 0.0005 * LABELS))
    assert not falling.ready
    assert "falls" in falling.reason


def test_it_waits_while_the_rise_has_no_end_in_sight() -> None:
    even = CostOptimal(1.0).decide(observed(LABELS, 0.02 + LABELS / 30_000))
    assert not even.ready
    assert "no end is in sight" in even.reason


def test_everything_labeled_stops_and_rounds_without_labels_are_left_out() -> None:
    assert CostOptimal(0.0).decide(observed([3000], [0.2])).stop
    assert not CostOptimal(1.0).decide(observed([0], [0.2])).ready
    with_start = observed([0, *LABELS], [0.1, *(0.9 - 2 / LABELS)])
    assert CostOptimal(1e-2).decide(with_start).stop


def test_labels_that_were_retracted_are_no_error() -> None:
    labels = [20, 40, 60, 80, 100, 120, 140, 130]
    assert CostOptimal(1e-2).decide(observed(labels, 0.9 - 2 / np.array(labels))).ready


@pytest.mark.parametrize("value", [-0.1, 1.2])
def test_a_metric_that_is_no_accuracy_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=r"metric must be an accuracy in \[0, 1\]; got"):
        CostOptimal(0.1).observe(n_labeled=20, n_pool=100, metric=value)


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(InputError, match="cost_optimal: price must be a number of at least 0; got -1"):
        stopping.get("cost_optimal", price=-1)


def test_a_decision_takes_as_long_after_ten_thousand_rounds_as_after_forty() -> None:
    labels = np.arange(20, 200_020, 20)
    trace = observed(labels, 0.9 - labels**-0.5, pool=1_000_000)
    rule = CostOptimal(1e-6)

    def fastest(rounds: int) -> float:
        times = []
        for _ in range(5):
            before = time.process_time()
            rule.decide(trace[:rounds])
            times.append(time.process_time() - before)
        return min(times)

    assert fastest(10_000) < 3 * fastest(40)


def test_it_is_told_the_price_over_the_worth_of_all_accuracy() -> None:
    told = CostOptimal().told(price=0.1, worth=20, warm=False)  # 0.1 a label, 2,000 for 1.00 of accuracy
    assert told.price == pytest.approx(0.1 / 2000)
    assert CostOptimal(price=0.5).told(price=0.1, worth=20, warm=False).price == 0.5
    assert CostOptimal().told(price=0.1, worth=None, warm=False).price is None
