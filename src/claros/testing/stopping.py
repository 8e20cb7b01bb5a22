"""What every stopping rule must do: a suite to inherit, for ours and for anyone's.

::

    class TestMyRule(RuleContract):
        def rule(self):
            return MyRule(threshold=0.1)

        def pairs(self):
            return [(MyRule(threshold=0.1), MyRule(threshold=0.01))]     # (looser, stricter)

Run it with pytest. The rounds that the rules see are those of `claros.testing.rounds`; a rule that needs others
overrides `settled`, `coin_flip` or `learning`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from claros import stopping
from claros.errors import InputError
from claros.inputs import NEEDS
from claros.stopping import Decision, Rule, first_stop, replay
from claros.testing.rounds import ITEMS, ROUNDS, Round, coin_flip_rounds, learning_rounds, settled_rounds

__all__ = ["RuleContract"]

#: Values that an input of a kind cannot have; of any other kind NaN and -1.
_WRONG = {"probabilities": (math.nan, -1.0, 7.0), "real": (math.nan,)}


class RuleContract(ABC):
    """The suite; a subclass says which rule, and may give pairs of a looser and a stricter one."""

    #: False for rules that look at counts alone: what the model predicts must then change nothing.
    looks_at_predictions = True

    #: True for rules that may be ready where all predictions are of one class: told to take that for agreement, or
    #: made of others that look at more.
    ready_on_constant = False

    @abstractmethod
    def rule(self) -> Rule:
        """The rule under test, with parameters that let it stop within the rounds of `settled`."""

    def pairs(self) -> Sequence[tuple[Rule, Rule]]:
        """Rules of which the first is the looser: the second must never stop earlier."""
        return ()

    def settled(self) -> list[Round]:
        """Rounds in which the rule must stop."""
        return settled_rounds()

    def coin_flip(self) -> list[Round]:
        """Rounds in which a rule that looks at predictions must not stop."""
        return coin_flip_rounds()

    def learning(self, seed: int) -> list[Round]:
        """Rounds of a model that learns."""
        return learning_rounds(seed=seed)

    def test_it_is_documented(self) -> None:
        """Summary, assumptions and reference are there, and its needs are in the vocabulary."""
        rule = self.rule()
        for what in ("summary", "documentation", "assumes", "reference", "name"):
            assert getattr(rule, what).strip(), f"{rule.name} has no {what}"
        assert rule.needs, f"{rule.name} needs nothing"
        assert set(rule.needs) <= set(NEEDS), f"{rule.name} needs what NEEDS does not know: {rule.needs}"

    def test_its_specification_survives_json(self) -> None:
        """An equal rule comes back from the specification, and decides the same."""
        rule = self.rule()
        again = stopping.from_spec(json.loads(json.dumps(rule.spec(), allow_nan=False)))
        assert again == rule
        assert hash(again) == hash(rule)
        trace = _observed(rule, self.learning(0))
        assert replay(again, trace) == replay(rule, trace)

    def test_it_cannot_be_changed(self) -> None:
        """A rule is immutable: setting a parameter is refused."""
        rule = self.rule()
        for parameter in rule.__dataclass_fields__:
            before = copy.deepcopy(getattr(rule, parameter))
            with contextlib.suppress(AttributeError):
                setattr(rule, parameter, None)
            assert getattr(rule, parameter) == before, f"{rule.name}.{parameter} can be set"

    def test_replay_equals_live(self) -> None:
        """Deciding as the rounds come, later from the whole trace, and from its JSON is all the same."""
        for rounds in self._all_rounds():
            rule, trace, live = self.rule(), [], []
            for inputs in rounds:
                trace.append(rule.observe(**inputs))
                live.append(self.rule().decide(trace))
            assert replay(rule, trace) == live
            assert replay(rule, json.loads(json.dumps(trace, allow_nan=False))) == live

    def test_decisions_are_plain_and_complete(self) -> None:
        """Booleans, finite numbers or None, one sentence with a number; not ready never stops and has no value."""
        for rounds in self._all_rounds():
            for decision in [self.rule().decide([]), *replay(self.rule(), _observed(self.rule(), rounds))]:
                _check_decision(decision)

    def test_nothing_observed_is_not_ready(self) -> None:
        """An empty trace is not ready."""
        assert not self.rule().decide([]).ready

    def test_it_has_no_memory(self) -> None:
        """Deciding twice, or in any order, or about another trace in between, changes nothing."""
        rule = self.rule()
        trace, other = _observed(rule, self.learning(0)), _observed(rule, self.coin_flip())
        forward = replay(rule, trace)
        backward = []
        for end in range(len(trace), 0, -1):
            rule.decide(other)
            backward.append(rule.decide(trace[:end]))
        assert backward[::-1] == forward

    def test_a_settled_confident_model_stops(self) -> None:
        """It stops, and goes on saying so."""
        decisions = replay(self.rule(), _observed(self.rule(), self.settled()))
        stopped = first_stop(decisions)
        assert stopped is not None, f"{self.rule().name} never stops; at last: {decisions[-1].reason}"
        assert all(decision.stop for decision in decisions[stopped:])

    def test_a_coin_flip_model_does_not_stop_it(self) -> None:
        """Guesses never stop a rule that looks at predictions, and change nothing for one that does not."""
        decisions = replay(self.rule(), _observed(self.rule(), self.coin_flip()))
        if self.looks_at_predictions:
            stopped = first_stop(decisions)
            assert stopped is None, f"{self.rule().name} stops on coin flips: {decisions[stopped or 0].reason}"
        else:
            assert decisions == replay(self.rule(), _observed(self.rule(), self.settled()))

    def test_it_keeps_answering_after_a_stop(self) -> None:
        """After a stop the model may become unsettled again, and every call is answered."""
        rule = self.rule()
        rounds = self.settled() + self.coin_flip()
        assert len(replay(rule, _observed(rule, rounds))) == len(rounds)

    def test_the_stricter_never_stops_earlier(self) -> None:
        """Of every pair, on every kind of rounds."""
        for looser, stricter in self.pairs():
            for rounds in self._all_rounds():
                stops = [first_stop(replay(rule, _observed(rule, rounds))) for rule in (looser, stricter)]
                first, second = (math.inf if stop is None else stop for stop in stops)
                assert first <= second, f"{stricter} stops at {second}, before {looser} at {first}"

    def test_inputs_are_only_read(self) -> None:
        """Arrays that cannot be written are enough, and none is changed."""
        for inputs in self._all_rounds()[0][:3]:
            before = copy.deepcopy(inputs)
            for value in inputs.values():
                if isinstance(value, np.ndarray):
                    value.flags.writeable = False
            self.rule().observe(**inputs)
            assert all(np.array_equal(inputs[name], before[name]) for name in before)

    def test_a_reused_buffer_does_not_change_the_trace(self) -> None:
        """Writing every round's predictions into the same arrays gives the trace of fresh arrays."""
        rule = self.rule()
        for rounds in self._all_rounds():
            buffers, reused = copy.deepcopy(rounds[0]), []
            for inputs in rounds:
                for name, value in inputs.items():
                    if isinstance(value, np.ndarray) and np.shape(buffers[name]) == value.shape:
                        buffers[name][...] = value
                    else:
                        buffers[name] = value
                reused.append(rule.observe(**buffers))
            assert reused == _observed(rule, rounds)

    def test_only_its_own_needs_are_looked_at(self) -> None:
        """One call can carry what all rules need, damaged or not."""
        rule, inputs = self.rule(), self.settled()[0]
        own = {name: inputs[name] for name in rule.needs}
        others = {name: np.full((2, 2, 2), np.nan) for name in inputs if name not in rule.needs}
        assert rule.observe(**own) == rule.observe(**own, **others) == rule.observe(**inputs)

    def test_what_is_missing_or_unknown_is_named(self) -> None:
        """A need that is not given is an `InputError` that names it, and so is a name that is no input."""
        rule, inputs = self.rule(), self.settled()[0]
        for need in rule.needs:
            message = _refusal(rule.observe, {name: value for name, value in inputs.items() if name != need})
            assert need in message, f"{rule.name} without {need}: {message}"
        assert "no_such_input" in _refusal(rule.observe, {**inputs, "no_such_input": 1})

    def test_damaged_inputs_are_refused(self) -> None:
        """NaN, rows that do not sum to 1, negative codes and counts are an `InputError` that names the input."""
        rule, inputs = self.rule(), self.settled()[0]
        for need in rule.needs:
            for damaged in _damaged(need, inputs[need]):
                assert need in _refusal(rule.observe, {**inputs, need: damaged})

    def test_another_stop_set_is_refused(self) -> None:
        """With fewer items in the stop set than in the round before there is an `InputError`, and at once."""
        rule, (*before, last) = self.rule(), self.settled()
        cut = {need: last[need][:-1] for need in rule.needs if NEEDS[need].axes[:1] == ("T",)}
        if cut:
            trace = _observed(rule, before)
            _refusal(lambda: rule.decide([*trace, rule.observe(**{**last, **cut})]), {})

    def test_predictions_of_one_class_are_not_ready(self) -> None:
        """A model that predicts one class throughout agrees with itself, and that says nothing."""
        rule = self.rule()
        if "stop_predictions" in rule.needs and not self.ready_on_constant:
            constant = np.zeros(ITEMS, dtype=np.int64)
            rounds = [{**inputs, "stop_predictions": constant} for inputs in self.settled()]
            ready = [place for place, said in enumerate(replay(rule, _observed(rule, rounds))) if said.ready]
            assert not ready, f"{rule.name} is ready in round {ready[0]}, though all predictions are of one class"

    def test_a_foreign_trace_is_refused(self) -> None:
        """Observations that this rule did not make are an `InputError`."""
        assert "observation" in _refusal(lambda: self.rule().decide([{"foreign": 1}] * ROUNDS), {})

    def test_observations_are_small(self) -> None:
        """A few bytes per item of the stop set at most."""
        for inputs in self.settled()[:2]:
            size = len(json.dumps(self.rule().observe(**inputs)))
            assert size < 2000 + 16 * ITEMS, f"one observation of {self.rule().name} takes {size} characters"

    def test_global_random_states_are_left_alone(self) -> None:
        """Neither Python's nor NumPy's global generator is drawn from or seeded."""
        before = _random_states()
        replay(self.rule(), _observed(self.rule(), self.learning(0)))
        assert _random_states() == before

    def _all_rounds(self) -> list[list[Round]]:
        return [self.settled(), self.coin_flip(), *(self.learning(seed) for seed in range(3))]


