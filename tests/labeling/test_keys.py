from __future__ import annotations

import pytest

from claros.labeling import Keys
from claros.labeling.keys import RESERVED


def test_the_first_nine_classes_have_the_digits_and_the_next_letters_that_are_not_reserved() -> None:
    keys = Keys([f"class {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
    assert list(keys.of)[:9] == list("123456789")
    assert not set(keys.of) & set(RESERVED)
    assert keys.of["a"] == "class J"


def test_classes_beyond_the_last_key_are_named() -> None:
    names = [f"class number {place}" for place in range(60)]
    keys = Keys(names)
    assert len(keys.of) == 9 + 26 - 3
    assert keys.read("class number 59") == "class number 59"
    assert keys.menu()[-1] == "class number 59"


def test_digits_are_typed_as_what_they_are() -> None:
    keys = Keys([str(digit) for digit in range(10)])
    assert [keys.read(str(digit)) for digit in range(10)] == [str(digit) for digit in range(10)]
    assert keys.menu() == [str(digit) for digit in range(10)]


def test_classes_of_one_letter_are_numbered_and_their_letter_does_too() -> None:
    keys = Keys(["a", "b"])
    assert keys.menu() == ["1 a", "2 b"]
    assert [keys.read(typed) for typed in ("1", "2", "a", "b")] == ["a", "b", "a", "b"]


def test_a_class_whose_name_is_a_reserved_key_gets_another() -> None:
    keys = Keys(["s", "u", "other"])
    assert [keys.of[key] for key in ("1", "2", "3")] == ["s", "u", "other"]


def test_numbers_above_nine_are_whole_names_and_never_two_keys() -> None:
    keys = Keys([str(number) for number in range(13)])
    assert keys.read("12") == "12"
    assert keys.read("1") == "1"
    assert keys.of["a"] == "10"


@pytest.mark.parametrize(
    ("typed", "meant"), [("w", "wren"), ("WREN", "wren"), ("2", "wren"), ("fin", "finch"), ("House s", "house sparrow")]
)
def test_a_name_its_beginning_and_its_key_all_do(typed: str, meant: str) -> None:
    assert Keys(["finch", "wren", "house martin", "house sparrow"]).read(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said"), [("house", "may be house martin, house sparrow"), ("owl", "No class is 'owl'"), ("7", "'7'")]
)
def test_what_is_unclear_or_unknown_is_said(typed: str, said: str) -> None:
    with pytest.raises(LookupError, match=said):
        Keys(["finch", "wren", "house martin", "house sparrow"]).read(typed)


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    keys = Keys(["A", "a"])
    assert (keys.read("A"), keys.read("a")) == ("A", "a")
