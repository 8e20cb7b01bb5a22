from __future__ import annotations

import math
import time
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, nchypergeom_wallenius

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay
from claros.stopping.recall.cmh import missed_p_values
from claros.stopping.recall.hypergeometric import at_most


def make(**parameters: Any) -> Rule:
    return stopping.get("cmh", **parameters)


def decide(labels: Any, n_pool: int, **parameters: Any) -> Decision:
    rule = make(**parameters)
    return rule.decide([rule.observe(labels=labels, n_pool=n_pool)])


def exact(k: int, population: int, successes: int, draws: int) -> Fraction:
    """P(at most k successes), counted; 0 where there are more successes than items."""
    if successes > population:
        return Fraction(0)
    ways = sum(math.comb(successes, i) * math.comb(population - successes, draws - i) for i in range(min(k, draws) + 1))
    return Fraction(ways, math.comb(population, draws))


def brute(labels: list[int], n_pool: int, recall: Fraction) -> list[Fraction]:
    """The p-value of every urn, from the last item screened to all of them, by the paper's formula."""
    n, r = len(labels), sum(labels)
    p_values = []
    for m in range(1, n + 1):
        k = sum(labels[n - m :])
        successes = math.floor(r / recall + 1 - (r - k))
        p_values.append(exact(k, n_pool - (n - m), successes, m))
    return p_values


def test_worked_by_hand() -> None:
    # 4 of 6 screened are relevant, of 10; below 0.8 would be 6 or more in all, so 2 or more of the 4 left.
    # Urns: the last 2 (none relevant): none of 2 in 2 of 6: C(4,2) / C(6,2) = 6/15 = 0.4, the smallest;
    # the last 3 (1): at most 1 of 3 in 3 of 7: (4 + 3·6) / 35 = 0.629; 4 (2): 1 - (16 + 1) / 70 = 0.757; ...
    decision = decide([1, 1, 1, 1, 0, 0], 10, recall=0.8)
    assert decision.value == pytest.approx(0.4)
    assert not decision.stop
    assert decide([1, 1, 1, 1, 0, 0], 10, recall=0.8, alpha=0.41).stop
    sizes, p_values = missed_p_values(np.array([1, 2, 3, 4]), 6, 10, 0.8)
    assert sizes.tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_allclose(p_values[:3], [6 / 15, 22 / 35, 53 / 70])


def test_all_urns_of_all_small_screenings_agree_with_counting() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        n_pool = int(rng.integers(2, 40))
        labels = (rng.random(int(rng.integers(1, n_pool + 1))) < rng.random()).astype(int).tolist()
        for recall in (Fraction(1, 2), Fraction(4, 5), Fraction(19, 20), Fraction(1)):
            expected = float(min(brute(labels, n_pool, recall)))
            value = decide(labels, n_pool, recall=float(recall)).value
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-15), (labels, n_pool, recall)


def test_urns_are_counted_by_items_and_not_by_batches() -> None:
    # the urn of the 7 irrelevant ones at the end begins in the middle of whatever batch there was
    labels = [1] * 10 + [0] * 7
    p_values = brute(labels, 20, Fraction(9, 10))
    assert int(np.argmin(p_values)) == 6
    assert decide(labels, 20, recall=0.9).value == pytest.approx(float(p_values[6]))


def test_the_newest_batch_counts() -> None:
    # public code counts rounds up to the one before the last
    labels = [1] * 40 + [0] * 60
    before, after = (decide(labels + [0] * more, 200).value for more in (0, 20))
    assert before is not None
    assert after is not None
    assert after < before
    assert decide([*labels, 1], 200).value > before  # type: ignore[operator]


def test_a_total_at_which_recall_is_just_reached_is_not_a_miss() -> None:
    # 9 of 10 is 0.9: the least total that misses it is 11, so 2 would have to be left, not 1
    labels = [1] * 9 + [0] * 11
    assert decide(labels, 30, recall=0.9).value == pytest.approx(float(exact(0, 21, 2, 11)))
    # 19 / 0.95 and 57 / 0.95 are 20 and 60, whatever binary fractions make of them
    assert decide([1] * 19, 40).reason.startswith("19 relevant items are found among 19 of 40; that there are 21 or")
    assert "61 or more" in decide([1] * 57, 99).reason


