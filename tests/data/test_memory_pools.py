"""Arrays in memory, and labels as people have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from claros import data
from claros.data.labels import encode, recode
from claros.errors import DataError, InputError


@pytest.mark.parametrize(
    ("x", "kind", "shape"),
    [
        (np.eye(3), "rows", (3,)),
        ([[1, 2], [3, 4]], "rows", (2,)),
        (np.zeros((2, 5), np.uint8), "rows", (5,)),
        (torch.zeros(2, 4), "rows", (4,)),
        (np.zeros((2, 5, 4), np.uint8), "images", (5, 4)),
        (np.zeros((2, 5, 4, 1), np.uint8), "images", (5, 4)),
        (np.zeros((2, 5, 4, 3), np.uint8), "images", (5, 4, 3)),
    ],
)
def test_the_shape_says_what_an_array_is(x: Any, kind: str, shape: tuple[int, ...]) -> None:
    pool = data.arrays(x)
    assert pool.kind == kind
    assert pool.take([0]).shape == (1, *shape)


def test_strings_are_texts_from_a_list_or_an_array() -> None:
    assert data.arrays(["a", "b"]).take([1]) == data.arrays(np.array(["a", "b"])).take([1]) == ["b"]


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(3),
        np.zeros((2, 5, 4)),
        np.zeros((2, 3, 5, 4), np.uint8),
        np.zeros((2, 0)),
        np.array([[1, None]], object),
        np.zeros((2, 2), complex),
        [],
    ],
)
def test_what_is_no_pool_is_refused_with_its_shape(x: Any) -> None:
    with pytest.raises(InputError, match=r"got .* of shape"):
        data.arrays(x)


def test_images_are_flattened_on_request_and_only_then() -> None:
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert data.arrays(images, kind="rows").take([1]).tolist() == [[6, 7, 8, 9, 10, 11]]
    with pytest.raises(InputError, match="kind='images'"):
        data.arrays(np.eye(2), kind="images")


@pytest.mark.parametrize(
    ("values", "classes", "codes", "names"),
    [
        (["b", "a", "b"], None, [1, 0, 1], "a b"),
        (["b", "a", "b"], ["b", "a", "c"], [0, 1, 0], "b a c"),
        (["b", None, "", float("nan")], None, [0, -1, -1, -1], "b"),
        ([0, 2, -1], ["x", "y", "z"], [0, 2, -1], "x y z"),
        ([10, 9, 10], None, [1, 0, 1], "9 10"),
        (np.array([1.0, np.nan, 0.0]), None, [1, -1, 0], "0 1"),
        (np.array([[1], [0]]), None, [1, 0], "0 1"),
        ([True, False], None, [1, 0], "False True"),
        (np.array(["b", "a"]), None, [1, 0], "a b"),
        ([3, None, 1], None, [1, -1, 0], "1 3"),
        (torch.tensor([1, 0]), None, [1, 0], "0 1"),
    ],
)
def test_labels_become_codes(values: Any, classes: list[str] | None, codes: list[int], names: str) -> None:
    found, known = encode(values, classes)
    assert found.tolist() == codes
    assert known == tuple(names.split())
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("values", "classes", "error", "match"),
    [
        (["a", "q"], ["a", "b"], DataError, "unknown label 'q' at position 1; the 2 classes are: a, b"),
        ([0, 2], ["a", "b"], DataError, "unknown label 2 at position 1"),
        ([0, -2], ["a", "b"], DataError, "unknown label -2"),
        ([0, -2], None, InputError, "got -2"),
        ([-1, 1, 1], None, InputError, "-1 means unknown"),
        ([0.5, 1.0], None, InputError, "not whole"),
        (np.eye(2), None, InputError, r"shape \(2, 2\)"),
        (["a"], ["a", "a"], InputError, "distinct"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(values: Any, classes: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        encode(values, classes)


def test_codes_change_their_list_and_keep_their_meaning() -> None:
    codes = np.array([0, 1, -1, 0])
    assert recode(codes, ["cat", "dog"], ["dog", "eel", "cat"]).tolist() == [2, 0, -1, 2]
    with pytest.raises(DataError, match="unknown label 'dog' at position 1"):
        recode(codes, ["cat", "dog"], ["cat"])
    assert recode(np.array([0, -1]), ["cat", "dog"], ["cat"]).tolist() == [0, -1]


def test_classes_can_be_known_where_labels_are_not() -> None:
    pool = data.arrays(np.eye(2), classes=["a", "b"])
    assert (pool.labels, pool.classes) == (None, ("a", "b"))
