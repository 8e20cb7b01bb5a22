from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from claros.errors import InputError
from claros.experiment.compare import (
    Comparison,
    area,
    compare,
    labels_to_reach,
    normalised_area,
    paired_bootstrap,
    paired_difference,
    savings,
    verdict,
)
from claros.experiment.curves import aligned

Curves = list[tuple[Any, Any]]
GRID = np.arange(20, 420, 20)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noisy(mean: np.ndarray, seeds: int, generator: np.random.Generator, spread: float = 0.01) -> Curves:
    """Curves around a mean: an offset of their own for each seed, and noise at each point."""
    return [
        (GRID, mean + generator.normal(0, spread) + generator.normal(0, spread / 2, GRID.size)) for _ in range(seeds)
    ]


def power_law(exponent: float) -> np.ndarray:
    return np.asarray(0.95 - 1.6 * GRID**-exponent)


# area


def test_the_area_of_a_straight_line_is_its_middle() -> None:
    assert area([0, 10], [0.2, 0.6]) == pytest.approx(0.4)
    assert area([10, 20, 50], [0.3, 0.4, 0.7]) == pytest.approx(0.5)
    assert area([5, 50, 500], [0.8, 0.8, 0.8]) == pytest.approx(0.8)


def test_the_area_equals_numpys_trapezoids() -> None:
    n = np.cumsum(rng(0).integers(1, 30, 15))
    metric = rng(1).random(15)
    assert area(n, metric) == pytest.approx(np.trapezoid(metric, n) / (n[-1] - n[0]))


def test_wider_steps_weigh_more() -> None:
    assert area([10, 20, 100], [0.0, 1.0, 1.0]) == pytest.approx((5 + 80) / 90)


def test_a_single_point_has_its_own_level() -> None:
    assert area([20], [0.7]) == 0.7