def test_when_too_few_are_left_to_miss_the_target_it_stops() -> None:
    # 20 found; below 0.8 would be 26, and 5 are left. Public code gets no number for such an urn, and goes on
    decision = decide([1] * 20, 25, recall=0.8)
    assert (decision.stop, decision.value) == (True, 0.0)
    assert decide([0, 1, 0], 3).stop


def test_before_anything_is_found_it_stops_only_near_the_end() -> None:
    # one relevant item among 100, none seen in n: (100 - n) / 100
    assert decide([0] * 90, 100).value == pytest.approx(0.1)
    assert [decide([0] * n, 100).stop for n in (95, 96)] == [False, True]  # strictly below 0.05


def test_one_urn_is_an_exact_test_in_every_small_collection() -> None:
    # every order of R relevant among N is equally likely; with the target missed, the last m alone reject with
    # probability at most alpha, for every alpha
    for n_pool, relevant, screened, urn in [(9, 4, 6, 6), (9, 4, 7, 4), (10, 6, 7, 5), (10, 3, 8, 3)]:
        for recall in (0.5, 0.8, 1.0):
            p_values = []
            for places in combinations(range(n_pool), relevant):
                labels = [int(place in places) for place in range(screened)]
                if sum(labels) < recall * relevant - 1e-9:
                    p_values.append(decide(labels, n_pool, recall=recall, urn=urn).value)
            for alpha in sorted({p for p in p_values if p is not None}):
                errors = sum(p <= alpha + 1e-12 for p in p_values if p is not None)
                assert errors <= alpha * math.comb(n_pool, relevant) + 1e-9, (n_pool, relevant, urn, recall, alpha)


def test_at_one_look_it_errs_at_most_alpha_in_every_small_collection() -> None:
    # of all urns together, counted over every order; nothing proves it, and with hundreds relevant it is not so
    for n_pool, relevant in [(11, 3), (12, 3), (11, 5)]:
        for recall in (0.5, 0.8):
            errors = np.zeros(n_pool)
            for places in combinations(range(n_pool), relevant):
                for screened in range(1, n_pool):
                    ranks = np.array([place + 1 for place in places if place < screened], dtype=np.int64)
                    if ranks.size < recall * relevant - 1e-9:
                        errors[screened] += missed_p_values(ranks, screened, n_pool, recall)[1].min() < 0.05
            assert errors.max() <= 0.05 * math.comb(n_pool, relevant)


def random_ranks(rng: np.random.Generator, n_pool: int, relevant: int) -> np.ndarray:
    return np.sort(rng.choice(n_pool, relevant, replace=False)) + 1


def test_at_one_look_at_a_review_in_random_order_it_errs_at_most_alpha() -> None:
    # 1,000 orders of 50 relevant among 1,000, seed 0; three looks about where recall 0.8 is reached
    rng, runs, alpha = np.random.default_rng(0), 1000, 0.05
    errors = dict.fromkeys((790, 800, 820), 0)
    for _ in range(runs):
        ranks = random_ranks(rng, 1000, 50)
        for screened in errors:
            seen = ranks[ranks <= screened]
            if seen.size < 40:
                errors[screened] += missed_p_values(seen, screened, 1000, 0.8)[1].min() < alpha
    allowed = alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
    assert max(errors.values()) / runs <= allowed, (
        f"missed in {errors} of {runs} runs at alpha {alpha}; allowed is alpha plus 3 binomial standard deviations, "
        f"{allowed:.3f}"
    )


def test_looking_after_every_batch_at_a_random_order_misses_more_often_than_alpha() -> None:
    # why the docs promise nothing over a screening: 200 orders of 100 relevant among 1,000, seed 1, batches of 10
    rng, runs, misses = np.random.default_rng(1), 200, 0
    for _ in range(runs):
        ranks = random_ranks(rng, 1000, 100)
        for screened in range(600, 1000, 10):
            seen = ranks[ranks <= screened]
            if seen.size >= 80:
                break
            if missed_p_values(seen, screened, 1000, 0.8)[1].min() < 0.05:
                misses += 1
                break
    low = beta.ppf(0.005, misses, runs - misses + 1)
    assert low > 0.05, f"{misses} of {runs} missed; a 99 % lower limit of {low:.3f}"


