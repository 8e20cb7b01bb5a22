"""Tests for a shift, intervals, and the default that leaves alone what is not shifted; levels by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from shifted import problem

import claros
from claros.shift.moments import resampled_means


def skewed(rng: np.random.Generator, n: int, classes: int = 4) -> np.ndarray:
    """Predictions that are far from normal: nearly sure in most rows, one class rare."""
    return rng.dirichlet(np.append(np.full(classes - 1, 0.05), 0.004), n)


@pytest.mark.parametrize(("n", "m"), [(30, 200), (400, 60), (3000, 2500)])
def test_the_level_of_the_test_is_what_it_says(n: int, m: int) -> None:
    # 200 replicates at 5 %: 10 expected, a binomial is below 2 or above 21 with a chance under .1 %
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = claros.shift.shift_test(skewed(rng, n), skewed(rng, m), permutations=99, rng=rng)
        rejected += found.p_value <= 0.05
    assert 2 <= rejected <= 21, f"{rejected} of 200 rejected at 5 %"


def test_a_shift_is_seen_and_noise_alone_is_not() -> None:
    shifted = same = problem(30, 1.0, n_train=1, model=False)
    assert claros.shift.shift_test(shifted.source, shifted.target).p_value < 0.01
    half = len(same.source) // 2
    assert claros.shift.shift_test(same.source[:half], same.source[half:]).p_value > 0.01


def test_the_same_seed_gives_the_same_p_value() -> None:
    rng = np.random.default_rng(0)
    first, second = skewed(rng, 50), skewed(rng, 50)
    p = [claros.shift.shift_test(first, second, seed=seed).p_value for seed in (3, 3, 4)]
    assert p[0] == p[1]


def test_predictions_that_never_vary_show_no_shift() -> None:
    assert claros.shift.shift_test(np.full((5, 2), 0.5), np.full((9, 2), 0.5)).p_value == 1.0


def test_the_default_abstains_where_nothing_is_shifted() -> None:
    # 30 unshifted problems at a significance of 5 %: 1.5 corrections expected, more than 6 with a chance under .1 %
    corrected, abstained = 0, None
    for seed in range(30):
        case = problem(seed, 1.0, n=300, n_train=1, model=False)
        order = np.random.default_rng(seed).permutation(len(case.labels))
        first, second = order[:150], order[150:]
        found = claros.shift.estimate(
            source_probs=case.source[first], source_labels=case.labels[first], target_probs=case.source[second],
            replicates=0,
        )  # fmt: skip
        if "abstained" in found.diagnostics["flags"]:
            abstained = found
            np.testing.assert_array_equal(found.weights, 1)
            np.testing.assert_allclose(found.target_prior, found.source_prior)
        else:
            corrected += 1
    assert corrected <= 6
    assert abstained is not None
    assert "No shift beyond noise" in abstained.advice


def test_the_default_corrects_where_something_is_and_gains_accuracy() -> None:
    case = problem(31, 0.1)
    found = claros.shift.estimate(**case.given)
    assert "abstained" not in found.diagnostics["flags"]
    assert ((found.weights - case.weights) ** 2).mean() < 0.1 * ((1 - case.weights) ** 2).mean()
    right = [(table.argmax(axis=1) == case.truth).mean()
             for table in (case.target, claros.shift.adjust(case.target, found.weights))]  # fmt: skip
    assert right[1] > right[0] + 0.1
    assert "times its share" in found.advice


@pytest.mark.parametrize("method", ["em", "bbse", "rlls", "bbse(soft=false)"])
def test_intervals_cover_the_true_prior(method: str) -> None:
    # 20 problems of 10 classes, 95 %: 190 of 200 expected; classes of a problem are dependent, so a wide margin
    covered = 0
    for seed in range(20):
        case = problem(500 + seed, 1.0, n=500, n_train=1, spread=0.8, model=False)
        limits = claros.shift.estimate(method, replicates=80, seed=seed, **case.given).interval
        truth = np.bincount(case.truth, minlength=10) / len(case.truth)
        covered += int(((limits.prior_low <= truth) & (truth <= limits.prior_high)).sum())
    assert covered >= 172, f"{covered} of 200 covered"


def test_more_data_make_shorter_intervals() -> None:
    widths = []
    for n in (200, 3200):
        limits = claros.shift.estimate("em", **problem(32, 1.0, n=n).given).interval
        widths.append(float((limits.prior_high - limits.prior_low).mean()))
    # four times shorter, by the square root of 16
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.35)


def test_one_step_from_the_maximum_is_as_good_as_starting_anew() -> None:
    case = problem(33, 1.0, n=500, spread=0.8)
    fast = claros.shift.estimate("em", replicates=400, seed=1, **case.given).interval
    rng, drawn = np.random.default_rng(0), []
    for _ in range(80):
        first, second = rng.integers(500, size=500), rng.integers(500, size=500)
        again = claros.shift.estimate(
            "em", source_probs=case.source[first], source_labels=case.labels[first],
            target_probs=case.target[second], replicates=0,
        )  # fmt: skip
        drawn.append(again.target_prior)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    # limits of 80 and 400 draws each err by about a fifth of their distance
    np.testing.assert_allclose(fast.prior_high - fast.prior_low, high - low, rtol=0.5)
    assert np.mean(fast.prior_high - fast.prior_low) == pytest.approx(np.mean(high - low), rel=0.15)


def test_means_of_many_rows_are_resampled_with_the_right_spread() -> None:
    rng = np.random.default_rng(2)
    table = rng.random((20_000, 3))
    drawn = resampled_means(table, 2000, rng)
    # a uniform number has a standard deviation of 1/sqrt(12); 2000 draws know it to 1.6 %, 4096 rows to 1 %
    np.testing.assert_allclose(drawn.std(axis=0), 1 / np.sqrt(12 * 20_000), rtol=0.08)
    np.testing.assert_allclose(drawn.mean(axis=0), table.mean(axis=0), atol=3e-4)
