"""The knee and the budget of Cormack and Grossman."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision
from claros.stopping.recall.gain import Knee, knee_of


def decide(name: str, labels: Any, n_pool: int = 10_000, **parameters: Any) -> Decision:
    rule = stopping.get(name, **parameters)
    return rule.decide([rule.observe(labels=labels, n_pool=n_pool)])


def brute(labels: np.ndarray) -> Knee | None:
    """The point farthest from the chord, by its distance as geometry has it, on the side above."""
    n, r = labels.size, int(labels.sum())
    gain = np.cumsum(labels)
    distance = [(gain[i - 1] * n - i * r) / math.hypot(n, r) for i in range(1, n)]
    if not distance or max(distance) <= 0:
        return None
    i = int(np.argmax(np.round(distance, 12))) + 1
    before = int(gain[i - 1])
    return Knee(i, before, (before / i) / ((1 + r - before) / (n - i)))


def test_the_knee_is_the_point_farthest_from_the_chord() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        labels = (rng.random(int(rng.integers(1, 60))) < rng.random()).astype(int)
        expected, made = brute(labels), knee_of(np.flatnonzero(labels) + 1, labels.size)
        if expected is None:
            assert made is None
        else:
            assert made is not None
            assert (made.at, made.found) == (expected.at, expected.found)
            assert made.ratio == pytest.approx(expected.ratio)


def test_the_threshold_falls_with_what_is_found() -> None:
    # 156 - min(r, 150)
    for found, threshold in ((1, 155.0), (100, 56.0), (150, 6.0), (400, 6.0)):
        assert decide("knee", [1] * found + [0] * 10).threshold == threshold


def test_worked_by_hand() -> None:
    # 100 relevant, then one in 200: knee after 100; (100 / 100) / ((1 + 101 - 100) / (300 - 100)) = 100 >= 156 - 101
    labels = [1] * 100 + [0] * 100 + [1] + [0] * 99
    decision = decide("knee", labels)
    assert (decision.stop, decision.value, decision.threshold) == (True, pytest.approx(100.0), 55.0)
    # 20 relevant: (20 / 20) / (1 / n'), and 136 are needed: 136 irrelevant ones after them stop, 135 do not
    assert [decide("knee", [1] * 20 + [0] * rest).stop for rest in (135, 136)] == [False, True]


def test_the_knee_counts_and_not_the_largest_ratio_of_slopes() -> None:
    # n = 55, r = 21. After the first item: 1 * 55 - 21 * 1 = 34 above the chord, a ratio of 1 / (21 / 54) = 2.57, the
    # largest there is; after 51: 21 * 55 - 21 * 51 = 84 above it, so that is the knee: (21 / 51) / (1 / 4) = 1.65
    labels = [1] + [0] * 30 + [1] * 20 + [0] * 4
    decision = decide("knee", labels, least=2, bound=2)
    assert not decision.stop
    assert decision.value == pytest.approx(84 / 51)


def test_the_newest_items_count() -> None:
    # the curve that ends after them has its knee 3 items ago
    assert decide("knee", [1] * 100 + [0] * 60).stop
    assert not decide("knee", [1] * 100 + [0] * 60 + [1] * 60).stop


def test_nothing_found_and_no_knee_are_not_ready() -> None:
    assert not decide("knee", [0] * 500).ready
    assert not decide("knee", []).ready
    assert not decide("knee", [0, 0, 1]).ready  # the curve is below its chord
    assert "no knee" in decide("knee", [1] * 5).reason


def test_the_budget_worked_by_hand() -> None:
    # 50 relevant first: 10 * 1000 / 50 = 200 of 1000, at a ratio of at least 6
    assert [decide("knee_budget", [1] * 50 + [0] * rest, 1000).stop for rest in (149, 150)] == [False, True]
    # 5 relevant: 10 * 1000 / 5 = 2000 is more than there is, so 750 stop
    assert [decide("knee_budget", [1] * 5 + [0] * rest, 1000).stop for rest in (744, 745)] == [False, True]
    # no knee: 200 are not enough
    assert not decide("knee_budget", [1, 0, 0, 0] * 50, 1000).stop


def test_a_budget_without_anything_found_waits_and_does_not_divide_by_0() -> None:
    # public code divides by what was found
    decision = decide("knee_budget", [0] * 100, 1000)
    assert (decision.ready, decision.threshold) == (False, 750.0)
    assert decide("knee_budget", [0] * 750, 1000).stop


def test_a_budget_is_not_missed_by_rounding() -> None:
    # 0.7 of 10 is a little less than 7 in binary, 0.1 of 30 a little more than 3
    assert decide("knee_budget", [0] * 3, 30, share=0.1).stop


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("knee", {"bound": -1}),
        ("knee", {"least": math.nan}),
        ("knee_budget", {"ratio": "6"}),
        ("knee_budget", {"factor": -1}),
        ("knee_budget", {"share": 1.1}),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        stopping.get(name, **parameters)
