from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("model_stability", **parameters)


def decide(rule: Rule, heads: list[Any], biases: list[Any] | None = None) -> list[Decision]:
    biases = [np.zeros(len(head)) for head in heads] if biases is None else biases
    return replay(
        rule, [rule.observe(head_weights=head, head_bias=bias) for head, bias in zip(heads, biases, strict=True)]
    )


def test_worked_by_hand() -> None:
    # less their mean, the heads are ((½, -½), (-½, ½)) and ((½, 0), (-½, 0)): cosine ½ / √(1 · ½)
    decisions = decide(make(window=1), [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])
    assert decisions[1].value == pytest.approx(math.sqrt(0.5))
    assert not decisions[1].stop
    assert decisions[1].reason == (
        "The least cosine of a head with the one before, in the last 1 round, is 0.707107, below 0.999."
    )
    # the bias is a column as any other: (1, 0 | 1, 0) and (1, 0 | 0, 1) are half (1, 1) and half (1, -1)
    biased = decide(make(window=1), [[[1.0], [0.0]], [[1.0], [0.0]]], [[1.0, 0.0], [0.0, 1.0]])
    assert biased[1].value == pytest.approx(0.0, abs=1e-7)


def test_all_of_the_last_rounds_must_point_the_same_way() -> None:
    angles = (0.0, 0.3, 0.3, 0.3, 0.3)
    turned = [np.outer([1.0, -1.0], [math.cos(angle), math.sin(angle)]) for angle in angles]
    assert first_stop(decide(make(window=3), turned)) == 4
    assert first_stop(decide(make(window=1), turned)) == 2
    assert [decision.ready for decision in decide(make(window=3), turned)] == [False] * 3 + [True] * 2


def test_what_all_classes_share_changes_no_prediction_and_no_cosine() -> None:
    rng = np.random.default_rng(0)
    head, bias = rng.normal(size=(4, 6)), rng.normal(size=4)
    moved = decide(make(window=1, threshold=1.0 - 1e-6), [head, head + rng.normal(size=6)], [bias, bias + 3.0])
    assert moved[1].value == pytest.approx(1.0, abs=1e-6)


def test_length_does_not_count() -> None:
    head = np.random.default_rng(1).normal(size=(3, 5))
    assert decide(make(window=1), [head, 7.0 * head])[1].value == pytest.approx(1.0)
    assert decide(make(window=1), [head, -head])[1].value == pytest.approx(-1.0)
    for scale in (1e-200, 1e200):  # neither fits into float32, and the squares not even into float64
        assert decide(make(window=1), [head, scale * head])[1].value == pytest.approx(1.0)


def test_a_threshold_of_1_can_be_reached() -> None:
    for seed in range(20):
        head = np.random.default_rng(seed).normal(size=(3, 7))
        assert first_stop(decide(make(window=1, threshold=1.0), [head, head.copy()])) == 1


def test_it_is_the_cosine_of_the_whole_vector() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        heads, biases = rng.normal(size=(2, 5, 8)), rng.normal(size=(2, 5))
        flat = [
            (np.column_stack([head, bias]) - np.column_stack([head, bias]).mean(axis=0)).ravel()
            for head, bias in zip(heads, biases, strict=True)
        ]
        expected = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
        assert decide(make(window=1), [*heads], [*biases])[1].value == pytest.approx(expected, abs=1e-6)


def test_a_logistic_regression_settles_as_labels_come() -> None:
    features, labels = make_classification(1200, 6, class_sep=1.5, random_state=0)
    heads, biases = [], []
    for n in range(20, 1200, 20):
        model = LogisticRegression().fit(features[:n], labels[:n])
        heads.append(np.concatenate([-model.coef_, model.coef_]) / 2)
        biases.append(np.concatenate([-model.intercept_, model.intercept_]) / 2)
    values = [decision.value for decision in decide(make(window=1), heads, biases)[1:]]
    assert np.median(values[:10]) < np.median(values[-10:])  # type: ignore[arg-type]
    stop = first_stop(decide(make(), heads, biases))
    assert stop is not None
    assert stop > 5


def test_a_head_of_zeros_waits() -> None:
    # a model of one class: it points nowhere, and its cosine would be 0/0
    zeros = np.zeros((2, 3))
    decisions = decide(make(window=1), [zeros, zeros, np.eye(2, 3), np.eye(2, 3)])
    assert [decision.ready for decision in decisions] == [False, False, False, True]
    assert decisions[1].reason == "One of the last 2 heads is 0, which points nowhere."


def test_a_class_that_was_not_seen_does_not_make_heads_alike() -> None:
    # its bias of -50 would outweigh everything else: here the classes seen turn right round
    head, turned = np.array([[1.0, 0], [-1.0, 0], [0, 0]]), np.array([[-1.0, 0], [1.0, 0], [0, 0]])
    decisions = decide(make(window=1), [head, turned], [[0, 0, -50.0]] * 2)
    assert decisions[1].value == pytest.approx(-1.0)
    # a class without weights, but with a bias that counts, has been seen
    assert decide(make(window=1), [head, head], [[0, 0, -1.0]] * 2)[1].ready


def test_a_class_that_comes_in_is_waited_for() -> None:
    head, more = np.array([[1.0, 0], [-1.0, 0], [0, 0]]), np.array([[1.0, 0], [-1.0, 0], [0, 1.0]])
    decisions = decide(make(window=1), [head, more, more], [[0, 0, -50.0], [0, 0, 0], [0, 0, 0]])
    assert [decision.ready for decision in decisions] == [False, False, True]
    assert "classes that the model knows changed in the last 1 round." in decisions[1].reason
    grown = decide(make(window=1), [np.eye(2), np.eye(3, 2), np.eye(3, 2)])
    assert [decision.ready for decision in grown] == [False, False, True]


@pytest.mark.parametrize(("changed", "message"), [((2, 3), "had 3 classes and has 2"), ((3, 4), "had 3 columns and")])
def test_a_head_of_another_shape_is_an_error(changed: tuple[int, int], message: str) -> None:
    with pytest.raises(InputError, match=message + ".* in round 1"):
        decide(make(window=1), [np.eye(3), np.eye(*changed)])


def test_an_observation_is_as_small_as_promised() -> None:
    rng = np.random.default_rng(3)
    seen = make().observe(head_weights=rng.normal(size=(10, 512)), head_bias=rng.normal(size=10))
    assert len(json.dumps(seen)) < 27_500


def test_a_damaged_observation_is_refused() -> None:
    rule = make(window=1)
    trace = [rule.observe(head_weights=np.eye(2), head_bias=np.zeros(2)) for _ in range(2)]
    for damage in ({"head": "*"}, {"head": ""}, {"columns": 5}):
        with pytest.raises(InputError, match="model_stability"):
            rule.decide([trace[0], {**trace[1], **damage}])


def test_heads_in_torch_give_the_same() -> None:
    head = np.random.default_rng(4).normal(size=(3, 5)).astype(np.float32)
    expected = make().observe(head_weights=head, head_bias=np.zeros(3, dtype=np.float32))
    assert make().observe(head_weights=torch.tensor(head), head_bias=torch.zeros(3)) == expected


@pytest.mark.parametrize(
    ("weights", "bias", "message"),
    [([[math.nan, 0.0]], [0.0], "head_weights has 1 non-finite"), ([[1.0], [0.0]], [0.0], "axis C")],
)
def test_what_is_no_head_is_refused(weights: Any, bias: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(head_weights=weights, head_bias=bias)


@pytest.mark.parametrize("parameters", [{"threshold": 1.1}, {"window": 0}, {"threshold": math.nan}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
