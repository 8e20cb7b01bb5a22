from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def decide(rule: Rule, rounds: Sequence[tuple[Any, Any]]) -> list[Decision]:
    """Rounds of a model's predictions and its twin's."""
    observed = [rule.observe(stop_predictions=model, stop_twin_predictions=twin) for model, twin in rounds]
    return replay(rule, observed)


def make(**parameters: Any) -> Rule:
    return stopping.get("retraining_noise_floor", **parameters)


def noisy(rng: np.random.Generator, truth: Any, noise: float) -> Any:
    return np.where(rng.random(truth.size) < noise, rng.integers(0, 3, truth.size), truth)


def test_worked_by_hand() -> None:
    # 10 of 20 positive; one item more or fewer is a kappa of 0.9: (19/20 - 1/2) / (1 - 1/2), for any of the three
    model = np.arange(20) % 2
    plus, minus = model.copy(), model.copy()
    plus[0], minus[1] = 1, 0
    assert cohen_kappa_score(model, plus) == cohen_kappa_score(model, minus) == pytest.approx(0.9)
    # steps 0.9 and 0.9; floors 0.9 (first round, not in the window), 0.9 and 1: mean 0.95, minus 0.01
    decision = decide(make(window=2, least=0.5), [(model, plus), (plus, model), (model, model)])[-1]
    assert decision.value == pytest.approx(0.9)
    assert decision.threshold == pytest.approx(0.94)
    assert not decision.stop
    # with floors of 0.9 and 0.9 the steps are as good as the floor
    decision = decide(make(window=2, least=0.5), [(model, model), (plus, model), (model, minus)])[-1]
    assert decision.threshold == pytest.approx(0.89)
    assert decision.stop


def test_it_is_the_means_of_scikit_learns_kappas() -> None:
    rng = np.random.default_rng(0)
    stops = 0
    for trial in range(20):
        window, delta, least = int(rng.integers(1, 5)), rng.uniform(0, 0.05), rng.uniform(0, 0.6)
        truth = rng.integers(0, 3, 200)
        rounds = [(noisy(rng, truth, 0.2), noisy(rng, truth, 0.2)) for _ in range(10)]
        steps = [cohen_kappa_score(before, after) for (before, _), (after, _) in pairwise(rounds)]
        floors = [cohen_kappa_score(model, twin) for model, twin in rounds]
        rule = make(window=window, delta=delta, least=least, threshold=0.9)
        for number, decision in enumerate(decide(rule, rounds)):
            assert decision.ready == (number >= window), trial
            if decision.ready:
                step = np.mean(steps[number - window : number])
                needed = max(least, min(0.9, np.mean(floors[number - window + 1 : number + 1]) - delta))
                assert decision.value == pytest.approx(step, abs=1e-12)
                assert decision.threshold == pytest.approx(needed, abs=1e-12)
                assert decision.stop == (step >= needed)
                stops += decision.stop
    assert 20 < stops < 135, "both answers must come up for this test to mean anything"


def test_a_noisy_network_that_has_learned_all_it_can_stops_where_kappa_alone_never_does() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 2000)
    # kappa of two models of noise 5 % is about 0.9; the noise of earlier rounds falls to that
    noises = [0.5, 0.4, 0.3, 0.2, 0.1, *[0.05] * 10]
    rounds = [(noisy(rng, truth, noise), noisy(rng, truth, 0.05)) for noise in noises]
    plain = stopping.get("stabilizing_predictions")
    assert first_stop(replay(plain, [plain.observe(stop_predictions=model) for model, _ in rounds])) is None
    stopped = first_stop(decide(make(least=0.85), rounds))
    assert stopped is not None
    # the first window without an earlier, noisier model is that of rounds 5 to 8
    assert 7 <= stopped <= 10


