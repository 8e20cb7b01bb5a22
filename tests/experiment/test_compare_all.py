"""Several arms against one control: in one setting, corrected for their number, and over settings."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from claros.errors import InputError
from claros.experiment.compare import (
    across_settings,
    area,
    compare,
    compare_all,
    correct,
    holm,
    level_table,
    mean_ranks,
    pairwise,
)
from claros.experiment.curves import Curve

GRID = np.arange(20, 220, 20)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def levels(values: Sequence[float] | np.ndarray) -> list[Curve]:
    """One flat curve for each value."""
    return [Curve([0, 100], [value, value]) for value in values]


def curves(exponent: float, seeds: int, generator: np.random.Generator, spread: float = 0.01) -> list[Curve]:
    """Power laws with noise of each seed and of each point."""
    mean = 0.9 - 0.6 * (GRID / 20) ** -exponent
    return [
        Curve(GRID, mean + generator.normal(0, spread) + generator.normal(0, spread / 2, GRID.size))
        for _ in range(seeds)
    ]


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Holm's p-values as statsmodels has them."""
    found: list[float] = multipletests(p_values, method="holm")[1].tolist()
    return found


# Holm's correction


def test_holm_worked_by_hand() -> None:
    # 4 * 0.01, 3 * 0.02, then 2 * 0.025 would be less than the one before, and 1 * 0.9
    assert holm([0.9, 0.01, 0.025, 0.02]) == pytest.approx([0.9, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])


