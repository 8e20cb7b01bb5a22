"""The advisor: churn over half the labels, weighed against a price."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Advisor, first_stop, replay
from claros.stopping.rule import Observation

ITEMS = 1000


def _trace(rule: Advisor, rounds: list[tuple[int, list[int]]]) -> list[Observation]:
    return [rule.observe(n_labeled=n, stop_predictions=codes) for n, codes in rounds]


def _changed(n: int) -> list[int]:
    """Predictions of which the first n differ from those of ``_changed(0)``."""
    codes = np.arange(ITEMS) % 2
    codes[:n] = 1 - codes[:n]
    return codes.tolist()


def test_the_slope_is_the_churn_over_half_the_labels_by_hand() -> None:
    # Two models, of 100 and 220 labels; the second predicts 90 of 1000 items otherwise. 220 is 2.2 times 100, so the
    # first is compared with: churn .09 / ln 2.2 = .11415, slope .11415 / 4.0 = .028537.
    rule = Advisor()
    outlook = rule.outlook(_trace(rule, [(100, _changed(0)), (220, _changed(90))]))
    slope = 0.09 / math.log(2.2) / 4.0
    assert outlook.gain is not None
    assert outlook.gain.value == pytest.approx(math.log(2) * slope)  # 1.98 points for twice the labels
    assert outlook.gain.low == pytest.approx(math.log(2) * (slope - 0.75 * (slope + 0.01)))
    assert outlook.gain.high == pytest.approx(math.log(2) * (slope + 0.52 * (slope + 0.01)))
    assert outlook.break_even == pytest.approx(100 * slope / 220)  # points that one label brings
    # At a price of .002 points a label the next one brings .01297 / .002 = 6.5 times what it costs.
    priced = Advisor(price=0.002, worth=1)
    assert priced.decide(_trace(priced, [(100, _changed(0)), (220, _changed(90))])).value == pytest.approx(
        100 * slope / 220 / 0.002
    )


def test_the_models_around_the_half_and_the_last_three_rounds_are_averaged() -> None:
    # 400 labels: 400 / 2.2 = 181.8, so the model of 150 is the last with few enough; those of 100 and 200 stand beside.
    rounds = [(100, _changed(40)), (150, _changed(20)), (200, _changed(10)), (400, _changed(0))]
    rule = Advisor()

    def churn(now: int, past: list[int]) -> float:
        n, codes = rounds[now][0], np.array(rounds[now][1])
        each = [(codes != np.array(rounds[s][1])).mean() / math.log(n / rounds[s][0]) for s in past]
        return float(np.mean(each))

    # Before there is a model with 2.2 times fewer labels the first one is taken, and the one after it where it had
    # 1.25 times fewer: 150 -> [100]; 200 -> [100, 150].
    expected = np.mean([churn(3, [0, 1, 2]), churn(2, [0, 1]), churn(1, [0])]) / 4.0
    outlook = rule.outlook(_trace(rule, rounds))
    assert outlook.gain is not None
    assert outlook.gain.value == pytest.approx(math.log(2) * expected)


def test_more_churn_means_going_on_and_a_higher_price_means_stopping() -> None:
    quiet, lively = ([(100, _changed(0)), (220, _changed(n))] for n in (5, 200))
    cheap, dear = Advisor(price=0.005, worth=1), Advisor(price=5, worth=1)
    assert [cheap.decide(_trace(cheap, rounds)).stop for rounds in (quiet, lively)] == [True, False]
    assert dear.decide(_trace(dear, lively)).stop
    assert cheap.outlook(_trace(cheap, lively)).verdict == "go on"
    assert dear.outlook(_trace(dear, lively)).verdict == "stop"


def test_close_calls_are_called_so() -> None:
    rounds = [(100, _changed(0)), (220, _changed(90))]  # a label brings .01297 points
    verdicts = {
        price: Advisor(price=price, worth=1).outlook(_trace(Advisor(), rounds)) for price in (0.003, 0.01, 0.02, 0.03)
    }
    assert [(one.verdict, one.decision.stop) for one in verdicts.values()] == [
        ("go on", False),
        ("close call", False),
        ("close call", True),
        ("stop", True),
    ]


def test_without_a_price_it_says_what_labels_bring_and_never_stops() -> None:
    rounds = [(n, _changed(0)) for n in (20, 50, 100, 200, 400)]
    decisions = replay(Advisor(), _trace(Advisor(), rounds))
    assert first_stop(decisions) is None
    assert decisions[-1].ready
    assert decisions[-1].threshold is None
    assert decisions[-1].verdict == "no price"
    priced = Advisor(price=3.0)  # what a label costs is known, what accuracy is worth is not
    said = priced.decide(_trace(priced, [(100, _changed(0)), (220, _changed(90))])).reason
    assert "if a point is worth 231 or more" in said  # 3 / .01297


@pytest.mark.parametrize("told", [{}, {"price": 0.1, "worth": 20}, {"assume_price": True}])
def test_what_it_foresaw_is_read_from_its_decisions(told: dict[str, Any]) -> None:
    rule = Advisor(**told)
    trace = _trace(rule, [(20, _changed(0)), (60, _changed(100))])
    gain, value = rule.outlook(trace).gain, rule.decide(trace).value
    assert gain is not None
    found = rule.foreseen(np.array([value]), np.array([60]))
    assert [float(part[0]) for part in found] == pytest.approx([gain.value, gain.low, gain.high])


def test_a_price_can_be_assumed() -> None:
    rule = Advisor(assume_price=True)
    assert rule.decide(_trace(rule, [(20, _changed(0)), (50, _changed(0)), (100, _changed(0))])).stop
    # 33 labels for a point, .0003 of accuracy a label: this one brings .0001297, .43 times that
    lively = rule.decide(_trace(rule, [(100, _changed(0)), (220, _changed(90))]))
    assert lively.value == pytest.approx(0.09 / math.log(2.2) / 4.0 / 220 / 0.0003)
    known = Advisor(price=2, worth=5, assume_price=True)  # what is known is not assumed
    assert known.label_price == pytest.approx(0.004)


def test_it_waits_for_a_model_with_fewer_labels_and_for_a_second_class() -> None:
    rule = Advisor(price=1, worth=1)
    assert not rule.decide(_trace(rule, [(100, _changed(0))])).ready
    assert not rule.decide(_trace(rule, [(100, _changed(0)), (120, _changed(0))])).ready  # 1.2 times only
    assert rule.decide(_trace(rule, [(100, _changed(0)), (125, _changed(0))])).ready
    one_class = rule.decide(_trace(rule, [(100, [1] * 50), (300, [1] * 50)]))
    assert not one_class.ready
    assert "one class" in one_class.reason


def test_balanced_churn_sees_a_rare_class_change() -> None:
    # 10 of 1000 items are of class 1, and all of them change to class 0: .01 of the items; of class 1 all that either
    # model gave it differs (1), of class 0 10 of 990 + 1000 (.005025); the mean is .5025.
    rare = [1] * 10 + [0] * 990
    moved = [0] * 10 + [0] * 980 + [1] * 0 + [0] * 10
    kept = [1 if i in (998, 999) else code for i, code in enumerate(moved)]  # so that two classes are predicted
    rule = Advisor(balanced=True)
    outlook = rule.outlook(_trace(rule, [(100, rare), (220, kept)]))
    # class 1: 10 + 2 given, 0 by both -> 1; class 0: 990 + 998 given, 988 by both -> 12 / 1988
    expected = (1 + 12 / 1988) / 2 / math.log(2.2) / 4.0
    assert outlook.gain is not None
    assert outlook.gain.value == pytest.approx(math.log(2) * expected)


def test_where_no_class_has_two_items_balanced_churn_waits() -> None:
    rule = Advisor(price=1, worth=1, balanced=True)
    outlook = rule.outlook(_trace(rule, [(10, [3, 4, 5]), (100, [0, 1, 2])]))
    assert outlook.verdict == "too early to say"
    assert "No class is predicted twice on the 3 items" in outlook.decision.reason


def test_warm_models_churn_less_for_the_same_gain() -> None:
    rounds = [(100, _changed(0)), (220, _changed(90))]
    fresh, warm = (Advisor(warm=warm).outlook(_trace(Advisor(), rounds)).gain for warm in (False, True))
    assert fresh is not None
    assert warm is not None
    assert warm.value == pytest.approx(fresh.value * 4.0 / 2.4)


def test_a_rule_is_told_the_price_wherever_it_stands() -> None:
    told = (stopping.get("advisor").patience(2) | stopping.get("budget", labels=9)).told(price=1, worth=5, warm=True)
    assert told.spec()["parameters"]["rules"][0]["parameters"]["rule"]["parameters"] == {
        "price": 1,
        "worth": 5,
        "warm": True,
        "balanced": False,
        "assume_price": False,
    }
    own = Advisor(price=3, worth=2).told(price=1, worth=5, warm=False)
    assert (own.price, own.worth) == (3, 2)


@pytest.mark.parametrize(
    "parameters", [{"price": 0}, {"price": -1.0}, {"worth": 2}, {"price": 1, "worth": 0}, {"warm": 1}]
)
def test_nonsense_is_refused_with_the_parameter_named(parameters: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"price|worth|warm"):
        Advisor(**parameters)  # type: ignore[arg-type]


def test_another_stop_set_is_refused() -> None:
    rule = Advisor()
    trace = [*_trace(rule, [(100, _changed(0))]), rule.observe(n_labeled=300, stop_predictions=[0, 1, 1])]
    with pytest.raises(InputError, match="stop set"):
        rule.decide(trace)


def test_ten_thousand_rounds_are_replayed_in_seconds() -> None:
    rng = np.random.default_rng(0)
    rule = Advisor(price=1, worth=1)
    seen = [rule.observe(n_labeled=1, stop_predictions=rng.integers(0, 5, 600)) for _ in range(50)]
    trace = [{**seen[i % 50], "n": 20 + 20 * i} for i in range(10_000)]
    started = time.perf_counter()
    replay(rule, trace)
    assert time.perf_counter() - started < 10  # 1 s on a quiet machine
