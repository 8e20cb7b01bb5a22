"""The contract suite must be able to fail: estimates with a fault do not pass it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from claros.arrays import Array
from claros.errors import InputError
from claros.estimate import Estimate, Estimator, estimator, share
from claros.estimate.arguments import check_level, flags, same_length
from claros.testing.estimates import EstimateContract


def sound(answers: Any, asked: Any, level: float) -> Estimate:
    level = check_level(level, "mine")
    right = flags(answers, "answers")
    same_length("item", answers=right, asked=flags(asked, "asked"))
    return share(int(right.sum()), right.size, level)


def made(body: Callable[..., Estimate], documentation: str = "Share of yes.\n\nInterval: exact.") -> Estimator:
    def mine(*, answers: Array, asked: Array, level: float = 0.95) -> Estimate:
        return body(answers, asked, level)

    mine.__doc__ = documentation
    return estimator(reference="this test")(mine)


def too_short(answers: Any, asked: Any, level: float) -> Estimate:
    good = sound(answers, asked, level)
    half = 0.5 * (good.high - good.low) / 2
    return replace(good, low=max(0.0, good.value - half), high=min(1.0, good.value + half))


def biased(answers: Any, asked: Any, level: float) -> Estimate:
    good = sound(answers, asked, level)
    return replace(good, value=good.value / 2, low=good.low / 2, high=good.high / 2)


def deaf(answers: Any, asked: Any, level: float) -> Estimate:
    return replace(sound(answers, asked, check_level(level, "mine") and 0.95), level=level)


def everything(answers: Any, asked: Any, level: float) -> Estimate:
    return replace(sound(answers, asked, level), low=0.0, high=1.0)


def silent_about_nan(answers: Any, asked: Any, level: float) -> Estimate:
    return sound(np.nan_to_num(np.asarray(answers, dtype=float)), asked, level)


def nameless(answers: Any, asked: Any, level: float) -> Estimate:
    try:
        return sound(answers, asked, level)
    except InputError as error:
        raise InputError(str(error).replace("answers", "they").replace("asked", "they")) from error


def loose(answers: Any, asked: Any, level: float) -> Estimate:
    n = min(len(answers), len(asked))
    return sound(answers[:n], asked[:n], level)


def writing(answers: Any, asked: Any, level: float) -> Estimate:
    if isinstance(answers, np.ndarray):
        answers.sort()
    return sound(answers, asked, level)


def rolling(answers: Any, asked: Any, level: float) -> Estimate:
    random.random()
    return sound(answers, asked, level)


def moody(answers: Any, asked: Any, level: float) -> Estimate:
    good = sound(answers, asked, level)
    return replace(good, high=min(1.0, good.high + 1e-6 * np.random.default_rng().random()))


def numpyish(answers: Any, asked: Any, level: float) -> Estimate:
    good = sound(answers, asked, level)
    return replace(good, value=np.float64(good.value))


def outside(answers: Any, asked: Any, level: float) -> Estimate:
    good = sound(answers, asked, level)
    return replace(good, low=good.value + 1e-3)


def undefined(answers: Any, asked: Any, level: float) -> Estimate:
    return replace(sound(answers, asked, level), high=math.nan)


def suite(tested: Estimator) -> EstimateContract:
    class Suite(EstimateContract):
        def estimator(self) -> Estimator:
            return tested

        def simulate(self, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
            truth = rng.uniform(0.1, 0.9)
            return {"answers": rng.random(40) < truth, "asked": np.ones(40, dtype=int)}, truth

    return Suite()


TESTS = [name for name in dir(EstimateContract) if name.startswith("test_")]


@pytest.mark.parametrize("test", TESTS)
def test_a_sound_estimate_passes(test: str) -> None:
    getattr(suite(made(sound)), test)()


@pytest.mark.parametrize(
    ("body", "test"),
    [
        (too_short, "test_it_covers_the_truth_as_often_as_it_says"),
        (biased, "test_it_covers_the_truth_as_often_as_it_says"),
        (deaf, "test_a_level_is_a_parameter_and_more_of_it_is_wider"),
        (everything, "test_a_level_is_a_parameter_and_more_of_it_is_wider"),
        (silent_about_nan, "test_bad_values_are_refused_by_name"),
        (nameless, "test_bad_values_are_refused_by_name"),
        (loose, "test_arrays_that_do_not_belong_together_are_refused"),
        (writing, "test_arguments_are_only_read"),
        (rolling, "test_global_random_states_are_left_alone"),
        (moody, "test_the_same_seed_gives_the_same_estimate"),
        (numpyish, "test_estimates_are_plain_and_complete"),
        (outside, "test_estimates_are_plain_and_complete"),
        (undefined, "test_estimates_are_plain_and_complete"),
    ],
)
def test_a_fault_is_caught(body: Callable[..., Estimate], test: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        getattr(suite(made(body)), test)()


@pytest.mark.parametrize("documentation", ["", "Share of yes.", "Share of yes.\n\nInterval: exact.\n\n>>> 1 + 1\n3\n"])
def test_documentation_that_is_missing_or_wrong_is_caught(
    documentation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError):
        suite(made(sound, documentation)).test_it_is_documented()
