from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("contradictory_information", **parameters)


def decide(rule: Rule, batches: Any) -> list[Decision]:
    return replay(rule, [rule.observe(batch_probs=probs, batch_labels=labels) for probs, labels in batches])


def contradicted(tenths: int) -> tuple[Any, Any]:
    """A batch of ten alike, of which so many are wrong: the contradiction is that many tenths."""
    return [[0.7, 0.3]] * 10, [1] * tenths + [0] * (10 - tenths)


def test_worked_by_hand() -> None:
    # least confidence 0.4 and 0.2; the first is wrong: 0.4 of 0.6
    probs = [[0.6, 0.4], [0.8, 0.2]]
    rule = make(window=1, measure="least_confidence")
    decision = decide(rule, [(probs, [1, 1]), (probs, [1, 0])])[-1]
    assert decision.reason == "The contradiction of the last batch is 0.6667; falls in a row: 1 of 1."
    assert decision.stop


def test_it_is_the_published_sum_divided_by_the_size_of_the_batch() -> None:
    # the sum over the wrong of u over the mean of u, as the comparison had it
    rng = np.random.default_rng(0)
    for _ in range(20):
        size = int(rng.integers(2, 30))
        probs, labels = rng.dirichlet([1, 1, 1], size), rng.integers(0, 3, size)
        for measure, u in (
            ("entropy", np.array([entropy(row) for row in probs])),
            ("least_confidence", 1 - probs.max(axis=1)),
        ):
            wrong = probs.argmax(axis=1) != labels
            published = (u[wrong] / u.mean()).sum()
            recorded = make().observe(batch_probs=probs, batch_labels=labels)[measure]
            assert recorded == pytest.approx(published / size, abs=1e-12)


def test_falls_must_be_consecutive() -> None:
    # .5 .4 .45 .35 .4 .3: three falls, none of them next to another; a public comparison counts them together
    assert first_stop(decide(make(), map(contradicted, (5, 4, 5, 4, 5, 4, 5, 4)))) is None
    assert decide(make(window=2), map(contradicted, (5, 4, 5, 4)))[-1].value == 1.0
    assert first_stop(decide(make(), map(contradicted, (5, 4, 5, 4, 3, 2, 1)))) == 5


def test_it_stops_in_the_round_of_the_last_fall_and_not_one_later() -> None:
    assert first_stop(decide(make(), map(contradicted, (8, 7, 6, 5)))) == 3


def test_noise_stops_it_as_often_as_the_documentation_says() -> None:
    assert sum(decide(make(), map(contradicted, order))[-1].stop for order in permutations((1, 3, 5, 7))) == 1


def test_what_stays_the_same_is_no_fall() -> None:
    assert decide(make(window=1), map(contradicted, (4, 4)))[-1].value == 0.0
    # nothing wrong is no contradiction, and cannot fall any further
    assert first_stop(decide(make(window=1), map(contradicted, (0, 0, 0)))) is None


def test_a_shorter_last_batch_is_no_fall() -> None:
    long, short = contradicted(5), ([[0.7, 0.3]] * 4, [1, 1, 0, 0])
    assert decide(make(window=1), [long, short])[-1].value == 0.0


def test_certain_and_wrong_is_not_defined_and_certain_and_right_is_none() -> None:
    certain = [[1.0, 0.0], [0.0, 1.0]]
    decisions = decide(make(window=1), [contradicted(5), (certain, [0, 0]), (certain, [0, 1]), (certain, [0, 1])])
    assert [one.ready for one in decisions] == [False, False, False, True]
    assert "In 1 of the last 2 batches" in decisions[1].reason
    assert decide(make(window=1), [contradicted(5), (certain, [0, 1])])[-1].stop


def test_an_empty_batch_is_waited_for() -> None:
    empty = (np.zeros((0, 2)), [])
    decisions = decide(make(window=1), [empty, contradicted(5), contradicted(4)])
    assert [one.ready for one in decisions] == [False, False, True]


@pytest.mark.parametrize("parameters", [{"window": 0}, {"measure": "u"}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
