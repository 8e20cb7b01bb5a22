from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("gradient_stability", **parameters)


def decide(rule: Rule, rounds: list[tuple[Any, Any]]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_probs=probs, stop_embeddings=embeddings) for probs, embeddings in rounds])


#: Lengths of the embeddings 5 and 1. For two classes Σ p |p - e| = 2√2 p (1 - p).
EMBEDDINGS = [[3.0, 4.0], [0.0, 1.0]]


def length(p: float) -> float:
    return 2 * math.sqrt(2) * p * (1 - p)


def test_worked_by_hand() -> None:
    rounds = [([[0.5, 0.5], [0.4, 0.6]], EMBEDDINGS), ([[0.9, 0.1], [0.5, 0.5]], EMBEDDINGS)]
    plain = decide(make(relative=False, threshold=1.5), rounds)
    # 5 · √½ = 3.54 at first; then 5 · 2√2 · 0.09 = 1.27, which is more than √½ of the item in doubt
    assert [decision.value for decision in plain] == pytest.approx([5 * length(0.5), 5 * length(0.9)])
    assert [decision.stop for decision in plain] == [False, True]
    relative = decide(make(threshold=0.3), rounds)
    assert [decision.value for decision in relative] == pytest.approx([1.0, 0.36])
    assert relative[1].reason == (
        "The largest expected gradient on the 2 items of the stop set is 0.3600 of what it was at first, not below 0.3."
    )


def test_it_is_the_expected_length_of_the_gradient_by_finite_differences() -> None:
    rng = np.random.default_rng(0)
    head, embeddings = rng.normal(size=(3, 4)), rng.normal(size=(6, 4))

    def probabilities(weights: Any, x: Any) -> Any:
        logits = weights @ x
        return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()

    def expected_length(x: Any) -> float:
        p, total = probabilities(head, x), 0.0
        for label in range(3):
            gradient = np.zeros_like(head)
            for place in np.ndindex(*head.shape):
                step = np.zeros_like(head)
                step[place] = 1e-5
                up, down = (-np.log(probabilities(head + sign * step, x)[label]) for sign in (1, -1))
                gradient[place] = (up - down) / 2e-5
            total += p[label] * float(np.linalg.norm(gradient))
        return total

    expected = max(expected_length(x) for x in embeddings)
    probs = np.array([probabilities(head, x) for x in embeddings])
    assert decide(make(relative=False), [(probs, embeddings)])[0].value == pytest.approx(expected, rel=1e-6)


def test_the_unit_of_the_embeddings_does_not_matter_when_relative() -> None:
    rounds = [([[0.5, 0.5], [0.4, 0.6]], EMBEDDINGS), ([[0.9, 0.1], [0.3, 0.7]], EMBEDDINGS)]
    scaled = [(probs, (1000 * np.array(embeddings)).tolist()) for probs, embeddings in rounds]
    before, after = decide(make(), rounds), decide(make(), scaled)
    assert [decision.value for decision in before] == pytest.approx([decision.value for decision in after])


def test_it_stops_strictly_below_the_threshold() -> None:
    rounds = [([[0.5, 0.5], [1.0, 0.0]], EMBEDDINGS)] * 2
    assert not decide(make(threshold=1.0), rounds)[1].stop
    assert decide(make(threshold=math.nextafter(1, 2)), rounds)[1].stop
    certain = [rounds[0], ([[1.0, 0.0], [0.0, 1.0]], EMBEDDINGS)]
    assert decide(make(threshold=1e-9), certain)[1].value == 0.0
    assert decide(make(threshold=1e-9), certain)[1].stop


def test_a_window_averages_the_last_rounds() -> None:
    probs = [[[p, 1 - p], [1.0, 0.0]] for p in (0.5, 0.6, 0.7, 0.8)]
    decisions = decide(make(window=2, relative=False), [(p, EMBEDDINGS) for p in probs])
    assert [decision.ready for decision in decisions] == [False, True, True, True]
    expected = [5 * (length(one) + length(other)) / 2 for one, other in ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8))]
    assert [decision.value for decision in decisions[1:]] == pytest.approx(expected)


def test_a_model_of_one_class_does_not_stop_it_and_is_not_the_first_round() -> None:
    # its gradients are all 0: no label that it expects would change it
    constant = ([[1.0, 0.0], [1.0, 0.0]], EMBEDDINGS)
    doubt, sure = ([[0.5, 0.5], [1.0, 0.0]], EMBEDDINGS), ([[0.99, 0.01], [0.0, 1.0]], EMBEDDINGS)
    decisions = decide(make(), [constant, constant, doubt, sure])
    assert [decision.ready for decision in decisions] == [False, False, True, True]
    assert decisions[2].value == 1.0
    assert decisions[3].stop


def test_gradients_that_are_0_from_the_start_are_not_divided_by() -> None:
    certain = ([[1.0, 0.0], [0.0, 1.0]], EMBEDDINGS)
    decisions = decide(make(), [certain, certain])
    assert not any(decision.ready for decision in decisions)
    assert decisions[1].reason == "All expected gradients of 2 rounds are 0, so there is nothing to compare with."
    assert decide(make(relative=False), [certain])[0].stop


def test_classes_that_join_are_waited_for_and_compared_with_their_like() -> None:
    two = ([[0.5, 0.5], [1.0, 0.0]], EMBEDDINGS)
    three = ([[0.4, 0.3, 0.3], [1.0, 0.0, 0.0]], EMBEDDINGS)
    decisions = decide(make(), [two, three, three])
    assert [decision.ready for decision in decisions] == [True, False, True]
    assert decisions[2].value == 1.0  # of the first round with three


def test_classes_that_overlap_never_stop_it() -> None:
    # one item on the boundary is enough, however sure the model is of the rest
    sure = [[0.999, 0.001]] * 99 + [[0.5, 0.5]]
    rounds = [([[0.6, 0.4]] * 99 + [[0.5, 0.5]], np.ones((100, 2)))] + [(sure, np.ones((100, 2)))] * 20
    assert first_stop(decide(make(), rounds)) is None


def test_another_stop_set_is_an_error() -> None:
    rounds = [([[0.5, 0.5], [1.0, 0.0]], EMBEDDINGS), ([[0.5, 0.5]], EMBEDDINGS[:1])]
    with pytest.raises(InputError, match="had 2 items and has 1 in round 1"):
        decide(make(), rounds)


def test_torch_and_float32_give_the_same() -> None:
    rng = np.random.default_rng(1)
    probs, embeddings = rng.dirichlet([1, 1, 1], 20), rng.normal(size=(20, 5))
    expected = make().observe(stop_probs=probs, stop_embeddings=embeddings)
    tensors = {"stop_probs": torch.tensor(probs), "stop_embeddings": torch.tensor(embeddings)}
    assert make().observe(**tensors) == pytest.approx(expected, rel=1e-12)
    small = make().observe(stop_probs=probs.astype(np.float32), stop_embeddings=embeddings.astype(np.float32))
    assert small == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("probs", "embeddings", "message"),
    [
        ([[math.nan, 1.0]], [[1.0]], "stop_probs has 1 non-finite"),
        ([[0.5, 0.5]], [[math.inf]], "stop_embeddings has 1 non-finite"),
        ([[0.5, 0.5]], [[1.0], [2.0]], "axis T"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "the stop set is empty"),
    ],
)
def test_damaged_inputs_are_refused(probs: Any, embeddings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(stop_probs=probs, stop_embeddings=embeddings)


@pytest.mark.parametrize("parameters", [{"threshold": -0.1}, {"window": 0}, {"relative": 1}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