def test_a_good_ranking_is_stopped_early_and_rightly() -> None:
    # 100 relevant among 2,000, all in the first 150; asked after every 50
    rng = np.random.default_rng(2)
    labels = np.concatenate([rng.permutation([1] * 100 + [0] * 50), np.zeros(1850, dtype=int)])
    rule = make()
    trace = [rule.observe(labels=labels[:n], n_pool=2000) for n in range(50, 2001, 50)]
    first = first_stop(replay(rule, trace))
    assert first is not None
    assert 150 < 50 * (first + 1) < 1300


def test_a_bias_is_that_of_wallenius_urn() -> None:
    # 3 relevant in the last 10, of 12 + 5; drawn twice as readily as others
    labels = [1] * 20 + [1, 1, 1] + [0] * 9
    p = missed_p_values(np.flatnonzero(labels) + 1, 32, 37, 0.8, bias=2.0, urn=12)[1]
    missed = math.floor(23 / 0.8) + 1 - 23
    assert p == pytest.approx(nchypergeom_wallenius.cdf(3, 17, 3 + missed, 12, 2.0))
    assert decide(labels, 45, bias=2.0, recall=0.8).value < decide(labels, 45, recall=0.8).value  # type: ignore[operator]


@pytest.mark.parametrize("bias", [1.0, 3.0])
def test_of_urns_with_as_many_relevant_items_the_largest_counts(bias: float) -> None:
    labels = [1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    ranks = np.flatnonzero(labels) + 1
    every = [missed_p_values(ranks, 16, 30, 0.8, bias, urn=m)[1][0] for m in range(1, 17)]
    assert missed_p_values(ranks, 16, 30, 0.8, bias)[1].min() == pytest.approx(min(every), rel=1e-9)


def test_tails_agree_with_counting() -> None:
    rng = np.random.default_rng(3)
    cases = [
        tuple(int(rng.integers(0, top + 1)) for top in (20, 60, 62, 60))  # successes may be more than there are
        for _ in range(2000)
    ]
    cases = [(k, population, successes, draws) for k, population, successes, draws in cases if draws <= population]
    values = at_most(*np.array(cases).T)
    expected = np.array([float(exact(*case)) for case in cases])
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-14)


def test_small_tails_of_large_urns_keep_their_digits() -> None:
    assert at_most(3, 60000, 103, 40000) == pytest.approx(float(exact(3, 60000, 103, 40000)), rel=1e-8)
    assert float(exact(3, 60000, 103, 40000)) < 1e-40


def test_a_hundred_thousand_records_take_a_fraction_of_a_second() -> None:
    labels = (np.random.default_rng(4).random(100_000) < 0.05).astype(np.int64)
    rule = make()
    rule.decide([rule.observe(labels=labels[:100], n_pool=100_000)])
    trace = [rule.observe(labels=labels[:n], n_pool=100_000) for n in (60_000, 99_000)]
    begin = time.process_time()
    decisions = replay(rule, trace)
    assert time.process_time() - begin < 0.5
    assert [decision.stop for decision in decisions] == [False, True]
    assert len(str(trace[1])) < 10_000


@pytest.mark.parametrize(
    "parameters",
    [{"recall": 0}, {"recall": 1.2}, {"alpha": 0}, {"alpha": 1}, {"bias": 0}, {"urn": 0}, {"relevant": -1}],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)


def test_a_collection_smaller_than_what_is_screened_is_refused() -> None:
    with pytest.raises(InputError, match="n_pool is 3, but 4 items are screened"):
        decide([0, 1, 0, 0], 3)


def test_another_class_may_be_the_relevant_one() -> None:
    labels = [2, 2, 2, 2, 0, 1]
    assert decide(labels, 10, recall=0.8, relevant=2).value == decide([1, 1, 1, 1, 0, 0], 10, recall=0.8).value


def test_it_has_the_name_of_its_package_too() -> None:
    assert stopping.get("buscar", recall=0.9) == make(recall=0.9)
