"""Agreement with independent solvers, to the tolerances that come with their values.

The values are in reference_values.json: weights (priors, for acc, pacc and ratio) by cvxpy with Clarabel, by EM run to
1e-13, by QuaPy. Problem A is drawn anew from its seed, with exact posteriors; of problem E, whose plain solutions are
negative, the counts of predicted and true classes are kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shifted import problem

import claros

VALUES = json.loads((Path(__file__).parent / "reference_values.json").read_text("utf-8"))
EXACT, CONVEX, LIKELIHOOD, SLSQP = 1e-12, 5e-5, 1e-9, 3e-3

CALLS = [
    ("bbse {} solve", "bbse(soft={}, solver=solve)", EXACT),
    ("bbse {} nnls", "bbse(soft={})", EXACT),
    ("bbse {} ridge", "bbse(soft={}, solver=ridge)", EXACT),
    ("rlls {} theory*0.01", "rlls(soft={})", CONVEX),
    ("rlls {} 1e-3", "rlls(soft={}, regularization=1e-3)", CONVEX),
    ("rlls {} 2e-6", "rlls(soft={}, regularization=2e-6)", CONVEX),
]
WEIGHTS = [
    *((key.format(word), call.format(soft), within) for key, call, within in CALLS
      for word, soft in (("soft", True), ("hard", False))),
    ("em soft", "em", LIKELIHOOD),
    ("em labels", "em(source_prior=labels)", LIKELIHOOD),
]  # fmt: skip
PRIORS = [
    ("acc solve", "acc(solver=solve)", EXACT),
    ("acc simplex", "acc", SLSQP),
    ("acc projected", "ratio(soft=false)", EXACT),
    ("pacc solve", "pacc(solver=solve)", EXACT),
    ("pacc simplex", "pacc", SLSQP),
    ("pacc projected", "ratio", EXACT),
]


@pytest.fixture(scope="module")
def given() -> dict[str, dict[str, Any]]:
    """What `claros.shift.estimate` is given for each problem."""
    first = problem(VALUES["A"]["seed"], 1.0, spread=1.0, n_train=4000, n=2000, model=False)
    joint, target = np.array(VALUES["E"]["joint_counts"]), np.array(VALUES["E"]["target_counts"])
    predicted, labels = (np.repeat(axis, joint.ravel()) for axis in np.indices(joint.shape).reshape(2, -1))
    eye = np.eye(len(joint))
    hard = {"source_probs": eye[predicted], "source_labels": labels}
    return {"A": first.given, "E": {**hard, "target_probs": eye[np.repeat(np.arange(len(joint)), target)]}}


def cases(calls: list[tuple[str, str, float]]) -> list[tuple[str, str, str, float]]:
    """Of problem E, only what hard predictions decide is kept."""
    return [(name, *call) for name in ("A", "E") for call in calls if call[0] in VALUES[name]["values"]]


@pytest.mark.parametrize(("name", "key", "call", "within"), cases(WEIGHTS))
def test_weights_are_those_of_independent_solvers(
    given: dict[str, dict[str, Any]], name: str, key: str, call: str, within: float
) -> None:
    found = claros.shift.estimate(call, replicates=0, **given[name])
    np.testing.assert_allclose(found.weights, VALUES[name]["values"][key], atol=within, rtol=0)


@pytest.mark.parametrize(("name", "key", "call", "within"), cases(PRIORS))
def test_priors_are_those_of_independent_solvers(
    given: dict[str, dict[str, Any]], name: str, key: str, call: str, within: float
) -> None:
    found = claros.shift.estimate(call, replicates=0, **given[name])
    np.testing.assert_allclose(found.target_prior, VALUES[name]["values"][key], atol=within, rtol=0)


def test_every_value_that_is_kept_is_compared() -> None:
    compared = {(name, key) for name, key, *_ in cases([*WEIGHTS, *PRIORS])}
    assert compared == {(name, key) for name in VALUES for key in VALUES[name]["values"]}
