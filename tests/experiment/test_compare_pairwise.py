"""The penalty matrix of the BADGE paper: who beats whom at which budgets, over settings."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Literal

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from claros.errors import InputError
from claros.experiment.compare import pairwise
from claros.experiment.curves import Curve

#: Gains that a paired t test over six seeds is sure of, and gains that it is not.
SURE, UNSURE = [0.10, 0.11, 0.09, 0.10, 0.12, 0.08], [0.1, -0.1, 0.2, -0.2, 0.1, 0.0]


def arm(labels: list[int], *values: list[float]) -> list[Curve | None]:
    """Curves by seed, where ``values[r]`` are those of all seeds in round r."""
    return [Curve(labels, metric) for metric in np.transpose(values).tolist()]


def level(value: float) -> list[float]:
    return [value] * 6


def plus(value: float, gains: list[float]) -> list[float]:
    return [value + gain for gain in gains]


def random_results(
    settings: int, arms: int, seeds: int, rounds: int, seed: int
) -> dict[str, dict[str, list[Curve | None]]]:
    generator = np.random.default_rng(seed)
    results: dict[str, dict[str, list[Curve | None]]] = {}
    for t in range(settings):
        labels = 20 + (10 + 5 * t) * np.arange(rounds)
        shape = 0.5 + 0.4 * (1 - np.exp(-np.arange(rounds) / 4))
        results[f"set {t}"] = {
            f"arm {a}": [Curve(labels, shape + 0.015 * a + generator.normal(0, 0.02, rounds)) for _ in range(seeds)]
            for a in range(arms)
        }
    return results


def test_worked_by_hand_for_two_settings() -> None:
    # start 10, batch 10: budgets 20, 30 and 50; 40 is none of them, so that what happens there does not count
    labels = [10, 20, 30, 40, 50]
    first = {
        "random": arm(labels, level(0.1), level(0.3), level(0.4), level(0.9), level(0.5)),
        "margin": arm(labels, level(0.9), plus(0.3, SURE), plus(0.4, SURE), level(0.0), plus(0.5, UNSURE)),
    }
    # start 5, batch 5: budgets 10 and 15
    second = {
        "random": arm([5, 10, 15], level(0.1), plus(0.3, SURE), level(0.4)),
        "margin": arm([5, 10, 15], level(0.1), level(0.3), level(0.4)),
    }
    got = pairwise({"first": first, "second": second})
    assert got.names == ("random", "margin")
    # margin beats random at two of three budgets of the first, random beats margin at one of two of the second
    assert got.penalty.tolist() == [[0, 0.5], [pytest.approx(2 / 3), 0]]
    assert got.wins.tolist() == [[0, 1], [2, 0]]
    assert (got.compared, got.settings, got.seeds, got.level, got.corrected) == (5, 2, 6, 0.95, "none")
    # the loser's column: random is beaten more often
    assert got.column_means.tolist() == pytest.approx([1 / 3, 1 / 4])


def test_all_budgets_are_all_rounds_after_the_start() -> None:
    labels = [10, 20, 30, 40, 50]
    results = {
        "only": {
            "random": arm(labels, level(0.1), level(0.3), level(0.4), level(0.9), level(0.5)),
            "margin": arm(labels, level(0.9), plus(0.3, SURE), plus(0.4, UNSURE), level(0.0), plus(0.5, UNSURE)),
        }
    }
    got = pairwise(results, budgets="all")
    assert got.compared == 4
    assert got.wins.tolist() == [[0, 1], [1, 0]]
    assert got.penalty.tolist() == [[0, 0.25], [0.25, 0]]


def test_budgets_end_where_the_control_has_learned() -> None:
    # the mean of random is at 99 % of 0.8 = 0.792 between 30 and 50 labels, so that 50 and 90 are past it; it is at
    # 90 % before 30, and at all of it at 50
    labels = [10, 20, 30, 50, 90]
    results = {
        "only": {
            "random": arm(labels, level(0.1), level(0.5), level(0.75), level(0.8), level(0.8)),
            "margin": arm(labels, level(0.1), plus(0.5, SURE), level(0.75), plus(0.8, SURE), plus(0.8, SURE)),
        }
    }
    assert (pairwise(results).compared, pairwise(results).wins[1, 0]) == (4, 3)
    got = pairwise(results, control="random")
    assert (got.compared, got.wins[1, 0], got.penalty[1, 0]) == (2, 1, 0.5)
    # of margin's mean, 99 % of 0.9 = 0.891 is reached between 30 and 50 as well
    assert pairwise(results, control="margin").compared == 2


def test_the_first_budget_is_kept_even_if_the_control_learns_nothing() -> None:
    labels = [10, 20, 30]
    results = {"only": {"random": arm(labels, *[level(0.5)] * 3), "margin": arm(labels, *[plus(0.5, SURE)] * 3)}}
    got = pairwise(results, control="random")
    assert (got.compared, got.penalty[1, 0]) == (1, 1)


def test_a_setting_counts_once_whatever_its_number_of_budgets() -> None:
    long = [10 * r for r in range(1, 18)]
    results = {
        "long": {"a": arm(long, *[level(0.5)] * 17), "b": arm(long, *[plus(0.5, SURE)] * 17)},
        "short": {"a": arm([5, 6], level(0.5), level(0.5)), "b": arm([5, 6], *[plus(0.5, SURE)] * 2)},
    }
    got = pairwise(results)
    assert got.compared == 5 + 1  # 20, 30, 50, 90, 170 and 6
    assert got.penalty.tolist() == [[0, 0], [2, 0]]


@pytest.mark.parametrize("correction", [None, "holm"])
def test_it_equals_a_loop_over_scipys_paired_t_tests(correction: Literal["holm"] | None) -> None:
    results = random_results(settings=4, arms=4, seeds=8, rounds=14, seed=3)
    results["set 1"]["arm 2"][3] = None  # a seed that one arm lacks is missing in its pairs only
    got = pairwise(results, correction=correction)
    names, penalty = list(results["set 0"]), np.zeros((4, 4))
    for arms in results.values():
        labels = arms["arm 0"][0].n_labeled  # type: ignore[union-attr]
        budgets = [labels[0] + (labels[1] - labels[0]) * 2**k for k in range(4)]  # 1, 2, 4, 8 of 13 batches
        tests = []
        for (i, j), budget in product(combinations(range(4), 2), budgets):
            pairs = [pair for pair in zip(arms[names[i]], arms[names[j]], strict=True) if None not in pair]
            values = [[np.interp(budget, *curve) for curve in side] for side in zip(*pairs, strict=True)]
            tests.append((i, j, stats.ttest_rel(*values)))
        p_values = [test.pvalue for _, _, test in tests]
        if correction:
            p_values = multipletests(p_values, method="holm")[1]
        for (i, j, test), p_value in zip(tests, p_values, strict=True):
            if p_value < 0.05:
                winner, loser = (i, j) if test.statistic > 0 else (j, i)
                penalty[winner, loser] += 1 / len(budgets)
    assert got.penalty == pytest.approx(penalty)
    assert got.penalty.sum() > 0
    assert got.corrected == (correction or "none")
    assert (got.compared, got.seeds) == (16, 7)


def test_the_better_arm_collects_wins_and_the_worse_one_is_beaten() -> None:
    got = pairwise(random_results(settings=5, arms=4, seeds=20, rounds=14, seed=4))
    # every step of an arm is worth three quarters of the noise of a seed: order is plain
    assert got.column_means.tolist() == sorted(got.column_means.tolist(), reverse=True)
    assert got.wins[3, 0] > 15
    assert got.wins[0].sum() == 0


def test_equal_arms_never_beat_each_other() -> None:
    curves = random_results(settings=1, arms=1, seeds=8, rounds=6, seed=5)["set 0"]["arm 0"]
    got = pairwise({"only": {"a": curves, "b": list(curves), "c": list(curves)}})
    assert not got.penalty.any()


def test_curves_of_different_length_are_compared_where_all_have_values() -> None:
    long = [10, 20, 30, 40, 50, 60]
    results = {
        "only": {
            "a": arm(long, *[plus(0.5, SURE)] * 6),
            "b": arm(long[:3], *[level(0.5)] * 3),
            "c": arm([20, 30, 40], *[level(0.5)] * 3),
        }
    }
    got = pairwise(results, budgets="all")
    assert (got.compared, got.wins[0].tolist()) == (1, [0, 1, 1])  # 20 to 30: one round after the start
    results["only"]["d"] = arm([70, 80], level(0.5), level(0.5))
    with pytest.raises(InputError, match="In setting 'only': The curves share no range"):
        pairwise(results)


def test_too_few_seeds_call_nothing_and_say_so() -> None:
    results = random_results(settings=2, arms=2, seeds=6, rounds=4, seed=6)
    results["few"] = {name: arm([10, 20], *[plus(0.1 * a, SURE)] * 2)[:5] for a, name in enumerate(("arm 0", "arm 1"))}
    got = pairwise(results)
    assert (got.settings, got.seeds, got.too_few) == (2, 5, ("few",))
    alone = pairwise({"few": results["few"]})
    assert (alone.settings, alone.compared, alone.too_few) == (0, 0, ("few",))
    assert alone.penalty.tolist() == [[0, 0], [0, 0]]


def test_two_arms_with_fewer_than_six_seeds_in_common_are_not_called() -> None:
    a, b = [arm([10, 20], *[[0.5 + gain] * 8] * 2) for gain in (0.4, 0.0)]
    assert pairwise({"only": {"a": [*a[:6], None, None], "b": b}}).wins.tolist() == [[0, 1], [0, 0]]
    got = pairwise({"only": {"a": [*a[:6], None, None], "b": [None, None, *b[2:]]}})
    assert (got.seeds, got.wins.tolist()) == (6, [[0, 0], [0, 0]])


def test_an_arm_that_is_not_in_every_setting_is_left_out_by_name() -> None:
    results = random_results(settings=2, arms=3, seeds=6, rounds=4, seed=7)
    results["set 1"]["arm 1"] = [None] * 6
    results["set 1"]["extra"] = results["set 1"]["arm 0"]
    got = pairwise(results)
    assert (got.names, got.left_out) == (("arm 0", "arm 2"), ("arm 1", "extra"))


def test_what_cannot_be_compared_is_refused() -> None:
    results = random_results(settings=2, arms=2, seeds=6, rounds=4, seed=8)
    with pytest.raises(InputError, match="control 'random' must be in every setting; arms that are: arm 0, arm 1"):
        pairwise(results, control="random")
    with pytest.raises(InputError, match="budgets must be 'doubling' or 'all'"):
        pairwise(results, budgets="some")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no settings"):
        pairwise({})
    with pytest.raises(InputError, match="needs two arms"):
        pairwise({name: {"arm 0": arms["arm 0"]} for name, arms in results.items()})
    with pytest.raises(InputError, match="No arm is in every setting"):
        pairwise({"a": {"x": results["set 0"]["arm 0"]}, "b": {"y": results["set 0"]["arm 0"]}})
    with pytest.raises(InputError, match="seed by seed; in setting 'set 0' one has 5 curves and one 6"):
        pairwise({"set 0": results["set 0"] | {"arm 1": results["set 0"]["arm 1"][:5]}})
    results["set 1"]["arm 0"][2] = Curve([20, 30], [0.5, math.nan])
    with pytest.raises(InputError, match="In setting 'set 1': A curve must have finite values"):
        pairwise(results)


def test_equal_arms_win_a_test_as_rarely_as_the_level_says() -> None:
    # 2,000 settings with one budget and 8 seeds: the standard error of 5 % is 0.49 %; 3.5 of them are allowed
    generator = np.random.default_rng(9)
    results = {
        f"set {t}": {
            name: [Curve([10, 20], metric) for metric in generator.normal(0.5, 0.01, (8, 2)).tolist()]
            for name in ("a", "b")
        }
        for t in range(2000)
    }
    got = pairwise(results)
    rate, tolerance = got.wins.sum() / got.compared, 3.5 * math.sqrt(0.05 * 0.95 / 2000)
    assert got.compared == 2000
    assert abs(rate - 0.05) < tolerance, f"won {rate:.3f} of tests of equal arms, 0.05 ± {tolerance:.3f}, seed 9"
    assert 0.3 < got.wins[0, 1] / got.wins.sum() < 0.7
