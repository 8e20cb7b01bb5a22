from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def decide(rule: Rule, rounds: Sequence[Any]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_predictions=predictions) for predictions in rounds])


def make(**parameters: Any) -> Rule:
    return stopping.get("predicted_change_of_f", **parameters)


def value(rule: Rule, rounds: Sequence[Any]) -> float | None:
    return decide(rule, rounds)[-1].value


def test_worked_by_hand() -> None:
    # 3 positive, then 2 of them and one new: a = 2, b = 1, c = 1, so 1 - 4 / 6
    assert value(make(window=1), [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0]]) == pytest.approx(1 / 3)
    # of class 0: a = 1, b = 1, c = 1, so 1 - 2 / 4; the mean over both classes is (1/3 + 1/2) / 2
    assert value(make(window=1, positive=0), [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0]]) == pytest.approx(1 / 2)
    assert value(make(window=1, positive="macro"), [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0]]) == pytest.approx(5 / 12)


def test_it_is_one_minus_the_f_of_scikit_learn() -> None:
    # F of the new model if the old one's predictions were the truth
    rng = np.random.default_rng(0)
    for trial in range(40):
        classes = int(rng.integers(2, 6))
        before = np.concatenate([np.arange(classes), rng.integers(0, classes, 60)])
        after = np.where(rng.random(before.size) < 0.8, before, rng.integers(0, classes, before.size))
        for positive in range(classes):
            expected = 1 - f1_score(before == positive, after == positive)
            assert value(make(window=1, positive=positive), [before, after]) == pytest.approx(expected), trial
        macro = 1 - f1_score(before, after, average="macro")
        assert value(make(window=1, positive="macro"), [before, after]) == pytest.approx(macro), trial
        default = 1 - f1_score(before, after) if classes == 2 else macro
        assert value(make(window=1), [before, after]) == pytest.approx(default), trial


def test_every_one_of_the_window_must_be_below() -> None:
    rng = np.random.default_rng(1)
    rounds = [rng.integers(0, 2, 100)]
    for _ in range(40):
        flip = rng.random(100) < rng.choice([0.0, 0.03, 0.3])
        rounds.append(np.where(flip, 1 - rounds[-1], rounds[-1]))
    changes = [1 - f1_score(before, after) for before, after in pairwise(rounds)]
    decisions = decide(make(window=3, epsilon=0.1), rounds)
    for number in range(3, 41):
        last = changes[number - 3 : number]
        assert decisions[number].value == pytest.approx(max(last))
        assert decisions[number].stop == all(change < 0.1 for change in last)
    assert 0 < sum(decision.stop for decision in decisions) < 38


def test_it_stops_strictly_below() -> None:
    # 2a + b + c = 8 with a = 3: the change is 1/4, exactly
    rounds = [[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0]]
    assert not decide(make(window=1, epsilon=0.25), rounds)[-1].stop
    assert decide(make(window=1, epsilon=math.nextafter(0.25, 1)), rounds)[-1].stop
    assert not decide(make(window=1, epsilon=0), [rounds[0]] * 2)[-1].stop


def test_no_positives_wait_without_a_warning() -> None:
    # another package divides 0 by 0 here; its NaN is not below the threshold, so it goes on by luck
    decisions = decide(make(positive=1), [[0, 2] * 20] * 6)
    assert not any(decision.ready for decision in decisions)
    assert decisions[-1].reason == (
        "In 3 of the last 3 rounds neither the model nor the one before predicts any of the 40 items of the stop set "
        "as class 1, so a change of F is not defined yet."
    )


def test_a_single_undefined_round_in_the_window_waits() -> None:
    rounds = [[2, 0, 0], [0, 2, 0], *[[1, 0, 0]] * 4]
    ready = [decision.ready for decision in decide(make(positive=1, window=3), rounds)]
    # steps: undefined, then 1 (b = 0, c = 1), 0, 0, 0
    assert ready == [False, False, False, False, True, True]
    assert first_stop(decide(make(positive=1, window=3), rounds)) == 5