def test_holm_equals_statsmodels() -> None:
    for seed in range(20):
        p_values = rng(seed).random(seed + 1) ** 3
        p_values[seed // 2 :] = p_values[seed // 2 :].round(1)  # with ties
        assert holm(p_values) == pytest.approx(adjusted(p_values))


def test_what_was_not_compared_stays_so_and_is_not_counted() -> None:
    got = holm([[0.01, math.nan], [0.02, math.nan]])
    assert got.shape == (2, 2)
    assert got[:, 0] == pytest.approx([0.02, 0.02])
    assert np.isnan(got[:, 1]).all()
    assert holm([]).size == 0


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(InputError, match=r"between 0 and 1; got -0\.1 to 0\.5"):
        holm([0.5, -0.1])


# all arms of one setting


def test_the_p_values_are_those_of_scipy_corrected_for_the_number_of_arms() -> None:
    generator = rng(1)
    arms = {f"arm {e}": curves(e, 10, generator) for e in (0.5, 0.51, 0.52, 0.6)} | {
        "random": curves(0.5, 10, generator)
    }
    found = compare_all(arms, "random", rng=rng())
    assert [one.name for one in found] == list(arms)[:-1]
    base = [area(*curve) for curve in arms["random"]]
    raw = [stats.ttest_rel([area(*curve) for curve in arms[one.name]], base).pvalue for one in found]
    assert [one.difference.p_value for one in found if one.difference] == pytest.approx(raw)
    assert [one.p_value for one in found] == pytest.approx(adjusted(raw))
    assert {one.corrected for one in found} == {4}
    for one in found:
        assert one.finding == ("not distinguishable" if one.p_value >= 0.05 else "better")  # type: ignore[operator]


def test_an_arm_that_is_better_by_itself_may_not_be_among_many() -> None:
    gains = np.array([0.01, 0.02, 0.03, -0.01, 0.02, 0.00, 0.01, 0.02])
    assert 0.01 < stats.ttest_1samp(gains, 0).pvalue < 0.05
    control, arm = levels(np.full(8, 0.5)), levels(0.5 + gains)
    alone = compare_all({"random": control, "margin": arm}, "random", rng=rng())
    assert (alone[0].finding, alone[0].corrected) == ("better", 1)
    assert alone[0].p_value == alone[0].difference.p_value  # type: ignore[union-attr]
    many = compare_all({"random": control} | {f"arm {i}": arm for i in range(9)}, "random", rng=rng())
    assert {str(one) for one in many} == {f"Arm {i} is not distinguishable from random (8 seeds)." for i in range(9)}
    assert all(one.savings is None for one in many)
    # the interval is still that of one comparison
    assert many[0].difference == alone[0].difference


def test_with_one_arm_it_is_the_plain_comparison() -> None:
    arms = {"margin": curves(0.7, 10, rng(2)), "random": curves(0.5, 10, rng(3))}
    (found,) = compare_all(arms, "random", rng=rng())
    alone = compare("margin", "random", arms["margin"], arms["random"], rng=rng())
    assert (found.difference, found.finding, found.p_value) == (alone.difference, "better", alone.p_value)
    assert found.savings is not None
    assert alone.savings is not None
    assert found.savings.value == alone.savings.value


def test_another_arm_moves_no_interval_of_the_others() -> None:
    arms = {"random": curves(0.5, 10, rng(2)), "margin": curves(0.7, 10, rng(3))}
    (few,) = compare_all(arms, "random", rng=rng())
    more = compare_all({"badge": curves(0.8, 10, rng(4)), **arms}, "random", rng=rng())
    assert [one.name for one in more] == ["badge", "margin"]
    assert few.savings is not None
    assert more[1].savings == few.savings


def test_a_seed_that_an_arm_lacks_is_left_out_of_its_pair_only() -> None:
    control, arm = levels(np.linspace(0.4, 0.5, 8)), levels(np.linspace(0.45, 0.52, 8))
    with_gap: list[Curve | None] = [*arm[:3], None, *arm[4:]]
    found = {
        one.name: one for one in compare_all({"random": control, "whole": arm, "gap": with_gap}, "random", rng=rng())
    }
    assert (found["whole"].seeds, found["gap"].seeds) == (8, 7)
    expected = compare("gap", "random", [*arm[:3], *arm[4:]], [*control[:3], *control[4:]], rng=rng())
    assert found["gap"].difference == expected.difference


def test_arms_with_too_few_seeds_are_not_counted_among_the_comparisons() -> None:
    control = levels(np.linspace(0.4, 0.5, 8))
    few: list[Curve | None] = [*levels([0.9] * 5), None, None, None]
    found = compare_all({"random": control, "few": few, "same": control}, "random", rng=rng())
    assert [(one.finding, one.corrected) for one in found] == [("too few seeds", 1), ("not distinguishable", 1)]
    assert found[0].p_value is None


def test_an_arm_that_equals_the_control_is_not_distinguishable_and_a_certain_one_stays_certain() -> None:
    control = levels([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    worse = levels([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    found = compare_all({"random": control, "same": control, "worse": worse}, "random", rng=rng())
    assert [(one.finding, one.p_value) for one in found] == [("not distinguishable", 1), ("worse", 0)]


def test_correcting_twice_changes_nothing() -> None:
    arms = {f"arm {e}": curves(e, 8, rng(int(100 * e))) for e in (0.5, 0.53, 0.6)}
    found = compare_all(arms, "arm 0.5", rng=rng())
    assert correct(found) == found


def test_what_cannot_be_compared_is_refused() -> None:
    control = levels([0.1, 0.2])
    with pytest.raises(InputError, match="control 'random' is none of the arms: margin"):
        compare_all({"margin": control}, "random", rng=rng())
    with pytest.raises(InputError, match="got 3 curves of margin and 2 of random"):
        compare_all({"random": control, "margin": levels([0.1, 0.2, 0.3])}, "random", rng=rng())
    with pytest.raises(InputError, match="no seed in common"):
        compare_all({"random": [control[0], None], "margin": [None, control[1]]}, "random", rng=rng())
    with pytest.raises(InputError, match="finite"):
        compare_all({"random": control, "margin": levels([0.1, math.nan])}, "random", rng=rng())


def test_of_five_equal_arms_none_is_called_as_often_as_the_level_says() -> None:
    # 800 experiments with 8 seeds: the standard error of 5 % is 0.77 %; 3.5 of them are allowed above, and Holm is
    # never above the level. Without a correction some arm is called in about 17 %, so the test can tell.
    generator, repeats, corrected, plain = rng(5), 800, 0, 0
    for _ in range(repeats):
        arms = {name: levels(generator.normal(0.5, 0.01, 8)) for name in ("random", "a", "b", "c", "d", "e")}
        found = compare_all(arms, "random", rng=generator)
        corrected += any(one.finding != "not distinguishable" for one in found)
        plain += any(one.difference is not None and one.difference.p_value < 0.05 for one in found)
    bound = 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / repeats)
    assert 0.01 < corrected / repeats < bound, f"an arm was called in {corrected / repeats:.3f} > {bound:.3f}, seed 5"
    assert plain / repeats > 0.12


# over settings


def settings_of(gains: Sequence[Sequence[float]]) -> dict[str, dict[str, list[Curve | None]]]:
    """One setting for each row of gains over the control, one seed for each number in it."""
    return {
        f"set {t}": {"random": [*levels(np.full(len(row), 0.5))], "margin": [*levels(0.5 + np.array(row))]}
        for t, row in enumerate(gains)
    }


def test_over_settings_each_counts_once_however_many_seeds_it_has() -> None:
    gains = [[0.01] * 6 + [0.03] * 6, [0.05] * 7, [-0.04] * 6, [0.03, 0.01], [0.02, 0.04], [0.1, 0.0]]
    (got,) = across_settings(settings_of(gains), "random")
    means = [0.02, 0.05, -0.04, 0.02, 0.03, 0.05]
    expected = stats.ttest_1samp(means, 0)
    interval = expected.confidence_interval(0.95)
    assert (got.mean, got.low, got.high) == pytest.approx((np.mean(means), interval.low, interval.high))
    assert got.p_value == pytest.approx(expected.pvalue)
    assert (got.settings, got.ahead, got.better, got.worse, got.same, got.too_few) == (6, 5, 2, 1, 0, 3)
    assert str(got) == (
        "Margin is not distinguishable from random on average over 6 settings; better in 2, worse in 1, "
        "not distinguishable in 0, too few seeds in 3."
    )


def test_the_sentence_of_a_gain_over_settings() -> None:
    gains = [[g - 0.01, g, g + 0.01] * 3 for g in (0.02, 0.03, 0.04, 0.02, 0.03, 0.04, 0.0)]
    (got,) = across_settings(settings_of(gains), "random")
    assert got.finding == "better"
    # mean 0.18 / 7 = 2.57 points, standard deviation 1.40 points, t of 6 degrees of freedom 2.447
    assert str(got) == (
        "Margin is better than random by 2.6 points of accuracy on average over 7 settings "
        "(95 % interval 1.3 to 3.9); better in 6, worse in 0, not distinguishable in 1."
    )
    (lost,) = across_settings(settings_of([[-g for g in row] for row in gains]), "random", metric="macro-F1")
    assert str(lost).startswith("Margin is worse than random by 2.6 points of macro-F1 on average over 7 settings")
    assert "(95 % interval 1.3 to 3.9); better in 0, worse in 6" in str(lost)


def test_too_few_settings_call_nothing_on_average() -> None:
    (got,) = across_settings(settings_of([[0.1] * 6] * 5), "random")
    assert str(got) == (
        "Margin against random: too few settings (5) to call a difference on average: at least 6 are needed; "
        "better in 5, worse in 0, not distinguishable in 0."
    )
    assert got.p_value is None
    (got,) = across_settings(settings_of([[0.1, 0.2]]), "random")
    assert (got.finding, got.mean, got.low) == ("too few settings", pytest.approx(0.15), None)


def test_settings_with_few_seeds_count_on_average_but_are_not_called() -> None:
    (got,) = across_settings(settings_of([[0.1], [0.12], [0.09], [0.1], [0.11], [-0.01], [0.1]]), "random")
    assert got.finding == "better"
    assert str(got).endswith("; ahead in 6 of 7, each with too few seeds to be called by itself.")


def test_counts_agree_with_the_sentences_of_each_setting() -> None:
    generator = rng(6)
    results = {
        f"set {t}": {
            name: curves(0.5 + e * t, 8, generator) for name, e in (("random", 0), ("a", 0.006), ("b", -0.006))
        }
        for t in range(12)
    }
    found = {one.name: one for one in across_settings(results, "random")}
    for name in ("a", "b"):
        calls = [
            one.finding
            for arms in results.values()
            for one in compare_all(arms, "random", rng=rng())
            if one.name == name
        ]
        got = found[name]
        expected = [calls.count(finding) for finding in ("better", "worse", "not distinguishable")]
        assert [got.better, got.worse, got.same] == expected
        assert len(set(calls)) > 1


def test_an_arm_counts_where_it_and_the_control_are() -> None:
    results = settings_of([[0.1] * 6, [0.2] * 6])
    results["set 1"]["badge"] = [None] * 5 + levels([0.6])
    results["no control"] = {"margin": [*levels([0.9])]}
    found = across_settings(results, "random")
    assert [(one.name, one.settings, one.mean) for one in found] == [
        ("margin", 2, pytest.approx(0.15)),
        ("badge", 1, pytest.approx(0.1)),
    ]
    with pytest.raises(InputError, match="No setting has the control 'entropy'"):
        across_settings(results, "entropy")
    results["set 0"]["short"] = [Curve([200, 300], [0.1, 0.2])] * 6
    with pytest.raises(InputError, match="In setting 'set 0', arm 'short': The curves share no range"):
        across_settings(results, "random")


def test_p_values_over_settings_are_corrected_for_the_arms() -> None:
    generator = rng(7)
    results = {
        f"set {t}": {
            name: levels(generator.normal(mean, 0.02, 3))
            for name, mean in (("random", 0.5), ("a", 0.51), ("b", 0.5), ("c", 0.49))
        }
        for t in range(10)
    }
    found = across_settings(results, "random")
    means = level_table(results).values
    raw = [stats.ttest_rel(means[:, a], means[:, 0]).pvalue for a in (1, 2, 3)]
    assert [one.p_value for one in found] == pytest.approx(adjusted(raw))
    assert {one.corrected for one in found} == {3}


def test_over_settings_equal_arms_are_called_as_rarely_as_the_level_says() -> None:
    # 1,000 experiments of 8 settings with 2 seeds: the standard error of 5 % is 0.69 %; 3.5 of them are allowed
    generator, repeats = rng(8), 1000
    called = 0
    for _ in range(repeats):
        (got,) = across_settings(settings_of(generator.normal(0, 0.01, (8, 2)).tolist()), "random")
        called += got.finding != "not distinguishable"
    tolerance = 3.5 * math.sqrt(0.05 * 0.95 / repeats)
    assert abs(called / repeats - 0.05) < tolerance, f"called in {called / repeats:.3f}, 0.05 ± {tolerance:.3f}, seed 8"


# at scale


@pytest.mark.parametrize(("settings", "arms", "seeds"), [(25, 10, 4), (1, 10, 100), (10, 5, 20)])
def test_a_thousand_cells_take_well_under_five_seconds(settings: int, arms: int, seeds: int) -> None:
    generator = rng(9)
    results = {
        f"set {t}": {"random" if a == 0 else f"arm {a}": curves(0.5 + 0.01 * a, seeds, generator) for a in range(arms)}
        for t in range(settings)
    }
    start = time.process_time()
    for setting in results.values():
        compare_all(setting, "random", rng=generator)
    across_settings(results, "random")
    pairwise(results, control="random")
    table = level_table(results, by_seed=settings == 1)
    mean_ranks(table.values, table.names)
    seconds = time.process_time() - start
    assert seconds < 5, f"the statistics of 1,000 cells took {seconds:.1f} s"