@pytest.mark.parametrize(
    ("n", "metric", "message"),
    [
        ([10, 20], [0.5], "as many labels as metrics"),
        ([], [], "at least one"),
        ([10, 10], [0.5, 0.6], "strictly increase"),
        ([20, 10], [0.5, 0.6], "strictly increase"),
        ([-1, 10], [0.5, 0.6], "strictly increase"),
        ([10, 20], [0.5, math.nan], "finite"),
        ([10, math.inf], [0.5, 0.6], "finite"),
    ],
)
def test_what_is_no_curve_is_refused(n: list[float], metric: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        area(n, metric)
    with pytest.raises(InputError, match=message):
        labels_to_reach(n, metric, 0.5)


# normalised area


def test_the_normalised_area_is_the_share_of_the_way_from_floor_to_ceiling() -> None:
    curve = ([10, 20, 40], [0.5, 0.7, 0.9])  # mean level (10 * 0.6 + 20 * 0.8) / 30 = 22 / 30
    assert normalised_area(curve, high=1.0) == pytest.approx(22 / 30)
    assert normalised_area(curve, high=0.8) == pytest.approx(22 / 24)
    assert normalised_area(curve, high=0.9, low=0.1) == pytest.approx((22 / 30 - 0.1) / 0.8)


def test_floor_and_ceiling_may_be_curves_and_count_where_all_have_values() -> None:
    floor, ceiling = ([0, 100], [0.0, 0.5]), ([0, 40, 100], [0.0, 0.8, 0.8])
    assert normalised_area(floor, low=floor, high=ceiling) == 0
    assert normalised_area(ceiling, low=floor, high=ceiling) == 1
    # the curve has values from 40 to 60 only: levels 0.4 of the curve, 0.25 of the floor, 0.8 of the ceiling
    curve = ([40, 60], [0.3, 0.5])
    assert normalised_area(curve, low=floor, high=ceiling) == pytest.approx((0.4 - 0.25) / (0.8 - 0.25))
    assert normalised_area(curve, low=floor, high=1.0) == pytest.approx((0.4 - 0.25) / (1 - 0.25))
    assert normalised_area(curve, low=0.1, high=ceiling) == pytest.approx((0.4 - 0.1) / (0.8 - 0.1))


def test_an_area_below_the_floor_is_negative_and_no_room_is_refused() -> None:
    assert normalised_area(([0, 10], [0.2, 0.2]), low=0.3, high=0.8) == pytest.approx(-0.2)
    for low, high in ((0.5, 0.5), (0.6, 0.5), (0.0, math.nan), (-math.inf, 1.0)):
        with pytest.raises(InputError, match="ceiling must be above"):
            normalised_area(([0, 10], [0.2, 0.2]), low=low, high=high)


# labels to reach


def test_a_target_between_two_points_is_reached_on_the_line_between_them() -> None:
    assert labels_to_reach([100, 200, 300], [0.5, 0.7, 0.8], 0.65) == pytest.approx(175)
    assert labels_to_reach([100, 200, 300], [0.5, 0.7, 0.8], 0.8) == pytest.approx(300)
    assert labels_to_reach([100, 200, 300], [0.5, 0.7, 0.8], 0.7) == pytest.approx(200)


def test_the_first_crossing_counts() -> None:
    assert labels_to_reach([10, 20, 30, 40], [0.2, 0.6, 0.3, 0.9], 0.5) == pytest.approx(17.5)


def test_a_target_that_is_met_at_the_start_needs_at_most_the_start() -> None:
    assert labels_to_reach([10, 20], [0.9, 0.8], 0.85) == 10


def test_a_target_that_is_never_met_is_none() -> None:
    assert labels_to_reach([10, 20], [0.5, 0.8], 0.81) is None


def test_on_a_plateau_the_first_point_counts() -> None:
    assert labels_to_reach([10, 20, 30], [0.5, 0.8, 0.8], 0.8) == 20


# paired difference


def test_it_equals_scipys_paired_t_test() -> None:
    generator = rng(2)
    for seeds in (2, 3, 10, 40):
        a, b = generator.normal(0.8, 0.02, seeds), generator.normal(0.79, 0.02, seeds)
        for level in (0.8, 0.95):
            expected = stats.ttest_rel(a, b)
            interval = expected.confidence_interval(level)
            got = paired_difference(a, b, level)
            assert (got.mean, got.low, got.high) == pytest.approx((np.mean(a - b), interval.low, interval.high))
            assert got.p_value == pytest.approx(expected.pvalue)
            assert (got.level, got.seeds) == (level, seeds)


def test_worked_by_hand_for_two_seeds() -> None:
    # differences 1 and 3: mean 2, standard error 1, t of one degree of freedom at 0.75 is 1: interval 1 to 3 at 50 %
    got = paired_difference([2.0, 4.0], [1.0, 1.0], level=0.5)
    assert (got.mean, got.low, got.high) == pytest.approx((2, 1, 3))
    # with one degree of freedom, p of t = 2 is 1 - 2 atan(2) / pi
    assert got.p_value == pytest.approx(1 - 2 * math.atan(2) / math.pi)


def test_the_pairing_matters() -> None:
    a = np.array([0.1, 0.5, 0.9, 0.3, 0.7, 0.2])
    gains = np.array([0.01, 0.02, 0.01, 0.02, 0.01, 0.02])
    paired = paired_difference(a + gains, a)
    shuffled = paired_difference((a + gains)[::-1], a)
    assert paired.p_value < 0.002
    assert shuffled.p_value > 0.5


def test_equal_values_are_no_difference_and_a_constant_one_is_certain() -> None:
    same = paired_difference([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert (same.mean, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    constant = paired_difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    assert (constant.mean, constant.low, constant.high, constant.p_value) == (1, 1, 1, 0)


def test_differences_of_rounding_are_none() -> None:
    # 0.1 + 0.2 is not 0.3 in binary, and always on the same side
    assert paired_difference([0.1 + 0.2] * 8 + [0.5], [0.3] * 8 + [0.5]).p_value == 1


@pytest.mark.parametrize(
    ("a", "b", "level", "message"),
    [
        ([1.0], [2.0], 0.95, "at least 2"),
        ([1.0, 2.0], [1.0], 0.95, "at least 2"),
        ([1.0, math.nan], [1.0, 2.0], 0.95, "finite"),
        ([1.0, 2.0], [1.0, 2.0], 95, "level"),
    ],
)
def test_what_cannot_be_paired_is_refused(a: list[float], b: list[float], level: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        paired_difference(a, b, level)


# paired bootstrap


def levels(*values: float) -> Curves:
    return [([0, 100], [value, value]) for value in values]


def test_the_bootstrap_over_four_seeds_equals_all_256_resamples() -> None:
    gains = np.array([0.01, 0.02, 0.04, 0.09])
    got = paired_bootstrap(levels(*(0.5 + gains)), levels(0.5, 0.5, 0.5, 0.5), rng=rng(), level=0.6, draws=100_000)
    exact = np.array([gains[list(seeds)].mean() for seeds in itertools.product(range(4), repeat=4)])
    tail = stats.norm.cdf(math.sqrt(4 / 3) * stats.t.ppf(0.2, 3))
    assert (got.mean, got.level, got.seeds) == (pytest.approx(0.04), 0.6, 4)
    # the 256 means are at most 0.0025 apart around these percentiles
    assert got.low == pytest.approx(np.quantile(exact, tail), abs=0.0025)
    assert got.high == pytest.approx(np.quantile(exact, 1 - tail), abs=0.0025)


def test_its_interval_leaves_out_zero_where_its_p_value_says_so() -> None:
    generator = rng(12)
    for _ in range(30):
        gains = generator.normal(0.01, 0.02, 8)
        arm, control = levels(*(0.5 + gains)), levels(*[0.5] * 8)
        p_value = paired_bootstrap(arm, control, rng=rng(1)).p_value
        if p_value < 0.02:
            continue  # one draw in thousands, or none, decides
        for called in (p_value * 0.98, min(p_value * 1.02, 0.999)):  # two per cent: some draws to either side
            again = paired_bootstrap(arm, control, rng=rng(1), level=1 - called)
            assert (again.low > 0 or again.high < 0) == (called > p_value)


def test_for_normal_differences_it_agrees_with_the_t_test() -> None:
    gains = stats.norm.ppf((np.arange(30) + 0.5) / 30) * 0.02 + 0.006
    arm, control = levels(*(0.5 + gains)), levels(*[0.5] * 30)
    got, expected = paired_bootstrap(arm, control, rng=rng()), paired_difference(0.5 + gains, np.full(30, 0.5))
    assert (got.mean, got.low, got.high) == pytest.approx((expected.mean, expected.low, expected.high), abs=0.0006)
    assert got.p_value == pytest.approx(expected.p_value, abs=0.02)


def test_the_bootstrap_of_equal_arms_is_certain_that_there_is_nothing() -> None:
    got = paired_bootstrap(levels(0.1, 0.2, 0.3), levels(0.1, 0.2, 0.3), rng=rng())
    assert (got.mean, got.low, got.high, got.p_value) == (0, 0, 0, 1)
    got = paired_bootstrap(levels(2.0, 3.0, 4.0), levels(1.0, 2.0, 3.0), rng=rng())
    assert (got.mean, got.low, got.high, got.p_value) == (1, 1, 1, 0)


def test_equal_arms_are_told_apart_by_the_bootstrap_as_rarely_as_it_says() -> None:
    # 1,000 experiments with 10 seeds: the standard error of 5 % is 0.69 %; four are allowed, as few seeds cost a little
    generator = rng(13)
    p_values = [
        paired_bootstrap(
            levels(*generator.normal(0.5, 0.01, 10)),
            levels(*generator.normal(0.5, 0.01, 10)),
            rng=generator,
            draws=1000,
        ).p_value
        for _ in range(1000)
    ]
    rate, tolerance = np.mean(np.array(p_values) < 0.05), 4 * math.sqrt(0.05 * 0.95 / 1000)
    assert abs(rate - 0.05) < tolerance, f"{rate:.3f} of equal arms told apart, 0.05 ± {tolerance:.3f}, seed 13"


def test_the_bootstrap_of_areas_needs_seeds_and_draws() -> None:
    with pytest.raises(InputError, match="at least 2 paired seeds"):
        paired_bootstrap(levels(0.5), levels(0.4), rng=rng())
    with pytest.raises(InputError, match="draws"):
        paired_bootstrap(levels(0.5, 0.6), levels(0.4, 0.5), rng=rng(), draws=10)


# savings


def test_savings_are_one_minus_the_ratio_of_labels() -> None:
    arm, control = [([40, 310, 640], [0.5, 0.9, 0.95])] * 4, [([40, 540, 640], [0.5, 0.9, 0.91])] * 4
    got = savings(arm, control, 0.9, rng=rng())
    assert (got.labels, got.control_labels) == pytest.approx((310, 540))
    assert got.value == pytest.approx(1 - 310 / 540)
    assert (got.low, got.high) == pytest.approx((got.value, got.value))  # the seeds do not differ
    assert (got.level, got.seeds, got.target) == (0.95, 4, 0.9)


def test_the_default_target_is_nine_tenths_of_the_controls_gain() -> None:
    control = [([0, 100], [0.5, 0.7]), ([0, 100], [0.3, 0.7])]  # mean 0.4 to 0.7
    arm = [([0, 50, 100], [0.4, 0.8, 0.8])] * 2
    got = savings(arm, control, rng=rng())
    assert got.target == pytest.approx(0.67)
    assert got.control_labels == pytest.approx(90)
    assert got.labels == pytest.approx(50 * 0.27 / 0.4)


def test_costing_more_is_a_negative_saving() -> None:
    got = savings([([10, 100], [0.0, 0.5])] * 3, [([10, 55, 100], [0.0, 0.5, 0.5])] * 3, 0.5, rng=rng())
    assert got.value == pytest.approx(1 - 100 / 55)


def test_curves_on_different_grids_are_compared_where_all_have_values() -> None:
    arm = [([10, 30, 90], [0.1, 0.3, 0.9]), ([20, 100], [0.2, 1.0])]
    control = [([0, 80], [0.0, 0.4]), ([10, 85], [0.05, 0.425])]
    grid, a, b = aligned(arm, control)
    assert grid.tolist() == [20, 30, 80]
    assert np.allclose(a, grid / 100)
    assert np.allclose(b, grid / 200)
    with pytest.raises(InputError, match="share no range"):
        aligned([([10, 20], [0.1, 0.2])], [([20, 30], [0.1, 0.2])])
    with pytest.raises(InputError, match="seed by seed; got 1 and 2"):
        aligned(arm[:1], control)


def test_an_arm_that_never_gets_there_has_no_value_and_no_lower_bound() -> None:
    arm, control = [([10, 100], [0.1, 0.5])] * 5, [([10, 100], [0.1, 0.9])] * 5
    got = savings(arm, control, 0.7, rng=rng())
    assert (got.value, got.low, got.labels) == (None, None, None)
    # it needs more than 100 labels and the control 77.5, so it saves less than 1 - 100 / 77.5
    assert got.high == pytest.approx(1 - 100 / 77.5)


def test_a_control_that_never_gets_there_leaves_a_lower_bound() -> None:
    arm, control = [([10, 100], [0.1, 0.9])] * 5, [([10, 100], [0.1, 0.5])] * 5
    got = savings(arm, control, 0.7, rng=rng())
    assert (got.value, got.control_labels) == (None, None)
    assert (got.low, got.high) == pytest.approx((1 - 77.5 / 100, 1.0))


def test_a_target_that_nobody_reaches_says_nothing() -> None:
    curves = [([10, 100], [0.1, 0.5])] * 5
    got = savings(curves, curves, 0.99, rng=rng())
    assert (got.value, got.low, got.high) == (None, None, 1.0)


def test_a_control_that_gains_nothing_gives_no_target() -> None:
    got = savings([([10, 100], [0.5, 0.9])] * 5, [([10, 100], [0.5, 0.5])] * 5, rng=rng())
    assert (got.target, got.value, got.low, got.high) == (None, None, None, 1.0)


def test_some_seeds_that_never_get_there_are_not_dropped() -> None:
    # one of two seeds never reaches 0.6; the mean of both does, at 90
    arm = [([0, 100], [0.2, 1.0]), ([0, 100], [0.1, 1.2 - 0.76])]
    mean_end = (1.0 + 0.44) / 2
    got = savings(arm, [([0, 100], [0.0, 1.0])] * 2, 0.6, rng=rng())
    assert got.labels == pytest.approx(100 * (0.6 - 0.15) / (mean_end - 0.15))


def test_the_same_stream_gives_the_same_interval() -> None:
    arm, control = noisy(power_law(0.7), 8, rng(1)), noisy(power_law(0.6), 8, rng(2))
    assert savings(arm, control, rng=rng(3)) == savings(arm, control, rng=rng(3))
    assert savings(arm, control, rng=rng(3)) != savings(arm, control, rng=rng(4))


def test_the_interval_contains_its_value_and_narrows_with_seeds() -> None:
    generator, widths = rng(5), []
    for seeds in (6, 60):
        got = savings(
            noisy(power_law(0.7), seeds, generator), noisy(power_law(0.6), seeds, generator), rng=generator, draws=500
        )
        assert got.low is not None
        assert got.value is not None
        assert got.high is not None
        assert got.low <= got.value <= got.high
        widths.append(got.high - got.low)
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    # 200 experiments of 10 seeds at level 0.9: the standard error of the share is 0.021; four of them are allowed below
    generator = rng(6)
    grid, arm, control = aligned([(GRID, power_law(0.7))], [(GRID, power_law(0.6))])
    target = control[0, 0] + 0.9 * (control[0, -1] - control[0, 0])
    reached = [labels_to_reach(grid, curve[0], target) for curve in (arm, control)]
    truth = 1 - reached[0] / reached[1]  # type: ignore[operator]
    covered = 0
    for _ in range(200):
        got = savings(
            noisy(power_law(0.7), 10, generator),
            noisy(power_law(0.6), 10, generator),
            rng=generator,
            level=0.9,
            draws=300,
        )
        low, high = (-math.inf if got.low is None else got.low), (1.0 if got.high is None else got.high)
        covered += low <= truth <= high
    assert covered / 200 > 0.9 - 4 * 0.021, f"covered {covered} of 200 at level 0.9, seed 6"


def test_a_bootstrap_needs_seeds_and_draws() -> None:
    curve = [([10, 20], [0.1, 0.5])]
    with pytest.raises(InputError, match="at least 2 paired seeds"):
        savings(curve, curve, rng=rng())
    with pytest.raises(InputError, match="draws"):
        savings(curve * 2, curve * 2, rng=rng(), draws=10)


# verdict


def test_the_sentence_of_a_saving() -> None:
    arm, control = [([40, 310, 640], [0.5, 0.9, 0.95])] * 10, [([40, 540, 640], [0.5, 0.9, 0.91])] * 10
    assert verdict("margin", "random", arm, control, rng=rng(), target=0.9) == (
        "Margin reached 90.0 % with 310 labels; random needed 540 (saves 43 %, 95 % interval 43 to 43, 10 seeds)."
    )
    assert verdict("margin", "random", arm, control, rng=rng(), target=0.9, metric="macro-F1").startswith(
        "Margin reached 90.0 % macro-F1 with 310 labels"
    )


def test_the_sentence_of_a_gain_without_a_sure_saving() -> None:
    # better all along, but neither gets to the target
    arm, control = [([0, 100], [0.5, 0.8])] * 6, [([0, 100], [0.5, 0.7])] * 6
    assert verdict("badge", "random", arm, control, rng=rng(), target=0.99) == (
        "Badge is better than random by 5.0 points of accuracy on average over the curve "
        "(95 % interval 5.0 to 5.0, 6 seeds)."
    )


def test_the_sentence_of_a_loss() -> None:
    arm, control = [([0, 100], [0.5, 0.6])] * 6, [([0, 100], [0.5, 0.8])] * 6
    got = compare("k_center", "random", arm, control, rng=rng())
    assert got.finding == "worse"
    assert got.savings is None
    assert str(got).startswith("K_center is worse than random by 10.0 points of accuracy on average over the curve")


def test_nothing_is_called_on_fewer_than_six_seeds_however_clear_it_is() -> None:
    for seeds in (1, 2, 5):
        arm, control = [([0, 100], [0.1, 1.0])] * seeds, [([0, 100], [0.1, 0.2])] * seeds
        got = compare("margin", "random", arm, control, rng=rng())
        assert got.finding == "too few seeds"
        assert str(got) == (
            f"Margin against random: too few seeds ({seeds}) to call a difference: at least 6 are needed."
        )
    assert compare("margin", "random", arm + arm, control + control, rng=rng()).finding == "better"


def test_an_arm_is_not_distinguishable_from_itself() -> None:
    curves = noisy(power_law(0.6), 10, rng(7))
    assert verdict("margin", "random", curves, curves, rng=rng()) == (
        "Margin is not distinguishable from random (10 seeds)."
    )


def test_a_real_difference_is_found() -> None:
    generator = rng(8)
    found = [
        compare(
            "margin",
            "random",
            noisy(power_law(0.7), 10, generator),
            noisy(power_law(0.6), 10, generator),
            rng=generator,
        ).finding
        for _ in range(20)
    ]
    assert found.count("better") == 20, found


def test_equal_arms_are_called_different_as_rarely_as_the_level_says() -> None:
    # 2,000 experiments with 8 seeds: the standard error of a rate of 5 % is 0.49 %; 3.5 of them are allowed
    generator, repeats = rng(9), 2000
    mean = power_law(0.6)
    called: list[Comparison] = []
    for _ in range(repeats):
        start = noisy(mean, 8, generator)  # what both arms share, as paired seeds do
        arms = [
            [(grid, curve + generator.normal(0, 0.01) + generator.normal(0, 0.01, grid.size)) for grid, curve in start]
            for _ in range(2)
        ]
        got = compare("margin", "random", *arms, rng=generator)
        if got.finding != "not distinguishable":
            called.append(got)
    rate, tolerance = len(called) / repeats, 3.5 * math.sqrt(0.05 * 0.95 / repeats)
    assert abs(rate - 0.05) < tolerance, f"called {rate:.3f} of equal arms different, 0.05 ± {tolerance:.3f}, seed 9"
    better = sum(got.finding == "better" for got in called)
    assert 0.3 < better / len(called) < 0.7, "both directions must be equally likely"


def test_large_counts_have_thin_spaces() -> None:
    arm, control = [([40, 31000, 64000], [0.5, 0.9, 0.95])] * 6, [([40, 54000, 64000], [0.5, 0.9, 0.91])] * 6
    sentence = verdict("margin", "random", arm, control, rng=rng(), target=0.9)
    assert "with 31\u202f000 labels; random needed 54\u202f000" in sentence
