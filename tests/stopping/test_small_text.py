"""Rules of small-text 1.4.1 beside ours, on random sequences: equal where they mean the same, and where they do not.

The exceptions, each with a case below: a model that predicts one class is not settled for us (`on_constant="agree"`
gives their answer); a class that nobody predicts has no F, and any class can be the positive one; a share of unchanged
predictions that is exactly the one asked for is enough; arrays are copied; what are no probabilities is refused; a
quiet round can be made to wait for more.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from small_text.stopping_criteria import ClassificationChange, DeltaFScore, KappaAverage, OverallUncertainty

from claros import stopping
from claros.errors import InputError
from claros.stopping import Rule, first_stop, replay

SEQUENCES = 200


def ours(rule: Rule, rounds: Sequence[Any]) -> list[bool]:
    return [decision.stop for decision in replay(rule, [rule.observe(stop_predictions=codes) for codes in rounds])]


def theirs(criterion: Any, rounds: Sequence[Any]) -> list[bool]:
    return [bool(criterion.stop(predictions=np.array(codes))) for codes in rounds]


def sequence(rng: np.random.Generator, classes: int, length: int = 12) -> list[Any]:
    """Predictions of a model that learns at its own pace, with quiet and loud rounds; all classes are predicted."""
    n = int(rng.integers(20, 150))
    fixed = np.arange(classes)
    rounds = [np.concatenate([fixed, rng.integers(0, classes, n)])]
    pace = rng.uniform(0.3, 0.9)
    for step in range(length - 1):
        change = rng.random(n + classes) < rng.choice([0.0, 0.3, 1.0]) * pace ** (step + 1)
        change[:classes] = False
        rounds.append(np.where(change, rng.integers(0, classes, n + classes), rounds[-1]))
    return rounds


def test_stabilizing_predictions_is_their_kappa_average() -> None:
    rng = np.random.default_rng(0)
    stops = []
    for trial in range(SEQUENCES):
        classes, window, threshold = int(rng.integers(2, 6)), int(rng.integers(1, 5)), rng.uniform(0.7, 1.0)
        rounds = sequence(rng, classes)
        rule = stopping.get("stabilizing_predictions", window=window, threshold=threshold)
        expected = theirs(KappaAverage(classes, window_size=window, kappa=threshold), rounds)
        assert ours(rule, rounds) == expected, trial
        stops += expected
    assert 0.2 < np.mean(stops) < 0.8, "both answers must come up for this test to mean anything"


def test_stabilizing_predictions_with_their_defaults_and_a_threshold_of_one() -> None:
    rng = np.random.default_rng(1)
    for parameters, arguments in [({}, {}), ({"threshold": 1.0}, {"kappa": 1.0})]:
        for _ in range(40):
            rounds = sequence(rng, 3)
            assert ours(stopping.get("stabilizing_predictions", **parameters), rounds) == theirs(
                KappaAverage(3, **arguments), rounds
            )


def test_classification_change_is_theirs() -> None:
    rng = np.random.default_rng(2)
    stops = []
    for trial in range(SEQUENCES):
        classes, epsilon = int(rng.integers(2, 6)), float(rng.choice([0.0, rng.uniform(0, 0.3)]))
        rounds = sequence(rng, classes)
        expected = theirs(ClassificationChange(classes, threshold=epsilon), rounds)
        assert ours(stopping.get("classification_change", epsilon=epsilon), rounds) == expected, trial
        stops += expected
    assert 0.2 < np.mean(stops) < 0.8


def test_predicted_change_of_f_is_their_delta_f_score() -> None:
    rng = np.random.default_rng(3)
    stops = []
    for trial in range(SEQUENCES):
        window, epsilon = int(rng.integers(1, 5)), float(rng.choice([0.05, rng.uniform(0.01, 0.3)]))
        rounds = sequence(rng, 2)
        expected = theirs(DeltaFScore(2, window_size=window, threshold=epsilon), rounds)
        assert ours(stopping.get("predicted_change_of_f", epsilon=epsilon, window=window), rounds) == expected, trial
        stops += expected
    assert 0.2 < np.mean(stops) < 0.8


def test_overall_uncertainty_is_theirs() -> None:
    rng = np.random.default_rng(4)
    stops = []
    for trial in range(SEQUENCES):
        classes, threshold = int(rng.integers(2, 8)), float(rng.choice([0.05, rng.uniform(0.01, 0.9)]))
        rule = stopping.get("overall_uncertainty", threshold=threshold)
        criterion = OverallUncertainty(classes, threshold=threshold)
        for concentration in 10 ** rng.uniform(-3, 1, 2):
            probs = rng.dirichlet(np.full(classes, concentration), 12)
            expected = bool(criterion.stop(proba=probs, indices_stopping=np.arange(12)))
            assert rule.decide([rule.observe(stop_probs=probs)]).stop == expected, trial
            stops.append(expected)
    assert 0.2 < np.mean(stops) < 0.8


def test_sequences_that_pass_through_one_class_are_theirs_with_agreement_asked_for() -> None:
    # positives are so rare that whole rounds have none
    rng = np.random.default_rng(5)
    constant = 0
    for trial in range(SEQUENCES):
        rounds = [(rng.random(30) < rng.choice([0.0, 0.03, 0.2])).astype(np.int64)]
        for _ in range(12):
            again = rng.random() < 0.5
            rounds.append(rounds[-1] if again else (rng.random(30) < rng.choice([0.0, 0.03, 0.2])).astype(np.int64))
        constant += sum(not codes.any() for codes in rounds)
        for name, parameters, criterion in [
            ("stabilizing_predictions", {"threshold": 0.61}, KappaAverage(2, kappa=0.61)),
            ("classification_change", {"epsilon": 0.11}, ClassificationChange(2, threshold=0.11)),
        ]:
            assert ours(stopping.get(name, **parameters, on_constant="agree"), rounds) == theirs(criterion, rounds), (
                trial
            )
    assert constant > 300


# what follows are the exceptions


def test_exception_one_class_at_the_start_stops_theirs_two_rounds_before_the_second_is_found() -> None:
    found = [0] * 45 + [1] * 5
    rounds = [[0] * 50] * 5 + [found] * 6
    assert first(theirs(KappaAverage(2), rounds)) == 3
    assert first(ours(stopping.get("stabilizing_predictions"), rounds)) == 8
    assert first(theirs(ClassificationChange(2), rounds)) == 1
    assert first(ours(stopping.get("classification_change"), rounds)) == 6
    positive = [[1] * 50] * 5 + [[1] * 45 + [0] * 5] * 6
    assert first(theirs(DeltaFScore(2), positive)) == 3
    # the change from all to 45 positives is 5/95, not below 0.05, and leaves the window at round 8
    assert first(ours(stopping.get("predicted_change_of_f"), positive)) == 8


def test_exception_without_positives_theirs_divides_by_zero_and_ours_waits() -> None:
    rounds = [[0] * 20] * 5
    with pytest.warns(RuntimeWarning):
        assert not any(theirs(DeltaFScore(2), rounds))
    rule = stopping.get("predicted_change_of_f")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decisions = replay(rule, [rule.observe(stop_predictions=codes) for codes in rounds])
    assert not any(decision.ready for decision in decisions)
    # asked to take a constant model for agreement, ours does so for either class
    assert first(ours(stopping.get("predicted_change_of_f", on_constant="agree"), rounds)) == 3


def test_exception_the_positive_class_is_always_1_for_theirs() -> None:
    # class 0 is the rare one: half of its predictions change in every round, and class 1 hardly notices
    rounds = [[0] * 4 + [1] * 96, [1] * 2 + [0] * 4 + [1] * 94] * 5
    assert first(theirs(DeltaFScore(2), rounds)) == 3
    assert first(ours(stopping.get("predicted_change_of_f"), rounds)) == 3
    assert first(ours(stopping.get("predicted_change_of_f", positive=0), rounds)) is None
    with pytest.raises(ValueError, match="only applicable for binary"):
        DeltaFScore(3)


def test_exception_a_share_that_is_exactly_enough_is_not_for_theirs_at_some_thresholds() -> None:
    # 3 of 10 stay, and 0.7 may change; 10 · (1 - 0.7) is 3.0000000000000004
    rounds = [[0, 1] * 5, [0, 1, 0] + [2] * 7]
    assert theirs(ClassificationChange(3, threshold=0.7), rounds) == [False, False]
    assert ours(stopping.get("classification_change", epsilon=0.7), rounds) == [False, True]


def test_exception_a_buffer_used_again_settles_theirs_whatever_it_holds() -> None:
    rng = np.random.default_rng(6)
    guesses = [rng.integers(0, 2, 100) for _ in range(8)]
    for name, criterion in [
        ("stabilizing_predictions", KappaAverage(2)),
        ("classification_change", ClassificationChange(2)),
        ("predicted_change_of_f", DeltaFScore(2)),
    ]:
        rule, buffer, trace, answers = stopping.get(name), np.zeros(100, dtype=np.int64), [], []
        for codes in guesses:
            buffer[:] = codes
            answers.append(bool(criterion.stop(predictions=buffer)))
            trace.append(rule.observe(stop_predictions=buffer))
        assert any(answers), name
        assert first_stop(replay(rule, trace)) is None, name


def test_exception_one_quiet_round_is_enough_for_theirs_and_ours_can_wait_for_more() -> None:
    rng = np.random.default_rng(7)
    loud = [rng.integers(0, 3, 50) for _ in range(8)]
    rounds = [*loud[:4], loud[3], *loud[4:]]
    assert first(theirs(ClassificationChange(3), rounds)) == 4
    assert first(ours(stopping.get("classification_change"), rounds)) == 4
    assert first(ours(stopping.get("classification_change", window=3), rounds)) is None


def test_exception_scores_that_are_no_probabilities_pass_theirs() -> None:
    # ten times too large; scipy's entropy rescales them in silence
    scores = np.array([[10.0, 0.0], [0.0, 10.0]])
    assert OverallUncertainty(2).stop(proba=scores, indices_stopping=np.arange(2))
    with pytest.raises(InputError, match="do not sum to 1"):
        stopping.get("overall_uncertainty").observe(stop_probs=scores)


def test_exception_a_model_that_is_sure_of_one_class_throughout_stops_theirs() -> None:
    probs = np.tile([1.0, 0.0], (20, 1))
    assert OverallUncertainty(2).stop(proba=probs, indices_stopping=np.arange(20))
    rule = stopping.get("overall_uncertainty")
    assert not rule.decide([rule.observe(stop_probs=probs)]).ready


def first(stops: Sequence[bool]) -> int | None:
    return next((place for place, stop in enumerate(stops) if stop), None)
