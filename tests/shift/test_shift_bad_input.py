"""Input that makes no sense is one sentence; what can be answered in part is flagged; nothing is ever NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shifted import problem

import claros
from claros.errors import InputError, NoEstimateError, UnknownNameError

METHODS = ["auto", "em", "em(source_prior=labels)", "bbse", "bbse(soft=false)", "bbse(solver=solve)",
           "bbse(solver=ridge)", "rlls", "rlls(soft=false)", "mapls", "acc", "pacc", "acc(solver=solve)",
           "ratio", "ratio(soft=false)"]  # fmt: skip


@pytest.fixture
def given() -> dict[str, Any]:
    return dict(problem(40, 1.0, n=200, n_train=1, model=False).given)


def changed(given: dict[str, Any], name: str, row: int, values: Any) -> dict[str, Any]:
    table = given[name].copy()
    table[row] = values
    return {**given, name: table}


def assert_sound(found: claros.shift.ShiftEstimate) -> None:
    """Numbers everywhere, shares that sum to 1, limits around the values, and JSON."""
    for values in (found.weights, found.target_prior, found.source_prior):
        assert np.isfinite(values).all()
    assert found.target_prior.min() >= 0
    assert found.target_prior.sum() == pytest.approx(1)
    limits = found.interval
    assert limits is not None
    for low, value, high in ((limits.weights_low, found.weights, limits.weights_high),
                             (limits.prior_low, found.target_prior, limits.prior_high)):  # fmt: skip
        assert np.isfinite(low).all()
        assert np.isfinite(high).all()
        assert np.all((low <= value) & (value <= high))
    assert all(not isinstance(value, float) or not np.isnan(value) for value in found.diagnostics.values())
    assert found.to_json()["advice"] == found.advice


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("source_probs", np.full(10, 0.3), r"source_probs has a row that does not sum to 1, at index 7 \(sum 3\)"),
        ("target_probs", np.append(np.full(9, 0.2), -0.8), "target_probs has a row with a negative value, at index 7"),
        ("target_probs", np.full(10, np.nan), "target_probs has a row that is not finite, at index 7"),
        ("source_labels", 10, "source_labels has class code 10 at index 7, but there are 10 classes, 0 to 9"),
        ("source_labels", -1, "source_labels has class code -1 at index 7"),
    ],
)
def test_a_bad_row_is_named(given: dict[str, Any], name: str, values: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        claros.shift.estimate(**changed(given, name, 7, values))


def test_numbers_of_classes_must_agree(given: dict[str, Any]) -> None:
    fewer = given["target_probs"][:, :9] / given["target_probs"][:, :9].sum(axis=1, keepdims=True)
    with pytest.raises(InputError, match="source_probs has 10 classes and target_probs has 9"):
        claros.shift.estimate(**{**given, "target_probs": fewer})
    with pytest.raises(InputError, match="classes says 3 classes, but the probabilities have 10 columns"):
        claros.shift.estimate(classes=3, **given)
    with pytest.raises(InputError, match="source_probs has 200 rows and source_labels has 199"):
        claros.shift.estimate(**{**given, "source_labels": given["source_labels"][1:]})


def test_other_nonsense_is_said_too(given: dict[str, Any]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'bbse'"):
        claros.shift.estimate("bbs", **given)
    with pytest.raises(UnknownNameError, match="Known: bcts, nbvs, ts, vs"):
        claros.shift.estimate("em", calibration="platt", **given)
    with pytest.raises(InputError, match="parameter solver must be 'nnls' or 'solve' or 'ridge'"):
        claros.shift.estimate("bbse", solver="lstsq", **given)
    with pytest.raises(InputError, match="source_prior must be 'soft', 'labels' or a number for each class"):
        claros.shift.estimate("em", source_prior="hard", **given)
    with pytest.raises(InputError, match="rlls cannot use target_labels"):
        claros.shift.estimate("rlls", target_labels=[0], **given)
    with pytest.raises(InputError, match="must be a table"):
        claros.shift.estimate(**{**given, "target_probs": np.empty((0, 10))})
    with pytest.raises(InputError, match="cannot be read as a method"):
        claros.shift.get("bbse(soft=__import__('os'))")
    with pytest.raises(NoEstimateError, match="at least two classes"):
        claros.shift.estimate(**{**given, "source_labels": np.zeros(200, dtype=int)})
    few = {"source_probs": given["source_probs"][:9], "source_labels": given["source_labels"][:9]}
    with pytest.raises(NoEstimateError, match="calibration needs at least 10 hold-out rows"):
        claros.shift.estimate("em", calibration="ts", **{**given, **few})


@pytest.mark.parametrize("method", METHODS)
def test_a_class_without_hold_out_rows_is_flagged(given: dict[str, Any], method: str) -> None:
    kept = given["source_labels"] != 7
    found = claros.shift.estimate(
        method,
        source_probs=given["source_probs"][kept],
        source_labels=given["source_labels"][kept],
        target_probs=given["target_probs"],
        replicates=40,
    )
    assert_sound(found)
    assert found.diagnostics["missing_classes"] == ["7"]
    assert "missing_classes" in found.diagnostics["flags"]
    assert "No hold-out item is labeled 7" in found.advice
    if not method.startswith(("em", "mapls", "auto")):  # these have a soft prior for it
        assert found.weights[7] == pytest.approx(1, abs=1e-6)
    if method == "em(source_prior=labels)":
        assert found.weights[7] == 1
        assert found.target_prior[7] == 0
        assert found.diagnostics["left_out"] == ["7"]


@pytest.mark.parametrize("method", METHODS)
def test_a_singular_confusion_matrix_is_flagged(given: dict[str, Any], method: str) -> None:
    # classes 0 and 1 are predicted by the same numbers, so that nothing tells one from the other
    tables = {}
    for name in ("source_probs", "target_probs"):
        table = given[name].copy()
        table[:, 0] = table[:, 1] = table[:, :2].mean(axis=1)
        tables[name] = table
    found = claros.shift.estimate(method, **{**given, **tables}, replicates=40)
    assert_sound(found)
    assert np.isinf(found.diagnostics["condition_number"])
    assert found.to_json()["diagnostics"]["condition_number"] is None
    assert "cannot be told apart" in found.advice or "abstained" in found.diagnostics["flags"]
    if method.startswith(("bbse", "rlls", "acc", "pacc", "ratio")) and "ridge" not in method:
        assert "singular" in found.diagnostics["flags"]
    if method == "bbse(solver=solve)":
        joint = np.array([tables["source_probs"][given["source_labels"] == code].sum(axis=0) for code in range(10)])
        rest = joint.T / 200 @ found.weights - tables["target_probs"].mean(axis=0)
        assert np.abs(rest).max() < 1e-2  # still a solution; of all, that nearest to 1


@pytest.mark.parametrize("method", METHODS)
def test_all_weight_on_one_class_is_an_answer(given: dict[str, Any], method: str) -> None:
    target = np.tile(np.eye(10)[3], (50, 1))
    found = claros.shift.estimate(method, **{**given, "target_probs": target}, replicates=40)
    assert_sound(found)
    if method.startswith(("em", "auto")):  # to others it looks like no mixture of classes at all
        assert found.target_prior.argmax() == 3
    if method.startswith("em"):
        assert found.target_prior[3] == pytest.approx(1)
        assert found.diagnostics["kkt_violation"] < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_a_target_smaller_than_the_number_of_classes_is_flagged(given: dict[str, Any], method: str) -> None:
    found = claros.shift.estimate(method, **{**given, "target_probs": given["target_probs"][:4]}, replicates=40)
    assert_sound(found)
    assert "few_target_rows" in found.diagnostics["flags"]
    assert "take more" in found.advice


def test_a_class_that_nothing_is_predicted_to_be_is_flagged(given: dict[str, Any]) -> None:
    tables = {name: given[name].copy() for name in ("source_probs", "target_probs")}
    for table in tables.values():
        table[:, 2] *= 1e-3
        table /= table.sum(axis=1, keepdims=True)
    found = claros.shift.estimate("bbse(soft=false)", **{**given, **tables}, replicates=20)
    assert_sound(found)
    assert found.diagnostics["unpredicted_classes"] == ["2"]


def test_a_target_that_no_known_class_explains_is_an_error(given: dict[str, Any]) -> None:
    kept = given["source_labels"] != 7
    with pytest.raises(NoEstimateError, match="classes without hold-out rows"):
        claros.shift.estimate(
            "em",
            source_prior="labels",
            source_probs=given["source_probs"][kept],
            source_labels=given["source_labels"][kept],
            target_probs=np.tile(np.eye(10)[7], (5, 1)),
        )


def test_rows_that_no_known_class_explains_are_ignored_and_counted(given: dict[str, Any]) -> None:
    kept = given["source_labels"] != 7
    short = {"source_probs": given["source_probs"][kept], "source_labels": given["source_labels"][kept]}
    target = np.vstack([given["target_probs"], np.tile(np.eye(10)[7], (5, 1))])
    with_them = claros.shift.estimate("em", source_prior="labels", target_probs=target, **short)
    assert_sound(with_them)
    assert with_them.diagnostics["rows_ignored"] == 5
    without = claros.shift.estimate("em", source_prior="labels", target_probs=given["target_probs"], **short)
    np.testing.assert_allclose(with_them.weights, without.weights, atol=1e-9)


def test_weights_to_adjust_by_are_checked() -> None:
    probs = np.full((2, 3), 1 / 3)
    for weights, says in (([1, 2], "each of 3 classes"), ([1, -1, 1], "that of class 1 is -1"), ([0, 0, 0], "all be 0"),
                          ([1, np.nan, 1], "must be finite")):  # fmt: skip
        with pytest.raises(InputError, match=says):
            claros.shift.adjust(probs, weights)
    # a row that has nothing left stays as it was
    np.testing.assert_array_equal(claros.shift.adjust(np.array([[1.0, 0.0]]), [0.0, 1.0]), [[1.0, 0.0]])


def test_negative_weights_are_said_and_refused_downstream() -> None:
    case = problem(4, 0.1)
    found = claros.shift.estimate("bbse", solver="solve", replicates=0, **case.given)
    assert "negative" in found.diagnostics["flags"]
    assert found.diagnostics["negative_classes"] == [str(code) for code in np.flatnonzero(found.weights < 0)]
    assert "Some weights are negative" in found.advice
    assert found.target_prior.min() >= 0
    with pytest.raises(InputError, match="solver='nnls' gives none below 0"):
        claros.shift.adjust(case.target, found.weights)


def test_float32_and_torch_are_taken_as_they_come(given: dict[str, Any]) -> None:
    import torch

    wide = claros.shift.estimate("em", replicates=0, **given).weights
    tables = ("source_probs", "target_probs")
    narrow = {**given, **{name: given[name].astype(np.float32) for name in tables}}
    np.testing.assert_allclose(claros.shift.estimate("em", replicates=0, **narrow).weights, wide, rtol=1e-4)
    tensors = {name: torch.as_tensor(value) for name, value in given.items()}
    np.testing.assert_allclose(claros.shift.estimate("em", replicates=0, **tensors).weights, wide, atol=1e-12)
    adjusted = claros.shift.adjust(tensors["target_probs"].float(), wide)
    assert adjusted.dtype == torch.float32
    assert float((adjusted.sum(dim=1) - 1).abs().max()) < 1e-5


def test_classes_may_be_named(given: dict[str, Any]) -> None:
    names = [f"kind {code}" for code in range(10)]
    labels = [names[code] for code in given["source_labels"]]
    named = claros.shift.estimate("em", classes=names, **{**given, "source_labels": labels})
    assert named.classes == tuple(names)
    np.testing.assert_array_equal(named.weights, claros.shift.estimate("em", **given).weights)
    with pytest.raises(InputError, match="source_labels has 'kind 11', which is none of the classes"):
        claros.shift.estimate("em", classes=names, **{**given, "source_labels": ["kind 11", *labels[1:]]})


def test_arguments_are_left_as_they_were(given: dict[str, Any]) -> None:
    before = {name: value.copy() for name, value in given.items()}
    for value in given.values():
        value.flags.writeable = False
    for method in METHODS:
        claros.shift.estimate(method, calibration="bcts", replicates=5, **given)
    for name, value in given.items():
        np.testing.assert_array_equal(value, before[name])
