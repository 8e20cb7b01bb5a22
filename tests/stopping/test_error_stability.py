from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import lambertw
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

from claros import stopping
from claros.errors import InputError
from claros.stopping import Observation, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("error_stability", **parameters)


def observed(rule: Rule, features: Any, labels: Any, sizes: list[int]) -> list[Observation]:
    """Rounds in which the labels come in batches of these sizes."""
    features, labels, ends = np.asarray(features, dtype=float), np.asarray(labels), np.cumsum(sizes)
    return [
        rule.observe(labeled_features=features[:end], labels=labels[:end], batch_labels=labels[end - size : end])
        for end, size in zip(ends, sizes, strict=True)
    ]


def test_worked_by_hand() -> None:
    # one feature that is always 1, prior and noise 1: of the second label g = ½, residuals (-½, 1), so
    # KL(new || old) = (2 (log 1.5 - 1/3) + 5/4 · (½)/(3/2)²)/2 = 0.2110, and √(0.2110/2) = 0.3248
    rule = make(bound="absolute", noise_variance=1.0)
    trace = observed(rule, [[1.0], [1.0]], [0, 1], [1, 1])
    forward = (2 * (math.log(1.5) - 1 / 3) + 1.25 * 0.5 / 2.25) / 2
    first, second = replay(rule, trace)
    assert trace[1]["forward"] == pytest.approx(forward)
    assert second.value == pytest.approx(math.sqrt(forward / 2))
    assert not second.stop
    assert second.reason == (
        "The last batch of 1 among 2 labels changed the expected error by 0.3248 at most, above 0.1."
    )
    # the first label has nothing to be compared with
    assert not first.ready
    assert "the newest has 1 of 1 labels" in first.reason


def test_the_ratio_starts_at_1_and_is_the_published_one() -> None:
    def published(divergences: Observation) -> float:
        both = np.array([divergences["forward"], divergences["backward"]])
        return float(np.sum(np.exp(1 + lambertw((both - 1) / np.e).real) - 1))

    features, labels = load_digits(return_X_y=True)
    rule = make()
    trace = observed(rule, features[:400] / 64, labels[:400], [20] * 20)
    decisions = replay(rule, trace)
    assert not decisions[0].ready
    assert decisions[1].value == 1.0
    for seen, decision in zip(trace[1:], decisions[1:], strict=True):
        assert decision.value == pytest.approx(published(seen) / published(trace[1]), rel=1e-6)
        assert decision.stop == (decision.value is not None and decision.value <= 0.1)


def test_it_goes_down_as_labels_repeat_what_is_known() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    features = np.eye(3)[labels] + 0.1 * rng.normal(size=(600, 3))
    rule = make()
    values = [decision.value for decision in replay(rule, observed(rule, features, labels, [10] * 60))[1:]]
    assert all(value is not None for value in values)
    assert np.mean(values[-10:]) < 0.2 * np.mean(values[1:6])  # type: ignore[arg-type]
    assert first_stop(replay(rule, observed(rule, features, labels, [10] * 60))) is not None


def test_batches_about_something_new_do_not_stop_it() -> None:
    features, labels = np.repeat(np.eye(20), 5, axis=0), np.arange(100) % 2
    for bound in ("ratio", "absolute"):
        rule = make(bound=bound)
        assert first_stop(replay(rule, observed(rule, features, labels, [5] * 20))) is None


def test_the_absolute_value_bounds_the_total_variation() -> None:
    # by Monte Carlo, with the posteriors of the dense formulas: TV = ½ E|1 - p/q| under q
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 60)
    features = np.eye(2)[labels] + 0.3 * rng.normal(size=(60, 2))
    rule = make(bound="absolute")
    value = rule.decide(observed(rule, features, labels, [50, 10])).value

    def posterior(end: int) -> list[Any]:
        precision = np.eye(2) + features[:end].T @ features[:end] / 0.25
        covariance = np.linalg.inv(precision)
        means = covariance @ features[:end].T @ np.eye(2)[labels[:end]] / 0.25
        return [multivariate_normal(means[:, column], covariance) for column in range(2)]

    before, after = posterior(50), posterior(60)
    draws = [one.rvs(100_000, random_state=rng) for one in after]
    logs = sum(one.logpdf(draw) - other.logpdf(draw) for one, other, draw in zip(before, after, draws, strict=True))
    variation = 0.5 * float(np.mean(np.abs(1 - np.exp(logs))))
    assert value is not None
    assert 0.02 < variation <= value < 1


