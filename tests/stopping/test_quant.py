from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision

#: Probabilities of being relevant of what is screened and of what is not.
SCREENED, REST = [0.9, 0.8], [0.1, 0.0]


def table(p: Any) -> np.ndarray:
    return np.column_stack([1 - np.asarray(p), p])


def decide(name: str, screened: Any, rest: Any, **parameters: Any) -> Decision:
    rule = stopping.get(name, **parameters)
    return rule.decide([rule.observe(labeled_probs=screened, probs=rest)])


def test_worked_by_hand() -> None:
    # K = 1.7, U = 0.1, K + U = 1.8: 0.9444. V_K = 0.09 + 0.16 = 0.25, V_U = 0.09;
    # variance = 0.25 / 3.24 + 1.7² (0.25 + 0.09) / 1.8⁴ = 0.07716 + 0.09360 = 0.17076, sd 0.41323
    assert decide("quant", table(SCREENED), table(REST)).value == pytest.approx(1.7 / 1.8)
    assert decide("quant", table(SCREENED), table(REST), recall=0.94).stop
    assert not decide("quant", table(SCREENED), table(REST), recall=0.95).stop
    sd = math.sqrt(0.25 / 3.24 + 2.89 * 0.34 / 1.8**4)
    assert sd == pytest.approx(0.41323, abs=1e-5)
    assert decide("quant_ci", table(SCREENED), table(REST)).value == pytest.approx(1.7 / 1.8 - 2 * sd)


def test_with_nothing_left_to_screen_the_estimate_is_one_less_its_uncertainty() -> None:
    assert decide("quant", table([0.5] * 10), np.zeros((0, 2))).value == 1.0
    # V_K = 2.5, K = 5, U = 0: (2.5 + 2.5) / 25 = 0.2
    assert decide("quant_ci", table([0.5] * 10), np.zeros((0, 2))).value == pytest.approx(1 - 2 * math.sqrt(0.2))


def test_the_interval_is_the_rule_with_two_standard_deviations() -> None:
    rng = np.random.default_rng(0)
    screened, rest = table(rng.random(40)), table(rng.random(200) ** 20)
    for z in (0.0, 1.0, 2.0):
        assert decide("quant", screened, rest, z=z).value == decide("quant_ci", screened, rest, z=z).value
    assert decide("quant", screened, rest, z=2.0).value == decide("quant_ci", screened, rest).value


def test_the_variance_is_that_of_simulated_relevance() -> None:
    # what is relevant is drawn by the probabilities; recall is found / (found + left). The formula is linear in the
    # drawn sums, and treats found as independent of itself in the total, so it is larger than what is simulated
    rng = np.random.default_rng(1)
    screened, rest = rng.beta(2, 1, 300), rng.beta(0.2, 5, 2000)
    found = (rng.random((4000, 300)) < screened).sum(axis=1)
    left = (rng.random((4000, 2000)) < rest).sum(axis=1)
    recalls = found / (found + left)
    at, lower = (decide("quant", table(screened), table(rest), z=z).value for z in (0.0, 1.0))
    assert at == pytest.approx(recalls.mean(), abs=0.01)
    assert at - lower > recalls.std()  # type: ignore[operator]


def test_with_nothing_left_it_stops() -> None:
    decision = decide("quant", table([0.3, 0.2]), np.zeros((0, 2)), recall=1.0)
    assert (decision.stop, decision.value) == (True, 1.0)


def test_where_nothing_is_expected_or_screened_it_waits() -> None:
    assert not decide("quant", table([0.0, 0.0]), table([0.0])).ready
    assert not decide("quant", np.zeros((0, 2)), table([0.5])).ready


def test_another_class_may_be_the_relevant_one() -> None:
    screened, rest = [[0.2, 0.1, 0.7]], [[0.5, 0.4, 0.1]]
    assert decide("quant", screened, rest, relevant=2).value == pytest.approx(0.7 / 0.8)
    with pytest.raises(InputError, match="labeled_probs has 3 columns, none for class 3"):
        decide("quant", screened, rest, relevant=3)


def test_probabilities_in_torch_and_float32_give_the_same() -> None:
    rng = np.random.default_rng(2)
    screened, rest = table(rng.random(20)), table(rng.random(50))
    expected = decide("quant", screened, rest, z=1.0).value
    assert decide("quant", torch.tensor(screened), torch.tensor(rest), z=1.0).value == pytest.approx(expected)
    single = decide("quant", screened.astype(np.float32), rest.astype(np.float32), z=1.0).value
    assert single == pytest.approx(expected, abs=1e-6)


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(InputError, match="labeled_probs has"):
        decide("quant", [[-3.0, 4.0]], table(REST))


def test_a_trace_can_be_replayed_with_another_z() -> None:
    rule = stopping.get("quant")
    trace = [rule.observe(labeled_probs=table(SCREENED), probs=table(REST))]
    assert stopping.get("quant", z=2.0).decide(trace) == stopping.get("quant_ci").decide(trace)


@pytest.mark.parametrize("parameters", [{"recall": 0}, {"z": -1}, {"z": math.inf}, {"relevant": -1}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        stopping.get("quant", **parameters)