def test_a_deterministic_model_gives_stabilizing_predictions() -> None:
    rng = np.random.default_rng(2)
    rounds = [rng.integers(0, 2, 300)]
    for step in range(15):
        rounds.append(np.where(rng.random(300) < 0.3 / (1 + step) ** 2, 1 - rounds[-1], rounds[-1]))
    ours = decide(make(threshold=0.98), [(model, model) for model in rounds])
    rule = stopping.get("stabilizing_predictions", threshold=0.98)
    plain = replay(rule, [rule.observe(stop_predictions=model) for model in rounds])
    assert [decision.stop for decision in ours] == [decision.stop for decision in plain]
    assert [decision.value for decision in ours] == [decision.value for decision in plain]


def test_models_whose_agreement_says_nothing_do_not_stop_it() -> None:
    # guesses agree with each other as well as with their twins: not at all
    rng = np.random.default_rng(3)
    rounds = [(rng.integers(0, 3, 500), rng.integers(0, 3, 500)) for _ in range(12)]
    decisions = decide(make(), rounds)
    assert first_stop(decisions) is None
    assert {decision.threshold for decision in decisions[3:]} == {0.9}


def test_constant_predictions_wait() -> None:
    found = [0] * 45 + [1] * 5
    rounds = [([0] * 50, [0] * 50)] * 4 + [(found, found)] * 6
    decisions = decide(make(), rounds)
    # 0..3 constant; round 4 differs (kappa 0); steps of rounds 5, 6, 7 are 1
    assert [decision.ready for decision in decisions] == [False] * 6 + [True] * 4
    assert first_stop(decisions) == 7
    assert first_stop(decide(make(on_constant="agree"), rounds)) == 3


def test_constant_twins_wait_even_where_models_alternate() -> None:
    # the model names class 0 throughout in one round, class 1 in the next: kappa 0 from round to round, none within
    rounds = [([number % 2] * 20, [number % 2] * 20) for number in range(5)]
    decision = decide(make(), rounds)[-1]
    assert not decision.ready
    assert decision.reason == (
        "In 3 of the last 3 rounds the model and its twin gave all 20 items of the stop set one class, so the floor is "
        "not known yet."
    )


def test_more_patience_with_noise_stops_earlier_and_a_higher_least_later() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 1000)
    noises = np.linspace(0.4, 0.04, 25)
    rounds = [(noisy(rng, truth, noise), noisy(rng, truth, noise / 2)) for noise in noises]
    by_delta = [first_stop(decide(make(least=0, delta=delta), rounds)) for delta in (0.3, 0.15, 0.1)]
    by_least = [first_stop(decide(make(delta=0.3, least=least), rounds)) for least in (0.4, 0.6, 0.8)]
    for stops in (by_delta, by_least):
        assert None not in stops
        assert stops == sorted(stops)  # type: ignore[type-var]
        assert stops[0] != stops[-1]


def test_a_twin_of_another_stop_set_is_refused() -> None:
    with pytest.raises(InputError, match=r"stop_twin_predictions has 3 along axis T \(stop set\)"):
        make().observe(stop_predictions=[0, 1], stop_twin_predictions=[0, 1, 1])


def test_a_stop_set_that_changes_is_an_error_that_says_so() -> None:
    rule = make()
    trace = [rule.observe(stop_predictions=[0, 1] * half, stop_twin_predictions=[0, 1] * half) for half in (5, 4)]
    with pytest.raises(InputError, match="had 10 items and has 8 in round 1"):
        rule.decide(trace)


@pytest.mark.parametrize(
    "parameters",
    [
        {"window": 0},
        {"threshold": 1.1},
        {"delta": -0.1},
        {"least": math.nan},
        {"least": 0.995},
        {"on_constant": True},
        {"every": 2},
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    model = np.arange(20) % 2
    plus = model.copy()
    plus[0] = 1
    assert decide(make(window=1, least=0.5), [(model, plus), (plus, model)])[-1].reason == (
        "The mean of the last 1 kappa from round to round on the 20 items of the stop set is 0.9000, at least 0.8900; "
        "two models of the same labels agree to 0.9000."
    )
