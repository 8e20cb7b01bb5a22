from __future__ import annotations

import json

import pytest

from claros import stopping
from claros.errors import InputError, UnknownNameError
from claros.stopping import REGISTRY, Decision, first_stop, replay
from claros.stopping.rule import View


def decision(stop: bool) -> Decision:
    return Decision(stop, True, float(stop), 1.0, f"{stop:d}.")


def test_a_run_that_never_stops_has_no_first_stop() -> None:
    # the position of the largest of all-false is 0, which made one package's rule stop in every run
    assert first_stop([decision(False)] * 5) is None
    assert first_stop([]) is None


def test_a_stop_at_the_very_last_decision_is_found() -> None:
    assert first_stop([decision(False)] * 4 + [decision(True)]) == 4


def test_the_first_of_several_stops_counts() -> None:
    assert first_stop([decision(stop) for stop in (False, True, False, True)]) == 1


def test_every_name_gives_a_rule_of_that_name_by_its_defaults() -> None:
    assert stopping.names() == [*REGISTRY]
    for name in stopping.names():
        rule = stopping.get(name)
        assert rule.name == name
        assert rule.summary.startswith("Stops when")


def test_an_unknown_rule_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'stabilizing_predictions'.*budget"):
        stopping.get("stabilising_predictions")


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"stabilizing_predictions: .*'treshold'.*Did you mean 'threshold'"):
        stopping.get("stabilizing_predictions", treshold=0.9)


def test_a_misspelled_input_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"overall_uncertainty: .*Did you mean 'stop_probs'"):
        stopping.get("overall_uncertainty").observe(stop_prob=[[0.5, 0.5]])


def test_equal_rules_are_equal_and_can_be_keys() -> None:
    assert len({stopping.get("budget", labels=5), stopping.get("budget", labels=5), stopping.get("budget")}) == 2


def test_a_decision_is_json_and_reads_as_its_reason() -> None:
    made = stopping.get("budget", labels=10).decide([{"n_labeled": 5, "n_pool": 100}])
    assert json.loads(json.dumps(made.to_json())) == {
        "stop": False,
        "ready": True,
        "value": 0.5,
        "threshold": 1.0,
        "reason": "5 of 10 labels are used.",
    }
    assert str(made) == made.reason


def test_replaying_equals_deciding_on_each_prefix() -> None:
    rule = stopping.get("budget", labels=100)
    trace = [rule.observe(n_labeled=n, n_pool=500) for n in range(20, 200, 20)]
    assert replay(rule, trace) == [rule.decide(trace[:end]) for end in range(1, len(trace) + 1)]
    assert replay(rule, []) == []


def test_a_view_is_a_prefix_that_indexes_like_a_list() -> None:
    trace = [{"n": number} for number in range(10)]
    view, prefix = View(trace, 6), trace[:6]
    assert len(view) == 6
    assert list(view) == prefix
    for place in (0, 5, -1, -6):
        assert view[place] == prefix[place]
    for part in (slice(-3, None), slice(None, 2), slice(2, 50), slice(None, None, -2), slice(4, 4)):
        assert view[part] == prefix[part]
    for outside in (6, -7):
        with pytest.raises(IndexError):
            view[outside]
    part_of = View(trace, 3, lambda observation: {"twice": 2 * observation["n"]})
    assert [observation["twice"] for observation in part_of] == [0, 2, 4]
