from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from claros import stopping
from claros.errors import InputError
from claros.measures.agreement import contingency
from claros.stopping import Decision, Rule, first_stop, replay


def decide(rule: Rule, rounds: Sequence[Any]) -> list[Decision]:
    return replay(rule, [rule.observe(stop_predictions=predictions) for predictions in rounds])


def make(**parameters: Any) -> Rule:
    return stopping.get("stabilizing_predictions_bound", **parameters)


def test_worked_by_hand_where_nothing_disagrees() -> None:
    # n agreements in a row have probability (1 - share)^n, so 95 % confidence is at share = 1 - 0.05^(1/n);
    # with two equal classes half of all agree by chance, so kappa is 1 - share / (1/2)
    for n in (100, 1000):
        decision = decide(make(window=1), [[0, 1] * (n // 2)] * 2)[-1]
        assert decision.value == pytest.approx(1 - 2 * (1 - 0.05 ** (1 / n)))


def test_the_bounds_are_those_of_statsmodels_and_scipy() -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for trial in range(150):
        classes, n, flip = int(rng.integers(2, 5)), int(rng.integers(50, 400)), rng.choice([0.01, 0.1, 0.5])
        shares = rng.dirichlet([0.5] * classes)
        rounds = [rng.choice(classes, n, p=shares)]
        for _ in range(3):
            rounds.append(np.where(rng.random(n) < flip, rng.choice(classes, n, p=shares), rounds[-1]))
        pairs = [(rounds[place], rounds[place + 1]) for place in range(3)]
        if any(np.array_equal(*pair) for pair in pairs):
            continue  # statsmodels divides by zero
        theirs = [cohens_kappa(contingency(*pair, classes)) for pair in pairs]
        by_formula = np.mean([one.kappa - norm.ppf(0.9) * one.var_kappa**0.5 for one in theirs])
        exact = []
        for (before, after), one in zip(pairs, theirs, strict=True):
            disagreed = int(np.sum(before != after))
            limit = binomtest(disagreed, n, alternative="less").proportion_ci(0.9, method="exact").high
            by_chance = 1 - (disagreed / n) / (1 - one.kappa)
            exact.append(1 - limit / (1 - by_chance))
        for bound, expected in (("large_sample", by_formula), ("exact", np.mean(exact))):
            value = decide(make(bound=bound, confidence=0.9), rounds)[-1].value
            assert value == pytest.approx(max(-1, expected), abs=1e-9), (trial, bound)
        compared += 1
    assert compared > 70


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize(("n", "flip"), [(100, 0.01), (1000, 0.005), (400, 0.1)])
def test_the_mean_kappa_is_above_the_bound_as_often_as_it_says(window: int, n: int, flip: float) -> None:
    # A population of 100,000 items, of which a stop set is drawn 400 times. At least 95 % must be covered; by chance
    # 92.5 % is 2.3 standard deviations below (sqrt(0.95 · 0.05 / 400) = 1.1 %).
    rng = np.random.default_rng(1)
    rounds = [rng.integers(0, 2, 100_000)]
    for _ in range(window):
        rounds.append(np.where(rng.random(100_000) < flip, 1 - rounds[-1], rounds[-1]))
    true = np.mean([cohen_kappa_score(rounds[place], rounds[place + 1]) for place in range(window)])
    covered = 0
    for _ in range(400):
        drawn = rng.integers(0, 100_000, n)
        value = decide(make(window=window), [predictions[drawn] for predictions in rounds])[-1].value
        assert value is not None
        covered += value <= true
    assert covered >= 370, f"{covered} of 400"


def test_zero_disagreement_on_a_small_stop_set_does_not_stop_it() -> None:
    # a bound from the formula alone would be 1 here
    decision = decide(make(), [[0, 1] * 50] * 6)[-1]
    assert decide(make(bound="large_sample"), [[0, 1] * 50] * 6)[-1] == decision
    assert not decision.stop
    assert decision.value == pytest.approx(1 - 2 * (1 - 0.05**0.01))
    assert decision.reason == (
        "The mean of the last 3 kappas on the 100 items of the stop set is 1.0000, and with 95 % confidence above "
        "0.9410, which is below 0.99; so few items cannot show more, and 598 or more could."
    )


@pytest.mark.parametrize(
    ("shares", "threshold", "confidence"),
    [((1, 1), 0.99, 0.95), ((1, 1), 0.98, 0.8), ((9, 1), 0.97, 0.95), ((1, 1, 1), 0.99, 0.99)],
)
def test_the_number_of_items_that_it_asks_for_is_enough_and_one_fewer_is_not(
    shares: tuple[int, ...], threshold: float, confidence: float
) -> None:
    rule = make(window=1, threshold=threshold, confidence=confidence)
    few = np.repeat(np.arange(len(shares)), np.array(shares) * 4)
    enough = int(decide(rule, [few, few])[-1].reason.rpartition("more, and ")[2].split()[0])
    # the number is for the same shares of classes, which a whole number of items can only be near
    weight = 1 / (1 - np.sum((np.array(shares) / sum(shares)) ** 2))
    assert 1 - weight * (1 - (1 - confidence) ** (1 / enough)) >= threshold
    assert 1 - weight * (1 - (1 - confidence) ** (1 / (enough - 1))) < threshold
    many = np.repeat(np.arange(len(shares)), np.array(shares) * -(-enough // sum(shares)))
    assert decide(rule, [many, many])[-1].stop


def test_the_formula_of_large_samples_promises_too_much_where_few_disagree() -> None:
    # true kappa 0.98 between two balanced classes; 300 items, of which 3 disagree on average
    rng = np.random.default_rng(4)
    covered = {"exact": 0, "large_sample": 0}
    for _ in range(500):
        before = rng.integers(0, 2, 300)
        after = np.where(rng.random(300) < 0.01, 1 - before, before)
        for bound in covered:
            value = decide(make(window=1, bound=bound), [before, after])[-1].value
            assert value is not None
            covered[bound] += value <= 0.98
    # 95 % are promised; 500 draws have a standard deviation of 1.0 %, so 3 % is three of them
    assert covered["exact"] >= 460
    assert covered["large_sample"] < 460


def test_a_larger_stop_set_and_a_lower_confidence_give_a_higher_bound() -> None:
    rng = np.random.default_rng(2)
    before = rng.integers(0, 2, 4000)
    after = np.where(rng.random(4000) < 0.002, 1 - before, before)
    by_size = [decide(make(window=1), [before[:n], after[:n]])[-1].value for n in (250, 1000, 4000)]
    by_confidence = [decide(make(window=1, confidence=c), [before, after])[-1].value for c in (0.99, 0.9, 0.5)]
    for values in (by_size, by_confidence):
        assert values == sorted(values)  # type: ignore[type-var]
    mean = decide(stopping.get("stabilizing_predictions", window=1), [before, after])[-1].value
    assert mean is not None
    assert all(value < mean for value in by_size + by_confidence[:2] if value is not None)


def test_it_never_stops_before_the_rule_without_a_bound() -> None:
    rng = np.random.default_rng(3)
    for threshold in (0.8, 0.95):
        rounds = [rng.integers(0, 3, 600)]
        for step in range(20):
            rounds.append(np.where(rng.random(600) < 0.5 / (1 + step) ** 1.5, rng.integers(0, 3, 600), rounds[-1]))
        bound, mean = (
            first_stop(decide(rule, rounds))
            for rule in (make(threshold=threshold), stopping.get("stabilizing_predictions", threshold=threshold))
        )
        assert bound is not None
        assert mean is not None
        assert mean <= bound


def test_the_bound_on_f_is_said_for_two_classes_only() -> None:
    two, three = [0, 1] * 1000, [0, 1, 2, 1] * 500
    # 1 - 2 (1 - 0.05^(1/2000)) = 0.99701; 4 (1 - 0.99701) / 0.99701 = 0.0120
    assert decide(make(), [two] * 4)[-1].reason.endswith(
        "which is at least 0.99; F of two such models differs by at most 0.012."
    )
    assert " F " not in decide(make(), [three] * 4)[-1].reason
    # and it is not said of a step in which a third class was seen
    rare = [*two[:-1], 2]
    assert " F " not in decide(make(threshold=0.9), [rare, two, two, two])[-1].reason
    assert " F " in decide(make(threshold=0.9), [two, two, two, two])[-1].reason


def test_constant_predictions_wait() -> None:
    decisions = decide(make(threshold=0.5), [[0] * 900] * 4 + [[0, 1] * 450] * 5)
    # 0..3 constant; round 4 differs (kappa 0), and is in the window until round 6
    assert [decision.ready for decision in decisions] == [False] * 6 + [True] * 3
    assert first_stop(decisions) == 6
    assert "all 900 predictions on the stop set were one class" in decisions[3].reason


def test_a_stop_set_that_changes_is_an_error_that_says_so() -> None:
    rule = make()
    trace = [rule.observe(stop_predictions=[0, 1] * half) for half in (5, 5, 4)]
    with pytest.raises(InputError, match="had 10 items and has 8 in round 2"):
        rule.decide(trace)


@pytest.mark.parametrize(
    "parameters",
    [
        {"window": 0},
        {"threshold": 1.0},
        {"threshold": math.nan},
        {"confidence": 1.0},
        {"confidence": 0.4},
        {"confidence": "high"},
        {"bound": "wilson"},
        {"on_constant": "agree"},
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
