from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.arrays import Floats
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def performance(**parameters: Any) -> Rule:
    return stopping.get("performance_convergence", **parameters)


def uncertainty(**parameters: Any) -> Rule:
    return stopping.get("uncertainty_convergence", **{"measure": "least_confidence", **parameters})


def rounds_of(means: Any, batch: int = 1) -> list[dict[str, Any]]:
    """Rounds whose estimated F is as given: two items, one of each class, as sure as that."""
    return [
        {"stop_probs": [[mean, 1 - mean], [1 - mean, mean]], "n_labeled": 10 + batch * number}
        for number, mean in enumerate(means)
    ]


def batches_of(certainties: Any, size: int = 1) -> list[dict[str, Any]]:
    """Batches of which the least sure item has that certainty, and the others are quite sure."""
    return [{"batch_probs": [[one, 1 - one]] + [[0.0, 1.0]] * (size - 1)} for one in certainties]


def decide(rule: Rule, rounds: list[dict[str, Any]]) -> list[Decision]:
    return replay(rule, [rule.observe(**one) for one in rounds])


def published_f(probs: Floats) -> float:
    """The estimate as the paper has it, sum by sum."""
    winner = probs == probs.max(axis=1, keepdims=True)
    tp, fp, fn = probs[winner].sum(), (1 - probs[winner]).sum(), probs[~winner].sum()
    return float(2 * tp / (2 * tp + fp + fn))


def test_the_estimated_f_is_the_published_one_and_the_mean_of_the_largest_probability() -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 3, 10):
        probs = rng.dirichlet([0.5] * classes, 200)
        estimate = performance().observe(stop_probs=probs, n_labeled=10)["f"]
        assert estimate == pytest.approx(published_f(probs), abs=1e-12)
        assert estimate == pytest.approx(probs.max(axis=1).mean(), abs=1e-12)
        overall = stopping.get("overall_uncertainty", measure="least_confidence")
        assert overall.decide([overall.observe(stop_probs=probs)]).value == pytest.approx(1 - estimate)


def test_performance_worked_by_hand() -> None:
    # F 0.70, 0.75, 0.80 while 20 labels come: 0.1 over 20 is 0.005 a label
    decision = decide(performance(window=2, threshold=0.01), rounds_of([0.7, 0.75, 0.8], batch=10))[-1]
    assert decision.value == pytest.approx(0.005)
    assert decision.stop
    assert not decide(performance(window=2, threshold=0.004), rounds_of([0.7, 0.75, 0.8], batch=10))[-1].stop


def test_performance_is_the_gradient_of_the_moving_mean_as_published_for_batches_of_one() -> None:
    # the new high is looked for in the window, which the documentation names as a departure
    rng = np.random.default_rng(1)
    stops = 0
    for window in (1, 3, 10):
        means = 0.6 + 0.3 * np.sort(rng.random(60)) + rng.normal(0, 0.005, 60)
        decisions = decide(performance(window=window, threshold=0.01), rounds_of(means))
        for place in range(window, 60):
            gradient = means[place - window + 1 : place + 1].mean() - means[place - window : place].mean()
            assert decisions[place].value == pytest.approx(gradient, abs=1e-12)
            expected = 0 < gradient < 0.01 and means[place] > means[place - window : place].max()
            assert decisions[place].stop == expected
            stops += expected
    assert 5 < stops < 120, "both answers must come up for this test to mean anything"


