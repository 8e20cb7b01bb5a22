"""The contract suite must be able to fail: rules with the faults that were found in other packages do not pass it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from claros.inputs import Inputs
from claros.stopping import REGISTRY, Decision, Observation, Rule
from claros.stopping.predictions import check_same_stop_set
from claros.stopping.rule import recorded
from claros.testing.stopping import RuleContract


@dataclass(frozen=True)
class Sound(Rule):
    """Stops when the mean largest probability on the stop set is at least 0.9."""

    name = "sound"
    needs = ("stop_probs",)
    assumes = "The probabilities are calibrated."
    reference = "made up for this test"

    def record(self, inputs: Inputs) -> dict[str, Any]:
        return {"sure": float(inputs["stop_probs"].max(axis=1).mean()), "items": len(inputs["stop_probs"])}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        check_same_stop_set([recorded(one, "items", self.name) for one in trace[-2:]], len(trace), self.name)
        sure = recorded(trace[-1], "sure", self.name)
        return Decision(sure >= 0.9, True, sure, 0.9, f"It is {sure:.2f} sure.")


@dataclass(frozen=True)
class KeepsTheArray(Sound):
    """Its trace shares memory with the caller's buffer."""

    def record(self, inputs: Inputs) -> dict[str, Any]:
        return {"sure": inputs["stop_probs"], "items": len(inputs["stop_probs"])}


@dataclass(frozen=True)
class WritesItsInput(Sound):
    """It sorts the caller's array in place."""

    def record(self, inputs: Inputs) -> dict[str, Any]:
        inputs["stop_probs"].sort(axis=1)
        return super().record(inputs)


@dataclass(frozen=True)
class AnswersNaN(Sound):
    """It answers NaN at first instead of not being ready."""

    def judge(self, trace: Sequence[Observation]) -> Decision:
        if len(trace) < 2:
            return Decision(False, True, math.nan, 0.9, "NaN after 1.")
        return super().judge(trace)


@dataclass(frozen=True)
class Counts(Sound):
    """It counts its own calls and never starts again."""

    def judge(self, trace: Sequence[Observation]) -> Decision:
        calls = vars(self).setdefault("calls", 0) + 1
        vars(self)["calls"] = calls
        return Decision(calls >= 5, True, float(calls), 5.0, f"Called {calls} times.")


@dataclass(frozen=True)
class StopsOnAnything(Sound):
    """It stops at its first call, whatever it sees."""

    def judge(self, trace: Sequence[Observation]) -> Decision:
        return Decision(True, True, 1.0, 1.0, f"Call {len(trace)}.")


@dataclass(frozen=True)
class NeverStops(Sound):
    """It never stops."""

    def judge(self, trace: Sequence[Observation]) -> Decision:
        return Decision(False, True, 0.0, 1.0, f"Call {len(trace)}.")


@dataclass(frozen=True)
class DrawsGlobally(Sound):
    """It draws from the global generator."""

    def judge(self, trace: Sequence[Observation]) -> Decision:
        random.random()
        return super().judge(trace)


@dataclass(frozen=True)
class Forgives(Sound):
    """It looks at the newest stop set, whatever the one before was."""

    def judge(self, trace: Sequence[Observation]) -> Decision:
        return super().judge(trace[-1:])


@dataclass(frozen=True)
class AgreesWithAnything(Sound):
    """It counts the same predictions twice as agreement, also where all are of one class."""

    needs = ("stop_predictions",)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        return {"codes": inputs["stop_predictions"].tolist()}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        same = len(trace) > 2 and trace[-1] == trace[-2] == trace[-3]
        return Decision(same, True, float(same), 1.0, f"It looked at {len(trace)} rounds.")


class SoundContract(RuleContract):
    def rule(self) -> Rule:
        return Sound()


@pytest.mark.parametrize("check", [name for name in dir(RuleContract) if name.startswith("test_")])
def test_a_sound_rule_of_a_third_party_passes(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY._added, "sound", Sound)  # as REGISTRY.add does, but only for this test
    getattr(SoundContract(), check)()


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        (KeepsTheArray(), "test_a_reused_buffer_does_not_change_the_trace"),
        (KeepsTheArray(), "test_observations_are_small"),
        (WritesItsInput(), "test_inputs_are_only_read"),
        (AnswersNaN(), "test_decisions_are_plain_and_complete"),
        (Counts(), "test_it_has_no_memory"),
        (Counts(), "test_replay_equals_live"),
        (StopsOnAnything(), "test_a_coin_flip_model_does_not_stop_it"),
        (NeverStops(), "test_a_settled_confident_model_stops"),
        (DrawsGlobally(), "test_global_random_states_are_left_alone"),
        (Forgives(), "test_another_stop_set_is_refused"),
        (AgreesWithAnything(), "test_predictions_of_one_class_are_not_ready"),
    ],
)
def test_a_faulty_rule_is_caught(rule: Rule, check: str) -> None:
    class Faulty(RuleContract):
        def rule(self) -> Rule:
            return rule

    with pytest.raises((AssertionError, ValueError, TypeError)):
        getattr(Faulty(), check)()


def test_a_pair_in_the_wrong_order_is_caught() -> None:
    class Swapped(SoundContract):
        def pairs(self) -> Sequence[tuple[Rule, Rule]]:
            return [(NeverStops(), Sound())]

    with pytest.raises(AssertionError, match="before"):
        Swapped().test_the_stricter_never_stops_earlier()
