"""Labels that do not overlap, looks that stay, numbers and intervals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import t

from claros.experiment.compare import mean_ranks, pairwise
from claros.report.figures import canvas, direct_labels, panel, spread
from claros.report.look import styles
from claros.report.means import mean_interval
from claros.report.standings import paint_pairs, say_ranks


@pytest.mark.parametrize("seed", range(6))
def test_labels_are_apart_and_as_near_as_can_be(seed: int) -> None:
    """Against all orders of a grid: no placement at least the gap apart is nearer by least squares."""
    rng = np.random.default_rng(seed)
    wanted = rng.integers(0, 12, size=3).astype(float).tolist()
    placed = spread(wanted, 3.0, -100.0, 100.0)
    assert all(abs(a - b) >= 3.0 - 1e-9 for a, b in itertools.combinations(placed, 2))
    ours = sum((a - b) ** 2 for a, b in zip(placed, wanted, strict=True))
    grid = np.arange(-9, 22, 0.5)
    best = min(
        sum((a - b) ** 2 for a, b in zip(places, wanted, strict=True))
        for places in itertools.product(grid, repeat=3)
        if min(abs(a - b) for a, b in itertools.combinations(places, 2)) >= 3.0
    )
    assert ours <= best + 1e-9


def test_names_stand_at_the_same_place_at_any_resolution() -> None:
    """A name's box at twice the dots per inch is the same box, twice as large (to a dot of hinting)."""
    figure = canvas(400, 200)
    axes = panel(figure, 40, 20, 250, 150)
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 1)
    direct_labels(axes, [("margin", 10, 0.8, "#0072B2"), ("random", 10, 0.78, "#7F7F7F")])
    boxes = []
    for dpi in (72, 144):
        figure.set_dpi(dpi)
        figure.draw_without_rendering()
        boxes.append([text.get_window_extent().get_points() * 72 / dpi for text in axes.texts])
    assert np.allclose(boxes[0], boxes[1], atol=1.5), boxes
    assert all(box[0][0] > 290 for box in boxes[1])


def test_labels_stay_within_the_figure_while_they_fit() -> None:
    assert spread([100.0, 100.0, 100.0], 15.0, 0.0, 100.0) == [70.0, 85.0, 100.0]
    assert spread([0.0, 0.0], 15.0, 0.0, 100.0) == [0.0, 15.0]
    assert spread([], 15.0, 0.0, 100.0) == []


def test_a_strategy_keeps_its_look_and_random_is_grey() -> None:
    some, more = (
        styles(["margin", "badge", "random"], "random"),
        styles(["margin", "badge", "bald", "random"], "random"),
    )
    assert some["margin"] == more["margin"]
    assert some["random"].variable == "var(--control)"
    many = styles([f"s{i}" for i in range(20)], None)
    assert len({(look.colour, str(look.line), look.marker) for look in many.values()}) == 20


def test_intervals_are_students_and_stay_shares() -> None:
    values = np.array([[0.5], [0.6], [0.7], [0.8]])
    mean, low, high = mean_interval(values)
    expected = t.interval(0.95, 3, loc=0.65, scale=values[:, 0].std(ddof=1) / math.sqrt(4))
    assert mean[0] == pytest.approx(0.65)
    assert (low[0], high[0]) == pytest.approx(expected)
    assert mean_interval(np.array([[0.9], [1.0], [1.0]]))[2][0] == 1.0


def test_two_seeds_have_no_interval() -> None:
    _, low, high = mean_interval(np.array([[0.5], [0.6]]))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_ranks_say_when_no_outcome_could_tell_arms_apart() -> None:
    """Wilcoxon's smallest p-value on 7 blocks is 2 / 2^7; times 6 pairs of 4 arms that is 0.09, times 3 of 3 0.047."""
    names = ("a", "b", "c", "d")
    scores = np.arange(7)[:, None] + np.array([0.4, 0.3, 0.2, 0.1])
    four, three = mean_ranks(scores, names), mean_ranks(scores[:, :3], names[:3])
    assert say_ranks(four, "seed") == (
        "A has the best mean rank, 1.00 of 4, over 7 seeds: too few for this test to tell 4 arms apart."
    )
    assert say_ranks(three, "seed") == (
        "A has the best mean rank, 1.00 of 3, over 7 seeds; it can be told from every other arm."
    )


def test_a_wide_matrix_of_pairs_has_room_for_long_names() -> None:
    name = "badge(temperature=0.5)"
    results = {"": {arm: [([10, 20], [0.5, 0.6 + seed / 100])] * 6 for seed, arm in enumerate([name, "margin"])}}
    found = pairwise(results, control="margin")
    labels = [label.get_text() for label in paint_pairs(found, 760).axes[0].get_yticklabels()]
    assert name in labels


def test_arms_with_the_same_mean_rank_share_it() -> None:
    scores = np.arange(8)[:, None] + np.array([[0.4, 0.3, 0.1], [0.3, 0.4, 0.1]] * 4)
    assert say_ranks(mean_ranks(scores[:, :2], ("a", "b")), "seed") == (
        "A and b share the best mean rank, 1.50 of 2, over 8 seeds."
    )
    assert say_ranks(mean_ranks(scores, ("a", "b", "c")), "seed") == (
        "A and b share the best mean rank, 1.50 of 3, over 8 seeds; they can be told from every other arm."
    )
