from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from claros import stopping
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping import All, AnyOf, Decision, Observation, Patience, Rule, first_stop, replay


@dataclass(frozen=True)
class Says(Rule):
    """Says what it is told: a metric of 1 is stop, 0 is go on, -1 is not ready."""

    key: str = "metric"

    name = "says"
    needs = ("metric",)
    assumes = "Nothing."
    reference = "made up for this test"

    def record(self, inputs: Inputs) -> dict[str, Any]:
        return {"said": inputs["metric"]}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        said = trace[-1]["said"]
        if said < 0:
            return Decision.not_ready("0 known.")
        return Decision(said > 0, True, said, 1.0, f"Told {said:g}.")


STOP, GO, UNKNOWN = 1.0, 0.0, -1.0


def told(words: Sequence[float]) -> list[dict[str, Any]]:
    return [Says().observe(metric=word) for word in words]


def answer(decision: Decision) -> float:
    return UNKNOWN if not decision.ready else (STOP if decision.stop else GO)


def kleene(words: Sequence[float], decides: float, otherwise: float) -> float:
    """Three-valued and (decides=GO) and or (decides=STOP)."""
    if decides in words:
        return decides
    return UNKNOWN if UNKNOWN in words else otherwise


@pytest.mark.parametrize("n", [1, 2, 3])
def test_and_and_or_are_those_of_three_valued_logic(n: int) -> None:
    # all combinations of what up to three members may say
    for words in itertools.product([STOP, GO, UNKNOWN], repeat=n):
        observation = {"rules": [{"said": word} for word in words]}
        rules = tuple(Says(key=str(place)) for place in range(n))
        assert answer(All(rules).decide([observation])) == kleene(words, GO, STOP), words
        assert answer(AnyOf(rules).decide([observation])) == kleene(words, STOP, GO), words


def test_the_value_counts_the_rules_that_say_stop() -> None:
    decision = (Says("a") & Says("b") & Says("c")).decide([{"rules": [{"said": 1.0}, {"said": 0.0}, {"said": 1.0}]}])
    assert (decision.value, decision.threshold) == (2.0, 3.0)
    assert decision.reason == "2 of 3 rules say stop, 3 must: Told 1; Told 0; Told 1."
    either = (Says("a") | Says("b")).decide([{"rules": [{"said": 1.0}, {"said": -1.0}]}])
    assert (either.value, either.threshold, either.stop) == (1.0, 1.0, True)


def test_operators_make_one_flat_rule() -> None:
    a, b, c = Says("a"), Says("b"), Says("c")
    assert a & b & c == All((a, b, c)) == a & (b & c)
    assert a | b | c == AnyOf((a, b, c))
    assert (a & b) | c == AnyOf((All((a, b)), c))
    assert a & (b | c) == All((a, AnyOf((b, c))))


def test_patience_stops_at_exactly_that_many_in_a_row() -> None:
    # one package needs n + 1, another n the first time and n + 1 after any change
    words = [STOP, STOP, GO, STOP, STOP, STOP, STOP]
    for calls, expected in [(1, 0), (2, 1), (3, 5), (4, 6)]:
        assert first_stop(replay(Says().patience(calls), told(words))) == expected
    assert first_stop(replay(Says().patience(5), told(words))) is None


def test_patience_starts_again_after_a_go_and_after_not_ready() -> None:
    # counters that are never reset turn "in a row" into "altogether"
    for interruption in (GO, UNKNOWN):
        words = [STOP, interruption] * 10
        assert first_stop(replay(Says().patience(2), told(words))) is None


def test_patience_equals_counting_by_hand() -> None:
    words = [STOP, GO, STOP, STOP, UNKNOWN, STOP, STOP, STOP, STOP, GO]
    run, expected = 0, []
    for word in words:
        run = run + 1 if word == STOP else 0
        expected.append(None if word == UNKNOWN else float(min(run, 3)))
    decisions = replay(Says().patience(3), told(words))
    assert [decision.value for decision in decisions] == expected
    assert decisions[3].reason == "2 stops in a row, 3 must be: Told 1."


