from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay

BOTH = ("variance_model", "variance_model_selected")


def with_spread(spread: float) -> Any:
    """Two pairs of items, certain to a different degree: the least confidences are 0.25 +- spread."""
    low, high = 0.25 - spread, 0.25 + spread
    return [[1 - low, low], [low, 1 - low], [1 - high, high], [high, 1 - high]]


def decide(rule: Rule, rounds: Any) -> list[Decision]:
    """Of either rule: the probabilities are those of the stop set, or of the batch."""
    need = rule.needs[0]
    return replay(rule, [rule.observe(**{need: probs}) for probs in rounds])


def make(name: str, **parameters: Any) -> Rule:
    return stopping.get(name, **{"measure": "least_confidence", "drop": 0.0, **parameters})


@pytest.mark.parametrize("name", BOTH)
def test_worked_by_hand(name: str) -> None:
    # least confidences 0.25 +- s have the variance s²: 0.04, 0.01, 0.0025
    rule = make(name)
    trace = [rule.observe(**{rule.needs[0]: with_spread(spread)}) for spread in (0.2, 0.1, 0.05)]
    assert [one["least_confidence"] for one in trace] == pytest.approx([0.04, 0.01, 0.0025])
    decision = rule.decide(trace)
    assert (decision.stop, decision.value, decision.threshold) == (True, 2.0, 2.0)
    assert "is 0.0025; falls in a row: 2 of 2." in decision.reason


@pytest.mark.parametrize("name", BOTH)
def test_it_is_numpys_variance_of_scipys_entropy(name: str) -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 5):
        probs = rng.dirichlet([0.5] * classes, 40)
        rule = stopping.get(name)
        expected = np.var([entropy(row) / np.log(classes) for row in probs])
        assert rule.observe(**{rule.needs[0]: probs})["entropy"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", BOTH)
def test_falls_that_have_a_rise_between_them_are_not_in_a_row(name: str) -> None:
    # .5 .4 .45 .35 as variances, scaled to what is possible: a public comparison counts the two falls together
    rounds = [with_spread(np.sqrt(variance / 10)) for variance in (0.5, 0.4, 0.45, 0.35)]
    assert decide(make(name), rounds)[-1].value == 1.0
    assert first_stop(decide(make(name), rounds)) is None
    rounds.append(with_spread(np.sqrt(0.03)))
    assert first_stop(decide(make(name), rounds)) == 4


@pytest.mark.parametrize("name", BOTH)
def test_it_stops_in_the_round_of_the_second_fall_even_if_it_is_the_last(name: str) -> None:
    # the same comparison answers one round later, and so not at all here
    assert first_stop(decide(make(name), map(with_spread, (0.1, 0.2, 0.15, 0.1)))) == 3


@pytest.mark.parametrize("name", BOTH)
def test_only_falls_of_more_than_the_drop_count(name: str) -> None:
    # variances 0.04, 0.0225, 0.01: falls of 0.0175 and 0.0125
    spreads = (0.2, 0.15, 0.1)
    assert decide(make(name, drop=0.012), map(with_spread, spreads))[-1].stop
    assert not decide(make(name, drop=0.013), map(with_spread, spreads))[-1].stop
    # a drop of exactly as much is none; 0, 1/4 and 1/2 are exact, so are the variances 1/16 and 0
    exact = [[[1.0, 0.0], [0.5, 0.5]], [[0.75, 0.25], [0.25, 0.75]]]
    assert decide(make(name, window=1, drop=0.0625), exact)[-1].value == 0.0
    assert decide(make(name, window=1, drop=0.0624), exact)[-1].value == 1.0


def test_the_defaults_are_the_published_two_falls_and_what_a_comparison_took_for_the_drop() -> None:
    assert stopping.get("variance_model").spec()["parameters"] == {"window": 2, "drop": 0.0, "measure": "entropy"}
    extended = stopping.get("variance_model_selected").spec()["parameters"]
    assert extended == {"window": 2, "drop": 0.001, "measure": "entropy"}


@pytest.mark.parametrize("name", BOTH)
def test_every_parameter_can_be_given(name: str) -> None:
    # a public implementation is no dataclass, and refuses its own parameters
    rule = stopping.get(name, window=3, drop=0.25, measure="margin")
    assert rule.spec()["parameters"] == {"window": 3, "drop": 0.25, "measure": "margin"}


@pytest.mark.parametrize("name", BOTH)
def test_noise_stops_it_as_often_as_the_documentation_says(name: str) -> None:
    orders = list(permutations([0.05, 0.1, 0.15]))
    assert sum(decide(make(name), map(with_spread, order))[-1].stop for order in orders) == 1


@pytest.mark.parametrize("name", BOTH)
def test_a_variance_that_stays_or_rises_never_stops(name: str) -> None:
    assert first_stop(decide(make(name), [with_spread(0.1)] * 10)) is None
    assert first_stop(decide(make(name), map(with_spread, np.linspace(0.0, 0.24, 20)))) is None


def test_a_model_that_saw_one_class_only_is_waited_for() -> None:
    rounds = [[[1.0, 0.0]] * 4, *map(with_spread, (0.2, 0.1, 0.05))]
    assert [one.ready for one in decide(make("variance_model"), rounds)] == [False, False, False, True]


def test_a_class_that_joins_is_waited_for() -> None:
    three = [[*row, 0.0] for row in with_spread(0.1)]
    decisions = decide(make("variance_model", window=1), [with_spread(0.2), three, three])
    assert [one.ready for one in decisions] == [False, False, True]


def test_batches_of_none_or_one_have_no_variance() -> None:
    rule = make("variance_model_selected", window=1)
    batches = [np.zeros((0, 2)), [[0.6, 0.4]], with_spread(0.2), with_spread(0.1)]
    decisions = decide(rule, batches)
    assert [one.ready for one in decisions] == [False, False, False, True]
    assert "Of the last 2 batches 1 had 1 item" in decisions[2].reason


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("parameters", [{"window": 0}, {"drop": -0.1}, {"drop": 2}, {"measure": "score"}])
def test_a_wrong_parameter_is_refused_by_its_name(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        stopping.get(name, **parameters)
