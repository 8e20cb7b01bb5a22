"""What the rules of the confidence family share: when they wait, how falls are counted, what a view is."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from claros.errors import InputError
from claros.stopping.batches import reason_to_wait_for_batches
from claros.stopping.falls import falls_in_a_row
from claros.stopping.predictions import reason_to_wait
from claros.stopping.rule import View


def seen(*classes: int, constant: tuple[int, ...] = (), items: int = 5) -> list[dict[str, Any]]:
    return [{"items": items, "classes": known, "constant": place in constant} for place, known in enumerate(classes)]


def test_a_window_that_is_not_full_waits() -> None:
    assert reason_to_wait(seen(2, 2), "it", 3) == (
        "2 of 3 rounds are seen; the first that can stop is round 2, counted from 0."
    )
    assert reason_to_wait(seen(2, 2, 2), "it", 3) is None


def test_a_class_that_joins_is_waited_for_until_it_leaves_the_window() -> None:
    # classes 2 2 3 3 3: a window of three compares across the growth in rounds 2 and 3, and is past it in round 4
    trace = seen(2, 2, 3, 3, 3)
    assert reason_to_wait(trace[:2], "it", 2) is None
    assert reason_to_wait(trace[:3], "it", 3) == "The classes grew from 2 to 3 this round."
    assert reason_to_wait(trace[:4], "it", 3) == (
        "The classes grew from 2 to 3 in round 2, so the last 3 rounds do not compare yet."
    )
    assert reason_to_wait(trace, "it", 3) is None
    # one that looks at the newest round alone waits in the round of the growth only
    assert [reason_to_wait(trace[:n], "it") is None for n in range(1, 6)] == [True, True, False, True, True]


def test_a_model_that_knows_nothing_is_waited_for_until_it_leaves_the_window() -> None:
    trace = seen(2, 2, 2, 2, 2, constant=(0, 1))
    assert "so it knows nothing yet" in str(reason_to_wait(trace[:2], "it", 2))
    assert "in round 1, so the last 3 rounds do not compare yet" in str(reason_to_wait(trace[:4], "it", 3))
    assert reason_to_wait(trace, "it", 3) is None
    assert reason_to_wait(trace[:3], "it", 1) is None


def test_a_stop_set_that_changes_anywhere_in_the_window_is_an_error() -> None:
    trace = [*seen(2, 2), *seen(2, 2, items=6)]
    with pytest.raises(InputError, match="had 5 items and has 6 in round 2"):
        reason_to_wait(trace, "it", 3)
    with pytest.raises(InputError, match="had 3 classes and has 2 in round 1"):
        reason_to_wait(seen(3, 2), "it")


def test_a_batch_that_is_missing_is_waited_for() -> None:
    trace = [{"items": n} for n in (0, 10, 10, 0, 7)]
    assert reason_to_wait_for_batches(trace[:1], "it") == (
        "The last batch had 0 items that a model chose and that are labeled."
    )
    assert reason_to_wait_for_batches(trace[:2], "it") is None
    assert "Of the last 2 batches 1 had 0 items" in str(reason_to_wait_for_batches(trace[:2], "it", 2))
    assert reason_to_wait_for_batches(trace[:3], "it", 2) is None
    assert "Of the last 2 batches 1 had 0 items" in str(reason_to_wait_for_batches(trace, "it", 2))
    assert "1 of 3 rounds are seen" in str(reason_to_wait_for_batches(trace[:1], "it", 3))


def test_falls_are_counted_from_the_newest_back_to_the_first_step_that_is_none() -> None:
    # a figure that goes down by 1, stays, or goes up by 1: all sequences of five steps
    for steps in product((-1, 0, 1), repeat=5):
        values = [10.0]
        for step in steps:
            values.append(values[-1] + step)
        for strict in (True, False):
            down = "".join("d" if step < 0 or (step == 0 and not strict) else "x" for step in steps)
            assert falls_in_a_row(values, strict=strict) == len(down) - len(down.rstrip("d"))


def test_a_fall_must_lose_more_than_it_is_asked_to() -> None:
    # halves are exact in binary, so "more than" can be told from "at least"
    assert falls_in_a_row([2.0, 1.5, 1.0], more_than=0.5) == 0
    assert falls_in_a_row([2.0, 1.5, 1.0], more_than=0.5, strict=False) == 2
    assert falls_in_a_row([2.0, 1.25, 0.5], more_than=0.5) == 2
    assert falls_in_a_row([1.0]) == 0


def test_a_view_iterates_over_its_part_of_the_trace_only() -> None:
    trace = [{"n": number} for number in range(5)]
    assert list(View(trace, 3)) == trace[:3]
    assert list(View(trace, 3, lambda one: {"n": -one["n"]})) == [{"n": 0}, {"n": -1}, {"n": -2}]
    assert list(View(View(trace, 4), 2)) == trace[:2]