def test_patience_of_a_combination_counts_the_combination() -> None:
    rule = (Says("a") | Says("b")).patience(2)
    trace = [{"rules": [{"said": a}, {"said": b}]} for a, b in [(STOP, GO), (GO, STOP), (GO, GO)]]
    assert [decision.stop for decision in replay(rule, trace)] == [False, True, False]


def test_a_combination_takes_what_all_its_rules_need_and_observes_once() -> None:
    rule = stopping.get("budget", labels=100) | stopping.get("overall_uncertainty").patience(2)
    assert rule.needs == ("n_labeled", "n_pool", "stop_probs")
    observation = rule.observe(n_labeled=20, n_pool=100, stop_probs=[[0.5, 0.5], [1.0, 0.0]], metric=0.5)
    assert [sorted(part) for part in observation["rules"]] == [
        ["n_labeled", "n_pool"],
        ["classes", "constant", "entropy", "items", "least_confidence", "margin"],
    ]
    assert "calibrated" in rule.assumes
    assert "COLING" in rule.reference


def test_patience_observes_what_its_rule_observes() -> None:
    assert Says().patience(3).observe(metric=1.0) == Says().observe(metric=1.0)


def test_nested_specifications_come_back() -> None:
    sp, ou, budget = (stopping.get(name) for name in ("stabilizing_predictions", "overall_uncertainty", "budget"))
    for rule in (sp & ou, sp | ou | budget, sp.patience(4), ((sp & ou).patience(2) | budget).patience(3)):
        assert stopping.from_spec(rule.spec()) == rule


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "all", "parameters": {}}, "lacks 'rules'"),
        ({"name": "patience", "parameters": {"calls": 2}}, "lacks 'rule'"),
        ({"name": "any", "parameters": {"rules": []}}, "one or more"),
        ({"name": "any", "parameters": {"rules": [{"name": "budgett"}]}}, "Did you mean 'budget'"),
        ({"name": "any", "parameters": {"rules": 5}}, "rules must be a list"),
        ({"name": "patience", "parameters": {"rule": {"name": "budget"}, "call": 3}}, "Did you mean 'calls'"),
        ({"parameters": {}}, "is specified as"),
        ({"name": 5}, "is specified as"),
        ({"name": "budget", "parameters": None}, "is specified as"),
        ([], "is specified as"),
    ],
)
def test_a_specification_that_is_none_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        stopping.from_spec(spec)


@pytest.mark.parametrize("calls", [0, -1, 1.5, True, "3"])
def test_patience_takes_a_positive_whole_number(calls: Any) -> None:
    with pytest.raises(InputError, match="calls"):
        Says().patience(calls)


def test_only_rules_can_be_combined() -> None:
    for wrong in (5, "budget", None):
        with pytest.raises(TypeError):
            Says() & wrong  # type: ignore[operator]
        with pytest.raises(TypeError):
            Says() | wrong  # type: ignore[operator]
        with pytest.raises(InputError, match="stopping rule"):
            All((Says(), wrong))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="stopping rule"):
            Patience(wrong)  # type: ignore[arg-type]


def test_a_trace_of_another_combination_is_refused() -> None:
    rule = Says("a") & Says("b")
    with pytest.raises(InputError, match="3 parts for 2 rules"):
        rule.decide([{"rules": [{"said": 1.0}] * 3}])


def test_a_text_describes_a_rule_and_has_its_parameters_inside() -> None:
    rule = stopping.get("budget(labels=9) & advisor.patience(2)")
    assert rule == stopping.get("budget", labels=9) & stopping.get("advisor").patience(2)
    with pytest.raises(InputError, match="has its parameters inside; got labels beside it"):
        stopping.get("budget(labels=9)", labels=10)
    with pytest.raises(InputError, match="cannot be read as a stopping rule"):
        stopping.get("budget(labels=")