def test_the_threshold_is_of_labels_so_that_the_size_of_the_batch_does_not_matter() -> None:
    # the same curve over labels, once label by label and once ten at a time, with windows of 100 labels
    def curve(labels: Floats) -> Floats:
        learned: Floats = 0.95 - 0.45 * np.exp(-labels / 150)
        return learned

    stops = []
    for batch in (1, 10, 20):
        labels = np.arange(0, 3000, batch)
        rounds = rounds_of(curve(labels), batch=batch)
        stopped = first_stop(decide(performance(window=100 // batch), rounds))
        assert stopped is not None
        stops.append(labels[stopped])
    # the slope of the chord over the last 100 labels reaches 5e-5 where 0.45 (e^(100/150) - 1) e^(-n/150) = 0.005
    expected = 150 * np.log(0.45 * (np.exp(100 / 150) - 1) / 0.005)
    assert stops == [pytest.approx(expected, abs=20)] * 3


def test_a_curve_that_falls_or_stands_still_does_not_stop_it() -> None:
    assert first_stop(decide(performance(window=2), rounds_of([0.9] * 20))) is None
    decision = decide(performance(window=2), rounds_of([0.9, 0.8, 0.7]))[-1]
    assert decision.value == pytest.approx(-0.1)
    assert "it does not rise" in decision.reason


def test_the_newest_must_be_a_new_high() -> None:
    # it rose over the window, but less than before: 0.80, 0.90, 0.85
    decision = decide(performance(window=2, threshold=1), rounds_of([0.8, 0.9, 0.85]))[-1]
    assert decision.value == pytest.approx(0.025)
    assert not decision.stop
    assert decision.reason.endswith("less than 1, but is no new high.")


def test_the_newest_is_not_compared_with_itself() -> None:
    # a version of the public implementation does, so that no value is ever above the largest
    rising = np.linspace(0.8, 0.8001, 12)
    assert first_stop(decide(performance(), rounds_of(rising))) == 10
    assert first_stop(decide(uncertainty(), batches_of(rising))) == 10


def test_an_overconfident_start_does_not_block_it_for_good() -> None:
    means = [0.999, *np.linspace(0.7, 0.7001, 12)]
    assert first_stop(decide(performance(), rounds_of(means))) == 11


def test_rounds_that_bring_no_labels_are_not_ready() -> None:
    rounds = [{**one, "n_labeled": 30} for one in rounds_of([0.7, 0.71])]
    decision = decide(performance(window=1), rounds)[-1]
    assert not decision.ready
    assert decision.reason == "From the first to the last of these 2 rounds 0 labels came."


def test_a_model_that_saw_one_class_only_is_waited_for() -> None:
    constant = {"stop_probs": [[0.9, 0.1]] * 2, "n_labeled": 5}
    decisions = decide(performance(window=1, threshold=1), [constant, *rounds_of([0.7, 0.71])])
    assert [one.ready for one in decisions] == [False, False, True]


def test_uncertainty_is_the_gradient_of_the_moving_median_of_the_least_sure_item() -> None:
    rng = np.random.default_rng(2)
    stops = 0
    for window, size in ((1, 1), (3, 1), (4, 7), (10, 10)):
        certainties = 0.5 + 0.4 * np.sort(rng.random(60)) + rng.normal(0, 0.01, 60)
        decisions = decide(uncertainty(window=window, threshold=0.01), batches_of(certainties, size))
        for place in range(60):
            if place < window:
                assert not decisions[place].ready
                continue
            newer = np.median(certainties[place - window + 1 : place + 1])
            older = np.median(certainties[place - window : place])
            gradient = (newer - older) / size
            assert decisions[place].value == pytest.approx(gradient, abs=1e-12)
            expected = 0 < gradient < 0.01 and certainties[place] > certainties[place - window : place].max()
            assert decisions[place].stop == expected
            stops += expected
    assert 5 < stops < 150, "both answers must come up for this test to mean anything"


def test_the_batch_counts_by_its_least_sure_item_whatever_its_size() -> None:
    # the public implementation takes the smallest of the uncertainties, of the last ten items
    for size in (1, 2, 10, 15):
        observation = uncertainty().observe(**batches_of([0.6], size)[0])
        assert observation["least_confidence"] == pytest.approx(0.6)
        assert observation["items"] == size


def test_empty_batches_are_waited_for() -> None:
    rounds = [{"batch_probs": np.zeros((0, 2))}, *batches_of([0.6, 0.61])]
    decisions = decide(uncertainty(window=1, threshold=1), rounds)
    assert [one.ready for one in decisions] == [False, False, True]


@pytest.mark.parametrize("name", ["performance_convergence", "uncertainty_convergence"])
@pytest.mark.parametrize("parameters", [{"window": 0}, {"threshold": -1e-5}, {"threshold": float("nan")}])
def test_a_wrong_parameter_is_refused_by_its_name(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        stopping.get(name, **parameters)
