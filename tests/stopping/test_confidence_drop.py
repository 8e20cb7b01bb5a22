from __future__ import annotations

from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, first_stop, replay
from claros.stopping.confidence_drop import ConfidenceDrop


def make(**parameters: Any) -> ConfidenceDrop:
    rule = stopping.get("confidence_drop", **parameters)
    assert isinstance(rule, ConfidenceDrop)
    return rule


def with_confidence(mean: float) -> Any:
    """Probabilities of four items whose largest ones average to this; half of the items are of each class."""
    return [[mean, 1 - mean], [1 - mean, mean], [mean, 1 - mean], [1 - mean, mean]]


def observed(rule: ConfidenceDrop, confidences: Any) -> list[dict[str, Any]]:
    return [rule.observe(stop_probs=with_confidence(one)) for one in confidences]


def decide(rule: ConfidenceDrop, confidences: Any) -> list[Decision]:
    return replay(rule, observed(rule, confidences))


def test_three_falls_in_a_row_stop_and_the_model_before_them_is_named() -> None:
    # rises to 0.9 in round 2, then falls three times: 0.88, 0.85, 0.8
    rule, confidences = make(), [0.7, 0.8, 0.9, 0.88, 0.85, 0.8]
    decisions = decide(rule, confidences)
    assert [one.ready for one in decisions] == [False] * 3 + [True] * 3
    assert [one.value for one in decisions[3:]] == [1.0, 2.0, 3.0]
    assert first_stop(decisions) == 5
    trace = observed(rule, confidences)
    assert rule.best_round(trace) == 2
    assert rule.best_round(trace[:5]) is None
    assert rule.best_round([]) is None
    assert decisions[5].reason == (
        "The mean confidence (1 - least confidence) on the stop set is 0.8000; falls in a row: 3 of 3, "
        "from 0.9000 of round 2, whose model was the last before."
    )


def test_a_rise_between_starts_the_count_again() -> None:
    # 0.78 is above 0.75: no third fall in a row, though all three are below 0.8; one package stops here
    confidences = [0.8, 0.75, 0.78, 0.72]
    assert first_stop(decide(make(), confidences)) is None
    assert decide(make(), confidences)[-1].value == 1.0
    reading = make(mode="below_reference")
    assert first_stop(decide(reading, confidences)) == 3
    assert reading.best_round(observed(reading, confidences)) == 0
    assert "rounds below the 0.8000 of round 0: 3 of 3" in decide(reading, confidences)[-1].reason


def test_both_readings_on_all_sequences_of_three_levels() -> None:
    levels = (0.6, 0.7, 0.8)
    for window, strict in product((1, 2, 3), (True, False)):
        consecutive = make(window=window, strict=strict)
        reference = make(window=window, strict=strict, mode="below_reference")
        for confidences in product(levels, repeat=window + 1):
            pairs = list(pairwise(confidences))
            down = all(after < before if strict else after <= before for before, after in pairs)
            below = all(one < confidences[0] if strict else one <= confidences[0] for one in confidences[1:])
            assert decide(consecutive, confidences)[-1].stop == down
            assert decide(reference, confidences)[-1].stop == below


def test_noise_falls_as_often_as_the_documentation_says() -> None:
    # of the 24 orders of four values one falls throughout, and six have the largest in front
    orders = list(permutations([0.6, 0.7, 0.8, 0.9]))
    assert sum(decide(make(), order)[-1].stop for order in orders) == 1
    assert sum(decide(make(mode="below_reference"), order)[-1].stop for order in orders) == 6


def test_static_confidence_counts_what_stays() -> None:
    flat = [0.8] * 4
    assert first_stop(decide(make(), flat)) is None
    static = stopping.get("static_confidence")
    assert isinstance(static, ConfidenceDrop)
    assert first_stop(decide(static, flat)) == 3
    assert first_stop(decide(static, [0.7, 0.8, 0.8, 0.81, 0.81, 0.8, 0.8])) == 6


def test_confidence_that_only_rises_never_stops() -> None:
    assert first_stop(decide(make(window=1), np.linspace(0.51, 0.99, 40))) is None


def test_it_stops_when_the_third_fall_is_the_last_observation() -> None:
    # one implementation asks a step later, and so misses what happens in the last round
    assert decide(make(), [0.9, 0.8, 0.7, 0.6])[-1].stop


def test_a_higher_uncertainty_is_a_lower_confidence_by_every_measure() -> None:
    for measure in ("entropy", "least_confidence", "margin"):
        assert first_stop(decide(make(measure=measure), [0.9, 0.8, 0.7, 0.6])) == 3
        assert first_stop(decide(make(measure=measure), [0.6, 0.7, 0.8, 0.9])) is None


def test_the_measure_decides_where_they_differ() -> None:
    # the largest probability falls while the rest becomes one: entropy falls as well, so confidence by it rises
    rounds = [[[0.6, 0.2, 0.2], [0.2, 0.6, 0.2]], [[0.58, 0.42, 0.0], [0.42, 0.58, 0.0]]]
    for measure, stop in (("least_confidence", True), ("entropy", False)):
        rule = make(window=1, measure=measure)
        assert rule.decide([rule.observe(stop_probs=probs) for probs in rounds]).stop is stop


def test_the_first_doubt_of_a_model_that_saw_one_class_is_no_fall() -> None:
    # certain of one class for everything, then of two with less: as a figure it falls three times
    rule = make(window=2)
    rounds = [[[1.0, 0.0]] * 4, with_confidence(0.9), with_confidence(0.8), with_confidence(0.7)]
    decisions = replay(rule, [rule.observe(stop_probs=probs) for probs in rounds])
    assert [one.ready for one in decisions] == [False, False, False, True]
    assert "in round 0, so the last 3 rounds do not compare yet" in decisions[2].reason


def test_a_class_that_joins_is_no_fall() -> None:
    rule = make(window=1)
    three = [[*row, 0.0] for row in with_confidence(0.8)]
    decisions = replay(rule, [rule.observe(stop_probs=probs) for probs in (with_confidence(0.9), three, three)])
    assert [one.ready for one in decisions] == [False, False, True]


def test_a_stop_set_that_shrinks_is_an_error() -> None:
    rule = make(window=1)
    trace = [rule.observe(stop_probs=with_confidence(0.9)[:n]) for n in (4, 3)]
    with pytest.raises(InputError, match="had 4 items and has 3 in round 1"):
        rule.decide(trace)


@pytest.mark.parametrize(
    "parameters", [{"window": 0}, {"mode": 0.99}, {"mode": "D"}, {"strict": 1}, {"measure": "confidence"}]
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    # an example of one package passes 0.99 for a threshold where the mode is expected, and so never stops
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
