from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision
from claros.stopping.recall.capture import chao, rivest_baillargeon


def captures(counts: list[int]) -> np.ndarray:
    """Items of which ``counts[k]`` were captured by k members, k from 0."""
    members = len(counts) - 1
    rows = [[1] * k + [0] * (members - k) for k, count in enumerate(counts) for _ in range(count)]
    return np.array(rows, dtype=np.int64).reshape(-1, members)


def decide(counts: list[int], n_pool: int = 10_000, irrelevant: int = 0, **parameters: Any) -> Decision:
    rule = stopping.get("chao", **parameters)
    labels = [1] * sum(counts) + [0] * irrelevant
    taken = np.concatenate([captures(counts), np.ones((irrelevant, len(counts) - 1), dtype=np.int64)])
    return rule.decide([rule.observe(labels=labels, captures=taken, n_pool=n_pool)])


def test_worked_by_hand() -> None:
    # f_1 = 20, f_2 = 10, f_3 = 5: 20² / 20 = 20 are unseen; 35 / (35 + 20)
    assert decide([0, 20, 10, 5], z=0).value == pytest.approx(35 / 55)
    # variance of its logarithm 1/20 + 4/20 + 1/10 = 0.35: 20 exp(1.96 sqrt(log 1.35)) = 58.5
    upper = 20 * math.exp(1.96 * math.sqrt(math.log(1.35)))
    assert upper == pytest.approx(58.5, abs=0.05)
    assert decide([0, 20, 10, 5]).value == pytest.approx(35 / (35 + upper))


def test_without_pairs_the_corrected_form_is_taken() -> None:
    # f_2 = 0: 6 * 5 / 2 = 15, with variance 15 + 6 * 11² / 4 - 6⁴ / (4 * (26 + 15)) = 188.6: the 11 is squared
    unseen, variance = chao(np.array([6.0, 0.0, 20.0]))
    assert unseen == 15.0
    assert variance * 15**2 == pytest.approx(15 + 6 * 121 / 4 - 1296 / 164)
    assert chao(np.array([0.0, 7.0, 3.0])) == (0.0, 0.0)
    assert chao(np.array([1.0, 0.0, 3.0])) == (0.0, 0.0)


def test_only_relevant_items_count() -> None:
    assert decide([0, 20, 10, 5], irrelevant=300).value == decide([0, 20, 10, 5]).value


def test_relevant_items_that_no_member_proposed_are_found() -> None:
    # 4 of them lower what is unseen: 39 are found, and 35 + 20 are there
    assert decide([4, 20, 10, 5], z=0).value == pytest.approx(39 / 55)
    # 30 of them are more than the bound, which is from below: then all that is known of is found
    assert decide([30, 20, 10, 5], z=0).value == 1.0


def test_the_total_is_at_most_all_there_is() -> None:
    assert decide([0, 40, 1, 0], n_pool=50, z=0).value == pytest.approx(41 / 50)
    assert decide([0, 20, 10, 5], n_pool=35, recall=1.0).stop


def test_few_relevant_items_are_not_ready() -> None:
    assert not decide([0, 0, 0, 9]).ready
    assert decide([0, 0, 0, 10]).stop  # all captured by all: nothing seems unseen


def test_members_that_capture_at_random_are_estimated_without_bias() -> None:
    # 4 members find each of 400 items with probability 0.5, seed 0: 400 / 16 = 25 are unseen
    rng = np.random.default_rng(0)
    unseen = []
    for _ in range(400):
        often = rng.binomial(4, 0.5, 400)
        counts = np.bincount(often, minlength=5)[1:].astype(float)
        # for so few members Chao's bound has f_1² / (2 f_2) = (4/3) 25 on average, since f_k are binomial
        unseen.append(chao(counts)[0])
    mean, sd = np.mean(unseen), np.std(unseen) / 20
    assert abs(mean - 25 * 4 / 3) < 4 * sd + 1, f"mean of 400 draws {mean:.1f}, standard error {sd:.2f}"


def test_members_of_different_luck_are_estimated_from_below() -> None:
    # half of the items are found with probability 0.7, half with 0.1: chances differ, and the bound is low
    rng = np.random.default_rng(1)
    chance = np.repeat([0.7, 0.1], 500)
    estimates = []
    for _ in range(200):
        often = rng.binomial(6, chance)
        estimates.append(chao(np.bincount(often, minlength=7)[1:].astype(float))[0])
    assert np.mean(estimates) < 500 * 0.9**6


def likeliest(counts: np.ndarray) -> float:
    """The unseen by the likeliest convex log(k! mean), found by another solver in other unknowns."""
    k = np.arange(1, counts.size + 1)
    convex = np.diff(np.eye(counts.size), 2, axis=0)

    def badness(v: np.ndarray) -> float:
        return float((np.exp(v - gammaln(k + 1)) - counts * v).sum())

    best = minimize(
        badness,
        np.full(counts.size, math.log(max(1.0, counts.mean()))),
        jac=lambda v: np.exp(v - gammaln(k + 1)) - counts,
        method="SLSQP",
        bounds=[(-30, 30)] * counts.size,
        constraints=[{"type": "ineq", "fun": lambda v: convex @ v, "jac": lambda v: convex}] if len(convex) else [],
        options={"maxiter": 2000, "ftol": 1e-13},
    )
    return math.exp(2 * best.x[0] - best.x[1])


def test_smoothed_counts_are_the_likeliest() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        counts = rng.poisson(rng.exponential(20, int(rng.integers(2, 8)))).astype(float)
        if counts[1] > 0:
            assert rivest_baillargeon(counts)[0] == pytest.approx(likeliest(counts), rel=1e-3, abs=1e-3), counts


def test_counts_that_need_no_smoothing_give_chao() -> None:
    # log(k! f_k) of 40, 10, 5, 3 is 3.69, 3.00, 3.40, 4.28: convex
    for counts in ([40.0, 10.0, 5.0, 3.0], [20.0, 10.0, 5.0], [12.0, 0.0, 38.0]):
        smoothed, plain = rivest_baillargeon(np.array(counts)), chao(np.array(counts))
        np.testing.assert_allclose(smoothed, plain, rtol=1e-6)
    given = [0, 40, 10, 5, 3]
    assert decide(given, estimator="rivest_baillargeon").value == pytest.approx(decide(given).value)


def test_one_member_and_captures_that_are_no_flags_are_refused() -> None:
    rule = stopping.get("chao")
    with pytest.raises(InputError, match="captures has 1 member; at least 2"):
        rule.observe(labels=[1, 1], captures=[[1], [1]], n_pool=5)
    with pytest.raises(InputError, match="captures must be 1 or 0; got 3"):
        rule.observe(labels=[1, 1], captures=[[1, 3], [1, 0]], n_pool=5)
    with pytest.raises(InputError, match="captures has 3 along axis L"):
        rule.observe(labels=[1, 1], captures=[[1, 1]] * 3, n_pool=5)


@pytest.mark.parametrize("parameters", [{"recall": 0}, {"z": -1}, {"estimator": "jackknife"}, {"minimum": 0}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        stopping.get("chao", **parameters)