def _observed(rule: Rule, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    return [rule.observe(**inputs) for inputs in rounds]


def _check_decision(decision: Decision) -> None:
    assert type(decision.stop) is bool, f"stop is {decision.stop!r}"
    assert type(decision.ready) is bool, f"ready is {decision.ready!r}"
    for number in (decision.value, decision.threshold):
        assert number is None or (type(number) is float and math.isfinite(number)), f"{number!r} is no finite number"
    if not decision.ready:
        assert not decision.stop, "a rule that is not ready stops"
        assert decision.value is None, f"a rule that is not ready has the value {decision.value!r}"
    assert decision.reason.endswith("."), f"the reason is no sentence: {decision.reason!r}"
    assert any(letter.isdigit() for letter in decision.reason), f"the reason has no number: {decision.reason!r}"


def _damaged(need: str, value: Any) -> Iterator[Any]:
    if not NEEDS[need].axes:
        yield math.nan
        if NEEDS[need].kind != "number":
            yield -1
        return
    for wrong in _WRONG.get(NEEDS[need].kind, (math.nan, -1.0)):
        array = np.array(value, dtype=np.float64)
        array.reshape(-1)[min(5, array.size - 1)] = wrong
        yield array


def _refusal(call: Callable[..., Any], inputs: Mapping[str, Any]) -> str:
    """The message of the `InputError` that the call must raise."""
    try:
        call(**inputs)
    except InputError as error:
        return str(error)
    raise AssertionError("an InputError was expected, and the call went through")


def _random_states() -> str:
    # the global generators are looked at here and nowhere else, to show that rules do not
    return repr((random.getstate(), np.random.get_state(legacy=False)))  # noqa: NPY002
