from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay
from claros.stopping.selected_accuracy import wilson_lower_bound


def make(**parameters: Any) -> Rule:
    return stopping.get("selected_accuracy", **parameters)


def batch(right: int, wrong: int) -> dict[str, Any]:
    """Both classes predicted, so many right and so many wrong."""
    predicted = np.arange(right + wrong) % 2
    labels = np.where(np.arange(right + wrong) < right, predicted, 1 - predicted)
    return {"batch_probs": np.eye(2)[predicted] * 0.6 + 0.2, "batch_labels": labels}


def decide(rule: Rule, *batches: dict[str, Any]) -> list[Decision]:
    return replay(rule, [rule.observe(**one) for one in batches])


def test_worked_by_hand() -> None:
    # 9 of 10 right is 0.9, at least 0.9: it stops; 8 of 10 does not
    assert [one.stop for one in decide(make(), batch(8, 2), batch(9, 1))] == [False, True]
    # pooled over two batches, 8 + 9 of 20 are 0.85
    decision = decide(make(window=2), batch(8, 2), batch(9, 1))[-1]
    assert (decision.value, decision.stop) == (0.85, False)
    assert decision.reason == (
        "17 of 20 items of the last 2 batches were predicted right, a share of 0.8500, below 0.9."
    )


def test_it_equals_scikit_learns_accuracy_on_what_is_pooled() -> None:
    rng = np.random.default_rng(0)
    for window in (1, 2, 5):
        batches = [
            {"batch_probs": rng.dirichlet([1, 1, 1], size), "batch_labels": rng.integers(0, 3, size)}
            for size in rng.integers(5, 30, 12)
        ]
        for place, decision in enumerate(decide(make(window=window, threshold=0.4), *batches)):
            if place < window - 1:
                assert not decision.ready
                continue
            pooled = batches[place - window + 1 : place + 1]
            predicted = np.concatenate([one["batch_probs"].argmax(axis=1) for one in pooled])
            expected = accuracy_score(np.concatenate([one["batch_labels"] for one in pooled]), predicted)
            assert decision.value == pytest.approx(expected, abs=1e-12)
            assert decision.stop == (expected >= 0.4)


def test_the_bound_is_wilsons_one_sided_lower_bound() -> None:
    for n in (1, 5, 10, 37, 200):
        for successes in {0, 1, n // 2, n - 1, n}:
            for level in (0.5, 0.8, 0.9, 0.99):
                interval = binomtest(successes, n, alternative="greater").proportion_ci(level, "wilson")
                assert wilson_lower_bound(successes, n, level) == pytest.approx(interval.low, abs=1e-12)
    decision = decide(make(bound=0.9), batch(9, 1))[0]
    expected = binomtest(9, 10, alternative="greater").proportion_ci(0.9, "wilson").low
    assert decision.value == pytest.approx(expected)
    assert not decision.stop


def test_fifteen_items_all_right_reach_the_threshold_at_the_level_that_the_documentation_names() -> None:
    assert not decide(make(bound=0.9), batch(14, 0))[0].stop
    assert decide(make(bound=0.9), batch(15, 0))[0].stop


def test_a_run_that_never_reaches_the_threshold_never_stops() -> None:
    # a public comparison took the argmax of "reached" without asking whether any was, and stopped every run
    assert first_stop(decide(make(), *[batch(8, 2)] * 30)) is None


def test_the_first_and_the_last_batch_count_like_any() -> None:
    # the same comparison leaves the first out
    assert first_stop(decide(make(), batch(10, 0), batch(5, 5))) == 0
    assert first_stop(decide(make(), batch(5, 5), batch(5, 5), batch(10, 0))) == 2


def test_a_batch_of_any_size_is_counted_whole() -> None:
    # the same comparison counts the last 10 items, whatever the batch
    assert decide(make(), batch(3, 1))[0].value == 0.75
    assert decide(make(), batch(20, 20))[0].value == 0.5


def test_predictions_of_one_class_only_are_not_ready() -> None:
    # a model that saw one class is right wherever that class is frequent
    only = {"batch_probs": [[0.9, 0.1]] * 10, "batch_labels": [0] * 10}
    decision = decide(make(), only)[0]
    assert not decision.ready
    assert decision.reason == "All 10 items of the last batch were predicted as class 0, which shows nothing yet."
    other = {"batch_probs": [[0.1, 0.9]] * 10, "batch_labels": [1] * 10}
    assert [one.ready for one in decide(make(window=2), only, only, other)] == [False, False, True]


def test_batches_of_one_need_a_window() -> None:
    ones = [batch(1, 0), {"batch_probs": [[0.2, 0.8]], "batch_labels": [1]}]
    assert not any(one.ready for one in decide(make(), *ones))
    assert decide(make(window=2), *ones)[-1].stop


def test_batches_in_which_nobody_answered_are_waited_for() -> None:
    empty = {"batch_probs": np.zeros((0, 2)), "batch_labels": []}
    decisions = decide(make(window=2), empty, batch(10, 0), batch(10, 0), empty, batch(10, 0))
    assert [one.ready for one in decisions] == [False, False, True, False, False]


def test_a_label_that_the_model_has_no_column_for_is_wrong() -> None:
    decision = decide(make(), {"batch_probs": [[0.9, 0.1], [0.1, 0.9]], "batch_labels": [0, 2]})[0]
    assert decision.value == 0.5


def test_a_trace_can_be_replayed_with_other_parameters() -> None:
    trace = [make().observe(**batch(9, 1)) for _ in range(3)]
    assert make(window=3, bound=0.8).decide(trace).value == pytest.approx(
        binomtest(27, 30, alternative="greater").proportion_ci(0.8, "wilson").low
    )


@pytest.mark.parametrize(
    "parameters", [{"threshold": 1.1}, {"window": 0}, {"window": 1.5}, {"bound": 0.2}, {"bound": 1.0}, {"bound": True}]
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_batches_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="along axis B"):
        make().observe(batch_probs=[[0.5, 0.5]] * 3, batch_labels=[0, 1])
