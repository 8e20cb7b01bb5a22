"""Ranks and profiles over settings, and the tables that they are made from."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from claros.errors import InputError
from claros.experiment.compare import (
    Ranks,
    area,
    label_table,
    labels_to_reach,
    level_table,
    mean_ranks,
    profiles,
)
from claros.experiment.curves import Curve

ABC = ("a", "b", "c")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# mean ranks


def test_mean_ranks_worked_by_hand_with_the_highest_score_first() -> None:
    # ranks 1 2 3, then 2 1 3, then a tie of a and c for the first two places, then a tie of all
    got = mean_ranks([[0.9, 0.8, 0.7], [0.5, 0.6, 0.1], [0.7, 0.2, 0.7], [0.3, 0.3, 0.3]], ABC)
    assert got.mean.tolist() == [(1 + 2 + 1.5 + 2) / 4, (2 + 1 + 3 + 2) / 4, (3 + 3 + 1.5 + 2) / 4]
    assert (got.n, got.names, got.order) == (4, ABC, ABC)


def test_the_best_arm_has_the_smallest_rank() -> None:
    scores = rng(1).normal(0, 0.1, (30, 4)) + np.array([0.0, 0.3, 0.1, 0.2])
    got = mean_ranks(scores, ("worst", "best", "third", "second"))
    assert got.order == ("best", "second", "third", "worst")
    assert got.mean[1] < got.mean[3] < got.mean[2] < got.mean[0]


@pytest.mark.parametrize(("n", "arms", "seed"), [(7, 3, 0), (25, 6, 1), (80, 4, 2)])
def test_p_values_are_scipys_with_holms_correction(n: int, arms: int, seed: int) -> None:
    scores = rng(seed).normal(0, 1, (n, arms)) + 0.3 * np.arange(arms)
    got = mean_ranks(scores, [str(a) for a in range(arms)])
    assert got.mean == pytest.approx(stats.rankdata(-scores, axis=1).mean(axis=0))
    assert got.friedman_p == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue)
    pairs = list(combinations(range(arms), 2))
    raw = [stats.wilcoxon(scores[:, i], scores[:, j]).pvalue for i, j in pairs]
    for (i, j), p_value in zip(pairs, multipletests(raw, method="holm")[1], strict=True):
        assert got.p_values[i, j] == pytest.approx(p_value)
        assert got.p_values[j, i] == got.p_values[i, j]
    assert np.diag(got.p_values).tolist() == [1] * arms


def test_ties_are_ties_up_to_rounding() -> None:
    scores = np.tile([0.1 + 0.2, 0.3, 0.1], (8, 1))  # the first two differ in the last bit
    got = mean_ranks(scores, ABC)
    assert got.mean.tolist() == [1.5, 1.5, 3]
    assert got.p_values[0, 1] == 1


def maximal_groups(got: Ranks) -> set[frozenset[str]]:
    """By brute force: all sets of arms with no pair below 5 %, of which no larger set is one too."""
    arms = range(len(got.names))
    together = [
        set(some)
        for size in range(1, len(got.names) + 1)
        for some in combinations(arms, size)
        if all(got.p_values[i, j] >= 0.05 for i, j in combinations(some, 2))
    ]
    largest = [some for some in together if not any(some < other for other in together)]
    return {frozenset(got.names[a] for a in some) for some in largest if len(some) > 1}


def test_groups_are_the_largest_sets_of_arms_that_cannot_be_told_apart() -> None:
    seen = set()
    for seed in range(40):
        scores = rng(seed).normal(0, 1, (20, 7)) + rng(seed).normal(0, 0.7, 7)
        got = mean_ranks(scores, tuple("abcdefg"))
        if got.friedman_p < 0.05:
            assert {frozenset(group) for group in got.groups} == maximal_groups(got)
            seen.add(len(got.groups))
        for group in got.groups:
            assert list(group) == [name for name in got.order if name in group]
    assert len(seen) >= 3, "the examples must have different numbers of groups"


def test_an_arm_that_differs_from_all_others_is_in_no_group() -> None:
    scores = np.column_stack([rng(3).random((30, 3)), 5 + rng(4).random(30)])
    got = mean_ranks(scores, ("a", "b", "c", "best"))
    assert len(got.groups) == 1
    assert sorted(got.groups[0]) == ["a", "b", "c"]


def test_many_equal_arms_are_one_group_at_once() -> None:
    names = [f"arm {a}" for a in range(40)]
    got = mean_ranks(np.tile(rng(5).random((6, 1)), (1, 40)), names)
    assert got.groups == (tuple(names),)
    assert (got.friedman_p, got.p_values.min(), set(got.mean)) == (1, 1, {20.5})


def test_nothing_is_told_apart_on_fewer_than_six_blocks_however_clear_it_is() -> None:
    scores = np.tile([3.0, 2.0, 1.0], (20, 1)) + rng(6).normal(0, 0.01, (20, 3))
    for n in (1, 2, 5):
        got = mean_ranks(scores[:n], ABC, level=0.5)
        assert (got.too_few, got.groups) == (True, (ABC,))
        assert mean_ranks(scores[:n, :2], ("a", "b"), level=0.5).groups == (("a", "b"),)
    got = mean_ranks(scores, ABC)
    assert (got.too_few, got.groups) == (False, ())


def test_without_a_difference_among_all_no_pair_is_told_apart() -> None:
    # Friedman's p is above 5 %, while one pair's would be below it
    found = 0
    for seed in range(300):
        got = mean_ranks(rng(seed).normal(0, 1, (15, 3)), ABC)
        if got.friedman_p >= 0.05:
            assert len(got.groups) == 1
            assert len(got.groups[0]) == 3
            found += bool((got.p_values < 0.05).any())
    assert found > 0, "no example in which it matters"


def test_two_arms_have_one_test() -> None:
    scores = rng(7).normal(0, 1, (12, 2)) + np.array([0.0, 1.5])
    got = mean_ranks(scores, ("a", "b"))
    assert got.friedman_p == got.p_values[0, 1] == pytest.approx(stats.wilcoxon(*scores.T).pvalue)
    assert got.groups == ()


@pytest.mark.parametrize(
    ("scores", "names", "message"),
    [
        ([[0.1, math.nan]], ("a", "b"), "finite"),
        ([[0.1, math.inf]], ("a", "b"), "finite"),
        ([0.1, 0.2], ("a", "b"), "row a block"),
        ([[0.1, 0.2]], ABC, "got shape"),
        ([[0.1]], ("a",), "at least two arms"),
        (np.zeros((0, 2)), ("a", "b"), "row a block"),
        ([[0.1, 0.2]], ("a", "a"), "different names"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores: object, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mean_ranks(scores, names)


def test_of_four_equal_arms_none_is_told_apart_as_often_as_the_level_says() -> None:
    # 500 experiments of 15 blocks: the standard error of 5 % is 0.97 %; 3.5 of them are allowed above, and Holm's
    # correction is never above the level
    generator, repeats = rng(8), 500
    called = sum(len(mean_ranks(generator.random((15, 4)), tuple("abcd")).groups[0]) < 4 for _ in range(repeats))
    bound = 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / repeats)
    assert 0 < called / repeats < bound, f"told apart in {called / repeats:.3f} > {bound:.3f}, seed 8"


# profiles


def test_profiles_worked_by_hand() -> None:
    # costs over the least: 1, 2, never; 1.5, 1, 3; 1, 1, 1
    got = profiles([[10, 20, math.inf], [30, 20, 60], [5, 5, 5]], ABC)
    assert got.ratios.tolist() == [1, 1.5, 2, 3]
    assert got.shares * 3 == pytest.approx(np.array([[2, 3, 3, 3], [2, 2, 3, 3], [1, 1, 1, 2]]))
    assert (got.names, got.n) == (ABC, 3)


def test_profiles_equal_their_definition() -> None:
    for seed in range(10):
        costs = rng(seed).integers(1, 12, (9, 4)).astype(float)
        costs[rng(seed).random((9, 4)) < 0.2] = math.inf
        got = profiles(costs, tuple("abcd"))
        for k, ratio in enumerate(got.ratios):
            for a in range(4):
                within = [math.isfinite(row[a]) and row[a] <= ratio * min(row) * (1 + 1e-9) for row in costs]
                assert got.shares[a, k] == pytest.approx(np.mean(within))
        # nothing changes between the ratios given, so that the cheapest arm's share starts at 1
        assert got.ratios[0] == 1
        assert (np.diff(got.ratios) > 0).all()
        assert (np.diff(got.shares, axis=1).max(axis=0) > 0).all()


def test_a_setting_that_no_arm_finishes_counts_against_all() -> None:
    got = profiles([[math.inf, math.inf], [1, 2]], ("a", "b"))
    assert got.shares.tolist() == [[0.5, 0.5], [0, 0.5]]
    nobody = profiles([[math.inf, math.inf]], ("a", "b"))
    assert (nobody.ratios.tolist(), nobody.shares.tolist()) == ([1], [[0], [0]])


def test_costs_that_tie_up_to_rounding_are_both_the_least() -> None:
    assert profiles([[0.1 + 0.2, 0.3]], ("a", "b")).shares.tolist() == [[1], [1]]


@pytest.mark.parametrize("costs", [[[0, 1]], [[-1, 1]], [[math.nan, 1]]])
def test_what_is_no_cost_is_refused(costs: list[list[float]]) -> None:
    with pytest.raises(InputError, match="Costs must be above 0"):
        profiles(costs, ("a", "b"))


# tables


def some_results() -> dict[str, dict[str, list[Curve | None]]]:
    return {
        "first": {
            "random": [Curve([10, 20, 40], [0.2, 0.4, 0.8]), Curve([10, 20, 40], [0.4, 0.6, 0.6])],
            "margin": [Curve([10, 20, 40], [0.3, 0.8, 0.9]), Curve([10, 20, 40], [0.3, 0.6, 0.7])],
        },
        "second": {
            "margin": [Curve([10, 30], [0.5, 0.7]), Curve([10, 30], [0.6, 0.6])],
            "random": [Curve([10, 30], [0.5, 0.5]), Curve([10, 30], [0.5, 0.5])],
        },
    }


def test_levels_are_mean_areas_and_one_row_a_setting_or_a_seed() -> None:
    results = some_results()
    got = level_table(results)
    assert (got.settings, got.names) == (("first", "second"), ("random", "margin"))
    expected = [
        [[area(*curve) for curve in results[setting][name] if curve] for name in got.names] for setting in got.settings
    ]
    assert got.values == pytest.approx(np.mean(expected, axis=2))
    by_seed = level_table(results, by_seed=True)
    assert by_seed.settings == ("first", "first", "second", "second")
    assert by_seed.values == pytest.approx(np.concatenate([np.transpose(rows) for rows in expected]))


def test_labels_are_those_of_the_mean_curve() -> None:
    got = label_table(some_results(), "random")
    # random's mean goes 0.3, 0.5, 0.7: nine tenths of its gain are at 0.66; margin's goes 0.3, 0.7, 0.8
    expected = [labels_to_reach([10, 20, 40], mean, 0.66) for mean in ([0.3, 0.5, 0.7], [0.3, 0.7, 0.8])]
    assert got.values[0].tolist() == pytest.approx(expected)
    # in the second setting random gains nothing, so that there is no target
    assert got.values[1].tolist() == [math.inf, math.inf]
    at = label_table(some_results(), "random", target=0.6)
    assert at.values.tolist() == [pytest.approx([30, 17.5]), pytest.approx([math.inf, 20])]


def test_seeds_that_an_arm_lacks_and_arms_that_a_setting_lacks_are_left_out() -> None:
    results = some_results()
    results["first"]["random"][1] = None
    results["first"]["badge"] = list(results["first"]["margin"])
    got = level_table(results)
    assert got.names == ("random", "margin")
    assert got.values[0] == pytest.approx([area([10, 20, 40], [0.2, 0.4, 0.8]), area([10, 20, 40], [0.3, 0.8, 0.9])])
    results["first"]["margin"][0] = None
    with pytest.raises(InputError, match="In setting 'first' no seed has a curve for every arm"):
        level_table(results)


def test_tables_without_a_common_arm_or_the_control_are_refused() -> None:
    results = some_results()
    with pytest.raises(InputError, match="control 'badge' must be in every setting; arms that are: random, margin"):
        label_table(results, "badge")
    del results["first"]["margin"], results["second"]["random"]
    with pytest.raises(InputError, match="No arm is in every setting"):
        level_table(results)


def test_a_table_goes_straight_into_ranks_and_profiles() -> None:
    levels, labels = level_table(some_results()), label_table(some_results(), "random")
    assert mean_ranks(levels.values, levels.names).mean.tolist() == [2, 1]
    assert profiles(labels.values, labels.names).shares[:, -1].tolist() == [0.5, 0.5]
