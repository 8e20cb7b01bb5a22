"""Estimates by name: parameters, arguments, what is printed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import claros
from claros import estimate
from claros.errors import ClarosError, InputError, UnknownNameError
from claros.estimate import Estimate, estimator
from claros.registry import Registry


def test_the_package_offers_estimates_by_name() -> None:
    lure = claros.estimate.get("lure")
    estimated = lure(losses=[1, 0, 0], acquisition_probabilities=[0.2, 0.1, 0.1], n_pool=10)
    assert isinstance(estimated, Estimate)
    assert "lure" in claros.estimate.names()
    assert claros.estimate.get("active_testing") == lure


def test_a_name_that_is_unknown_lists_those_that_are_known() -> None:
    with pytest.raises(UnknownNameError, match=r"no estimate named 'lur'. Did you mean 'lure'\?"):
        estimate.get("lur")


def test_parameters_may_be_given_to_get_or_to_the_call() -> None:
    relevant = [1, 0, 0, 0]
    one = estimate.get("prevalence", level=0.8)(relevant=relevant)
    assert one == estimate.get("prevalence")(relevant=relevant, level=0.8)
    assert one.level == 0.8
    with pytest.raises(InputError, match=r"prevalence: There is no parameter named 'levl'. Did you mean 'level'"):
        estimate.get("prevalence", levl=0.8)
    with pytest.raises(InputError, match="parameter level must be a finite number; got 'high'"):
        estimate.get("prevalence", level="high")


def test_arguments_are_named_when_they_are_missing_or_unknown() -> None:
    with pytest.raises(InputError, match=r"lure needs acquisition_probabilities, n_pool; got losses\."):
        estimate.get("lure")(losses=[1, 0])
    with pytest.raises(InputError, match=r"no argument named 'loses'. Did you mean 'losses'\?"):
        estimate.get("lure")(loses=[1, 0])


def test_the_level_is_strictly_between_none_and_all() -> None:
    with pytest.raises(InputError, match=r"prevalence: level must be between 0 and 1, say 0.95; got 1.0"):
        estimate.get("prevalence", level=1)(relevant=[1, 0])


def test_one_of_our_own_is_made_by_a_decorator_and_registered_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "REGISTRY", Registry[estimate.Estimator]("estimate", {}, group="claros.estimate"))

    @estimator(reference="this test", optional=("weights",))
    def spread(*, numbers: list[float], weights: list[float] | None = None, level: float = 0.9) -> Estimate:
        """Their range.

        Interval: all of it.
        """
        return Estimate(float(np.mean(numbers)), min(numbers), max(numbers), level, "range", len(numbers), "", "number")

    estimate.REGISTRY.add("spread", spread)
    made = estimate.get("spread", level=0.5)
    assert (made.needs, made.optional, dict(made.parameters)) == (("numbers",), ("weights",), {"level": 0.5})
    assert (made.summary, made.interval, made.stochastic) == ("Their range.", "all of it.", False)
    assert str(made(numbers=[1.0, 2.5])) == "1.75 (50 % interval 1 to 2.5, 2 numbers)"


def test_arguments_of_an_estimate_are_keywords() -> None:
    def positional(numbers: list[float]) -> Estimate:
        raise NotImplementedError

    with pytest.raises(ClarosError, match="positional: argument 'numbers' must be keyword-only"):
        estimator(reference="this test")(positional)


def test_shares_are_printed_in_percent_and_differences_in_points() -> None:
    assert str(Estimate(0.0123, 0.0, 0.04, 0.8, "m", 1, "points", "round")) == (
        "1.2 points (80 % interval 0.0 to 4.0, 1 round)"
    )
    assert str(Estimate(0.5, 0.25, 0.75, 0.975, "m", 2)) == "50.0 % (97.5 % interval 25.0 to 75.0, 2 labels)"


def test_importing_the_names_loads_neither_scipy_nor_an_estimate() -> None:
    program = "import sys, claros.estimate; print('scipy' in sys.modules, 'claros.estimate.lure' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