def test_an_empty_batch_waits_and_is_not_the_first_step() -> None:
    features, labels = np.ones((30, 1)), np.arange(30) % 2
    rule = make()
    decisions = replay(rule, observed(rule, features, labels, [10, 0, 10, 0, 10]))
    assert [decision.ready for decision in decisions] == [False, False, True, False, True]
    assert decisions[2].value == 1.0
    assert "the newest has 0 of 20 labels" in decisions[3].reason


def test_more_in_the_batch_than_labels_wait() -> None:
    rule = make()
    seen = rule.observe(labeled_features=[[1.0], [1.0]], labels=[0, 1], batch_labels=[0, 1, 1])
    assert not rule.decide([seen]).ready


def test_a_first_batch_that_told_nothing_is_not_divided_by() -> None:
    # the features of the first rounds are 0: their labels move no posterior
    features = np.concatenate([np.zeros((20, 1)), np.ones((20, 1))])
    rule = make()
    decisions = replay(rule, observed(rule, features, np.arange(40) % 2, [10] * 4))
    assert [decision.ready for decision in decisions] == [False, False, True, True]
    assert decisions[1].reason == "No batch of 2 rounds has changed anything yet."
    assert decisions[2].value == 1.0


def test_a_window_averages_the_last_rounds() -> None:
    features, labels = np.ones((60, 1)), np.arange(60) % 2
    single = [decision.value for decision in replay(make(), observed(make(), features, labels, [10] * 6))]
    several = replay(make(window=3), observed(make(), features, labels, [10] * 6))
    assert [decision.ready for decision in several] == [False, False, False, True, True, True]
    for end in (3, 4, 5):
        assert several[end].value == pytest.approx(np.mean(single[end - 2 : end + 1]))  # type: ignore[arg-type]


def test_a_trace_can_be_replayed_with_the_other_bound() -> None:
    trace = observed(make(), np.ones((40, 1)), np.arange(40) % 2, [10] * 4)
    expected = replay(
        make(bound="absolute"), observed(make(bound="absolute"), np.ones((40, 1)), np.arange(40) % 2, [10] * 4)
    )
    assert replay(make(bound="absolute"), trace) == expected


def test_class_codes_may_be_any() -> None:
    # columns are those of the classes seen, so a code of a billion takes no memory
    trace = [
        make().observe(labeled_features=[[1.0], [0.5], [1.0]], labels=labels, batch_labels=labels[-1:])
        for labels in ([0, 1, 1], [7, 10**9, 10**9])
    ]
    assert trace[0] == trace[1]


def test_features_in_torch_and_float32_give_the_same() -> None:
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 2, 30)
    expected = make().observe(labeled_features=features.astype(np.float64), labels=labels, batch_labels=labels[-5:])
    seen = make().observe(labeled_features=torch.tensor(features), labels=labels, batch_labels=labels[-5:])
    assert seen == pytest.approx(expected)


def test_it_stops_at_the_threshold_exactly() -> None:
    rule = make(bound="absolute")
    trace = observed(rule, np.ones((40, 1)), np.arange(40) % 2, [20, 20])
    value = rule.decide(trace).value
    assert value is not None
    assert make(bound="absolute", threshold=value).decide(trace).stop
    assert not make(bound="absolute", threshold=math.nextafter(value, 0)).decide(trace).stop


def test_features_of_too_few_items_are_refused() -> None:
    with pytest.raises(InputError, match="axis L"):
        make().observe(labeled_features=[[1.0]], labels=[0, 1], batch_labels=[1])
    with pytest.raises(InputError, match="labeled_features has 1 non-finite"):
        make().observe(labeled_features=[[math.nan], [1.0]], labels=[0, 1], batch_labels=[1])


@pytest.mark.parametrize(
    "parameters",
    [{"threshold": -1}, {"bound": "both"}, {"window": 0}, {"prior_variance": 0}, {"noise_variance": -1.0}],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