def test_a_model_that_predicts_one_class_waits() -> None:
    # also where that class is the positive one, and nothing would change
    for constant in ([0] * 30, [1] * 30, [4] * 30):
        decisions = decide(make(), [constant] * 6)
        assert not any(decision.ready for decision in decisions)
        assert "all 30 predictions on the stop set were one class" in decisions[-1].reason
        assert first_stop(decide(make(on_constant="agree"), [constant] * 6)) == 3


def test_more_than_two_classes_are_averaged_unless_one_is_named() -> None:
    # class 1 stays, class 2 is exchanged for class 0
    rounds = [[1, 1, 0, 0, 2, 2], [1, 1, 2, 2, 0, 0]]
    assert value(make(window=1), rounds) == pytest.approx(2 / 3)
    assert value(make(window=1, positive=1), rounds) == 0.0
    assert "of F, averaged over classes, on the 6 items" in decide(make(window=1), rounds)[-1].reason
    assert "of F of class 1 on the 6 items" in decide(make(window=1, positive=1), rounds)[-1].reason


def test_one_form_is_used_for_the_whole_window() -> None:
    # the third class comes in the last round only: all three steps are averaged over classes
    binary = [[0, 0, 1, 1], [0, 1, 1, 1]]
    last = [0, 1, 1, 2]
    steps = [
        1 - f1_score(*step, average="macro", zero_division=0.0) for step in ((binary[0], binary[1]), (binary[1], last))
    ]
    assert value(make(window=2), [*binary, last]) == pytest.approx(max(steps))
    assert value(make(window=1), binary) == pytest.approx(1 - f1_score(*binary))


def test_classes_with_few_predictions_can_be_left_out() -> None:
    # class 2 is one item that comes and goes
    with_it, without = [0] * 20 + [1] * 20 + [2], [0] * 20 + [1] * 20 + [0]
    rounds = [with_it, without] * 3
    # changes: class 0 has 1/41, class 1 none, class 2 all
    assert value(make(), rounds) == pytest.approx((1 / 41 + 0 + 1) / 3)
    assert value(make(least=2), rounds) == pytest.approx((1 / 41 + 0) / 2)
    assert first_stop(decide(make(), rounds)) is None
    assert first_stop(decide(make(least=2), rounds)) == 3
    waits = decide(make(least=21, positive="macro"), [[0, 0, 1, 1]] * 4)[-1]
    assert not waits.ready
    assert "predicts 21 of the 4 items of the stop set as one class" in waits.reason


def test_classes_that_nobody_predicts_do_not_count() -> None:
    # codes 0, 5 and 70,000 of a long list
    rounds = [[0, 0, 5, 5, 70_000, 70_000], [0, 0, 5, 5, 70_000, 5]]
    assert value(make(window=1), rounds) == pytest.approx((0 + 1 / 5 + 1 / 3) / 3)


def test_a_stop_set_that_changes_is_an_error_that_says_so() -> None:
    rule = make()
    trace = [rule.observe(stop_predictions=[0, 1] * half) for half in (5, 5, 4)]
    with pytest.raises(InputError, match="had 10 items and has 8 in round 2"):
        rule.decide(trace)


@pytest.mark.parametrize(
    "parameters",
    [
        {"epsilon": -0.1},
        {"epsilon": math.nan},
        {"window": 0},
        {"positive": -1},
        {"positive": True},
        {"positive": 1.0},
        {"positive": "weighted"},
        {"least": 0},
        {"on_constant": None},
        {"num_classes": 2},
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    rounds = [[0, 1] * 50] * 3 + [[1, 1] + [0, 1] * 49]
    # 50 positives, then 51: 1 - 100 / 101
    assert decide(make(), rounds)[-1].reason == (
        "The predicted change of F of class 1 on the 100 items of the stop set was at most 0.0099 in the last 3 "
        "rounds, below 0.05."
    )
    assert "was 0.0099, not below 0.001." in decide(make(window=1, epsilon=0.001), rounds)[-1].reason
