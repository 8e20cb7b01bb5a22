from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("max_confidence", **parameters)


def decide(rule: Rule, *batches: Any) -> Decision:
    return rule.decide([rule.observe(batch_probs=batch) for batch in batches])


def test_worked_by_hand() -> None:
    # least confidence 0.1 and 0.25, margins 1 - 0.8 and 1 - 0.5, entropies of 0.9 and of 0.75 in bits
    batch = [[0.9, 0.1], [0.75, 0.25]]
    assert decide(make(measure="least_confidence"), batch).value == pytest.approx(0.25)
    assert decide(make(measure="margin"), batch).value == pytest.approx(0.5)
    assert decide(make(), batch).value == pytest.approx(entropy([0.75, 0.25], base=2))


def test_the_entropy_is_a_share_of_log_c_and_the_published_threshold_is_in_nats() -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 3, 10):
        batch = rng.dirichlet([0.1] * classes, 20)
        expected = max(entropy(row) for row in batch) / math.log(classes)
        assert decide(make(), batch).value == pytest.approx(expected, abs=1e-12)
    assert make().spec()["parameters"] == {"threshold": 0.001, "measure": "entropy"}


def test_all_of_the_batch_must_be_certain_and_not_one_of_it() -> None:
    # a public implementation takes the smallest of the batch, and stops here
    certain, torn = [1.0, 0.0], [0.5, 0.5]
    assert not decide(make(threshold=0.9), [certain, torn, [0.0, 1.0]]).stop
    assert decide(make(threshold=0.9), [certain, [0.0, 1.0]]).stop


def test_batches_of_any_size_are_looked_at_whole() -> None:
    # the same implementation has the size of 10 written into it
    for size in (2, 3, 10, 11, 40):
        for place in range(size):
            batch = np.tile([[1.0, 0.0], [0.0, 1.0]], (size, 1))[:size]
            batch[place] = [0.6, 0.4]
            assert decide(make(measure="least_confidence"), batch).value == pytest.approx(0.4)


def test_it_stops_where_only_the_last_batch_is_certain() -> None:
    # the same implementation looks at all batches but the last, and then answers with the first
    torn, sure = [[0.5, 0.5], [0.6, 0.4]], [[1.0, 0.0], [0.0, 1.0]]
    rule = make()
    assert first_stop(replay(rule, [rule.observe(batch_probs=batch) for batch in (torn, torn, sure)])) == 2
    assert first_stop(replay(rule, [rule.observe(batch_probs=batch) for batch in (torn, sure, torn)])) == 1


def test_it_stops_strictly_below_the_threshold() -> None:
    batch = [[0.75, 0.25], [1.0, 0.0]]
    assert not decide(make(measure="least_confidence", threshold=0.25), batch).stop
    assert decide(make(measure="least_confidence", threshold=math.nextafter(0.25, 1)), batch).stop
    assert not decide(make(threshold=0), [[1.0, 0.0], [0.0, 1.0]]).stop


def test_an_empty_batch_is_not_ready() -> None:
    # as after the start labels, which no model chose
    decision = decide(make(), np.zeros((0, 3)))
    assert not decision.ready
    assert "0 items" in decision.reason
    assert decide(make(), np.zeros((0, 2)), [[1.0, 0.0], [0.0, 1.0]]).stop


def test_a_model_that_saw_one_class_only_is_not_ready() -> None:
    assert not decide(make(), [[1.0, 0.0]] * 5).ready
    assert not decide(make(), [[1.0], [1.0]]).ready
    assert decide(make(), [[1.0, 0.0]]).ready  # one item cannot show it, which the documentation says


def test_a_batch_in_torch_and_float32_gives_the_same() -> None:
    batch = np.random.default_rng(1).dirichlet([1, 1, 1], 10)
    expected = decide(make(), batch).value
    assert decide(make(), torch.tensor(batch)).value == pytest.approx(expected, abs=1e-12)
    assert decide(make(), batch.astype(np.float32)).value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("parameters", [{"threshold": 1.5}, {"threshold": None}, {"measure": "nats"}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
