"""Other names of the same rules."""

from __future__ import annotations

import numpy as np
import pytest

from claros import stopping
from claros.errors import ClarosError, InputError


def test_every_other_name_is_that_of_a_rule_and_listed_nowhere() -> None:
    assert {rule for rule, _ in stopping.ALIASES.values()} <= set(stopping.names())
    assert not set(stopping.ALIASES) & set(stopping.names())
    for name, (rule, parameters) in stopping.ALIASES.items():
        assert stopping.get(name) == stopping.get(rule, **parameters)
        assert name in stopping.REGISTRY


def test_the_confidence_family_names_its_aliases_in_its_documentation() -> None:
    # the reference lists all of them; here they also say where they come from
    for name in ("minimum_expected_error", "mes", "low_average_uncertainty", "maximum_uncertainty", "min_error"):
        assert f"``{name}``" in stopping.get(name).documentation, name
    for name in ("static_confidence", "vm", "evm"):
        assert f"``{name}``" in stopping.get(name).documentation, name


def test_minimum_expected_error_is_the_mean_uncertainty_of_the_prediction_at_its_published_threshold() -> None:
    rule = stopping.get("minimum_expected_error")
    assert rule == stopping.get("low_average_uncertainty") == stopping.get("mes")
    assert rule.spec()["name"] == "overall_uncertainty"
    for sure, stop in ((0.995, True), (0.98, False)):  # the expected error is 1 - sure, the threshold 0.01
        decision = rule.decide([rule.observe(stop_probs=[[sure, 1 - sure], [1 - sure, sure]])])
        assert (decision.value, decision.threshold) == (pytest.approx(1 - sure), 0.01)
        assert decision.stop is stop


def test_the_two_rules_that_a_comparison_ran_under_two_names_are_one() -> None:
    # one metric under two names differed there by a sample, and by at most against below
    rng = np.random.default_rng(0)
    first, second = stopping.get("minimum_expected_error"), stopping.get("low_average_uncertainty")
    for concentration in 10.0 ** rng.uniform(-3, 0, 30):
        probs = rng.dirichlet([concentration] * 3, 50)
        assert first.decide([first.observe(stop_probs=probs)]) == second.decide([second.observe(stop_probs=probs)])


def test_parameters_given_to_an_other_name_go_over_its_own() -> None:
    assert stopping.get("mes", threshold=0.2) == stopping.get(
        "overall_uncertainty", threshold=0.2, measure="least_confidence"
    )
    assert stopping.get("static_confidence", window=5) == stopping.get("confidence_drop", window=5, strict=False)
    with pytest.raises(InputError, match="thresold"):
        stopping.get("mes", thresold=0.2)


def test_a_specification_may_use_an_other_name_and_gives_the_real_one_back() -> None:
    rule = stopping.from_spec({"name": "static_confidence"})
    assert rule.spec()["name"] == "confidence_drop"
    assert stopping.from_spec(rule.spec()) == rule


def test_an_other_name_cannot_be_taken() -> None:
    with pytest.raises(ClarosError, match="'mes' is taken"):
        stopping.REGISTRY.add("mes", type(stopping.get("budget")))
