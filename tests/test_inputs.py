"""The check at the door: what passes, and one clear sentence for everything that does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from claros.errors import InputError
from claros.inputs import AXES, NEEDS, Inputs

GOOD = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]])


def check(required=("probs",), optional=(), n: int = -1, **given_) -> Inputs:
    return Inputs(given_, required, optional, who="test", n=n)


def message(**given_) -> str:
    with pytest.raises(InputError) as caught:
        check(tuple(given_), **given_)
    return str(caught.value)


def changed(place, value) -> np.ndarray:
    probs = GOOD.copy()
    probs[place] = value
    return probs


def test_every_axis_in_the_vocabulary_is_explained() -> None:
    for need in NEEDS.values():
        assert set(need.axes) <= set(AXES), need
        assert need.meaning, need


def test_good_probabilities_pass_as_they_are() -> None:
    inputs = check(probs=GOOD)
    assert inputs["probs"] is GOOD or np.shares_memory(inputs["probs"], GOOD)
    assert inputs.sizes == {"N": 3, "C": 2}
    assert list(inputs) == ["probs"]
    assert len(inputs) == 1


BAD = [
    (changed((1, 0), np.nan), "probs has 1 non-finite row(s), the first at index 1."),
    (changed((slice(1, 3), 0), np.inf), "probs has 2 non-finite row(s), the first at index 1."),
    (changed((2, 0), -np.inf), "probs has 1 non-finite row(s), the first at index 2."),
    (
        changed(1, [-0.5, 1.5]),
        "probs has 1 row(s) with negative values, the first at index 1; pass probabilities, not logits.",
    ),
    (
        changed(2, [3.0, 1.0]),
        "probs has 1 row(s) that do not sum to 1, the first at index 2 (sum 4); pass the output of a softmax.",
    ),
    (
        GOOD[:, :1],
        "probs has 2 row(s) that do not sum to 1, the first at index 0 (sum 0.2); pass the output of a softmax.",
    ),
    (GOOD[0], "probs must have 2 axes (N: candidates, C: classes); got 1, shape (2,)."),
    (GOOD[:, :0], "probs must have at least one of axis C (classes); got shape (3, 0)."),
]


@pytest.mark.parametrize(("probs", "expected"), BAD)
@pytest.mark.parametrize("convert", [np.array, torch.tensor, list])
def test_bad_probabilities_are_refused_in_one_sentence(probs, expected: str, convert) -> None:
    assert message(probs=convert(probs)) == expected


def test_what_is_not_numbers_is_refused_in_one_sentence() -> None:
    assert message(probs=np.array([["a", "b"]])) == "probs must be an array of numbers; got <U1."
    assert message(probs=GOOD + 0j) == "probs must be an array of numbers; got complex128."
    assert message(probs=torch.tensor(GOOD + 0j)) == "probs must be an array of numbers; got torch.complex128."
    assert message(probs={"a": 1}) == "probs must be an array of numbers; got dict."


def test_a_bad_row_is_found_in_any_block_and_in_any_member() -> None:
    probs = np.full((300_001, 2), 0.5, dtype=np.float32)
    probs[300_000] = [0.7, 0.7]
    assert "the first at index 300000 (sum 1.4)" in message(probs=probs)
    member_probs = np.full((50, 4, 5), 0.2)
    member_probs[31, 2, 0] = np.nan
    assert message(member_probs=member_probs) == "member_probs has 1 non-finite row(s), the first at index 31."
    member_probs[31, 2, 0] = 0.4
    assert "the first at index 31 (sum 1.2)" in message(member_probs=member_probs)


def test_rounding_of_half_precision_is_no_error() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(100), 200)
    for dtype in (np.float16, np.float32):
        assert check(probs=probs.astype(dtype))["probs"].dtype == np.float32
    assert check(probs=torch.from_numpy(probs).to(torch.bfloat16)[:, :1] * 0 + 1)["probs"].dtype == torch.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_embeddings_must_be_finite_and_may_be_anything_else(bad: float) -> None:
    embeddings = np.full((5, 3), 1e308)
    assert check(["embeddings"], embeddings=embeddings)["embeddings"].max() == 1e308  # the sum of these overflows
    embeddings[4, 1] = bad
    assert message(embeddings=embeddings) == "embeddings has 1 non-finite row(s), the first at index 4."


def test_prices_must_be_positive_and_distances_not_negative() -> None:
    assert message(costs=[1.0, 0.0, -1.0]) == "costs has 2 non-positive value(s), the first at index 1."
    assert message(boundary_distance=[0.0, -1.0]) == "boundary_distance has 1 negative value(s), the first at index 1."
    assert check(["costs"], costs=[1, 2])["costs"].tolist() == [1.0, 2.0]


def test_class_codes_are_whole_and_not_negative() -> None:
    for codes in ([0, 1, 2], np.array([0.0, 1.0, 2.0]), torch.tensor([0, 1, 2]), np.array([0, 1, 2], dtype=np.uint8)):
        found = check(["labels"], labels=codes)["labels"]
        assert found.dtype == np.int64
        assert found.tolist() == [0, 1, 2]
    assert message(labels=[0.5, 1.0]) == "labels must be whole class codes; got float64 values that are not."
    assert message(labels=[0, -1]) == "labels has 1 negative class code(s), the first at index 1."
    assert message(labels=[0.0, np.nan]) == "labels must be whole class codes; got float64 values that are not."
    assert message(labels=[True, False]) == "labels must be whole class codes; got dtype bool."
    assert message(labels=["cat"]) == "labels must be an array of numbers; got <U3."


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("round", 1.5, "round must be a whole number (rounds of training so far); got 1.5."),
        ("round", -1, "round must not be negative (rounds of training so far); got -1."),
        ("round", True, "round must be a finite number (rounds of training so far); got True."),
        ("spent", np.nan, "spent must be a finite number (money spent so far); got nan."),
        ("metric", "high", "metric must be a finite number (a metric on labeled validation items); got 'high'."),
        ("n_labeled", [3], "n_labeled must be a finite number (labels so far); got [3]."),
    ],
)
def test_bad_scalars_are_refused_in_one_sentence(name: str, value, expected: str) -> None:
    assert message(**{name: value}) == expected


def test_good_scalars_become_plain_numbers() -> None:
    inputs = check(("round", "spent", "metric"), round=np.int64(3), spent=np.float32(0.5), metric=-2)
    assert dict(inputs) == {"round": 3, "spent": 0.5, "metric": -2.0}
    assert [type(value) for value in inputs.values()] == [int, float, float]
    counted = check(("n_labeled",), n_labeled=np.array(3))["n_labeled"]
    assert (counted, type(counted)) == (3, int)


def test_axes_that_disagree_say_who_says_what() -> None:
    with pytest.raises(InputError) as caught:
        check(("embeddings", "labeled_embeddings"), embeddings=np.ones((3, 4)), labeled_embeddings=np.ones((2, 5)))
    assert str(caught.value) == (
        "labeled_embeddings has 5 along axis D (features), but embeddings says 4; pass arrays that belong together."
    )
    with pytest.raises(InputError, match=r"probs has 3 along axis N \(candidates\), but n says 7"):
        check(probs=GOOD, n=7)


def test_what_is_given_but_not_used_is_measured_and_not_looked_into() -> None:
    inputs = check(probs=GOOD, embeddings=np.full((3, 2), np.nan))
    assert list(inputs) == ["probs"]
    with pytest.raises(InputError, match="embeddings has 4 along axis N"):
        check(probs=GOOD, embeddings=np.ones((4, 2)))


def test_what_is_missing_is_named_and_explained() -> None:
    with pytest.raises(InputError) as caught:
        check(("probs", "embeddings"), probs=GOOD)
    assert str(caught.value) == (
        "test needs embeddings; got probs. Pass embeddings=..., or use a model that provides it "
        "(embeddings: feature vectors of the candidates under the current model)."
    )
    with pytest.raises(InputError, match="test needs probs; got nothing"):
        check(probs=None)


def test_an_unknown_input_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(InputError, match=r"no input named 'prob'\. Did you mean 'probs'"):
        check(prob=GOOD)


def test_lists_frames_and_whole_numbers_become_floats() -> None:
    assert check(probs=GOOD.tolist())["probs"].tolist() == GOOD.tolist()
    embeddings = check(["embeddings"], embeddings=[[1, 2], [3, 4]])["embeddings"]
    assert embeddings.dtype == np.float64
    pixels = check(["features"], features=np.array([[0, 255]], dtype=np.uint8))["features"]
    assert pixels.dtype == np.float32
    assert pixels.tolist() == [[0.0, 255.0]]
    with pytest.raises(InputError, match="probs must be an array of numbers; got list: "):
        check(probs=[[0.5, 0.5], [1.0]])
    with pytest.raises(InputError, match="probs must be an array of numbers; got object"):
        check(probs=object())


def test_a_read_only_memory_map_is_checked_where_it_lies(tmp_path) -> None:
    np.save(tmp_path / "probs.npy", GOOD.astype(np.float32))
    mapped = np.load(tmp_path / "probs.npy", mmap_mode="r")
    found = check(probs=mapped)["probs"]
    assert np.shares_memory(found, mapped)
    assert not found.flags.writeable


def test_tensors_stay_tensors_and_lose_their_tape() -> None:
    tensor = torch.tensor(GOOD, requires_grad=True)
    found = check(probs=tensor)["probs"]
    assert isinstance(found, torch.Tensor)
    assert not found.requires_grad
    assert found.data_ptr() == tensor.data_ptr()


def test_numpy_arrays_move_beside_tensors_and_codes_do_not() -> None:
    needs = ("probs", "embeddings", "labels")
    frozen = np.ones((3, 2))
    frozen.flags.writeable = False
    inputs = check(needs, probs=torch.tensor(GOOD), embeddings=frozen, labels=[0, 1])
    assert isinstance(inputs["embeddings"], torch.Tensor)
    assert isinstance(inputs["labels"], np.ndarray)


def test_tensors_in_two_places_are_refused() -> None:
    meta = torch.empty(3, device="meta")
    inputs = check(["embeddings"], embeddings=torch.ones((3, 2)))
    inputs._values["probs"] = meta
    with pytest.raises(InputError, match="probs is torch on meta, but embeddings is torch on cpu; pass arrays"):
        inputs._bring_together()


def test_no_candidates_are_no_error() -> None:
    assert check(probs=np.empty((0, 3))).sizes == {"N": 0, "C": 3}
    assert check(["embeddings"], embeddings=np.empty((0, 3))).sizes["N"] == 0
    assert check(("labels",), labels=[]).sizes == {"L": 0}


@given(st.data())
def test_any_single_damage_is_found_and_any_valid_table_passes(data) -> None:
    n, classes = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 9))
    seed = data.draw(st.integers(0, 2**32 - 1))
    probs = np.random.default_rng(seed).dirichlet(np.ones(classes), n)
    assert check(probs=probs).sizes == {"N": n, "C": classes}
    row, column = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, classes - 1))
    damaged = probs.copy()
    damaged[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, -0.01, probs[row, column] + 0.01]))
    assert f"the first at index {row}" in message(probs=damaged)
