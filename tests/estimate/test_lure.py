"""Few test items, chosen for what they may say, and still no bias."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom

from claros import estimate
from claros.arrays import Floats
from claros.errors import InputError, NoEstimateError
from claros.estimate.active_testing import draw

lure = estimate.get("lure")


def chances(expected: Floats, order: tuple[int, ...], uniform: float) -> Floats:
    """The chance of each item of an order among those left at its turn, by the definition."""
    left, said = list(range(len(expected))), []
    for item in order:
        total = sum(expected[one] for one in left)
        said.append((1 - uniform) * expected[item] / total + uniform / len(left))
        left.remove(item)
    return np.array(said)


@pytest.mark.parametrize("drawn", [2, 3, 4, 5])
def test_it_is_unbiased_over_all_orders_of_a_tiny_pool_and_the_plain_mean_is_not(drawn: int) -> None:
    expected, losses = np.array([0.9, 0.5, 0.2, 0.1, 0.3]), np.array([1.0, 1.0, 0.0, 0.3, 0.0])
    weighted = plain = total = 0.0
    for order in itertools.permutations(range(5), drawn):
        said = chances(expected, order, 0.1)
        probability, seen = math.prod(said), losses[list(order)]
        weighted += probability * lure(losses=seen, acquisition_probabilities=said, n_pool=5).value
        plain += probability * seen.mean()
        total += probability
    assert total == pytest.approx(1)
    assert weighted == pytest.approx(losses.mean(), abs=1e-12)
    assert (abs(plain - losses.mean()) > 0.02) == (drawn < 5)


def test_it_is_unbiased_in_1000_draws_from_a_larger_pool_and_surer_than_plain_draws() -> None:
    rng = np.random.default_rng(0)
    expected = rng.beta(0.2, 1.1, 300)
    losses = (rng.random(300) < expected).astype(float)
    values, means, repeats = [], [], 1000
    for _ in range(repeats):
        drawn = draw(expected, 40, rng)
        seen = losses[drawn.positions]
        values.append(lure(losses=seen, acquisition_probabilities=drawn.probabilities, n_pool=300).value)
        means.append(seen.mean())
    # the mean of 1000 values strays by sd / sqrt(1000); 4 of these are passed once in 16,000 seeds
    assert abs(np.mean(values) - losses.mean()) < 4 * np.std(values) / math.sqrt(repeats)
    assert abs(np.mean(means) - losses.mean()) > 10 * np.std(means) / math.sqrt(repeats)
    # plain draws of 40 of 300 have the hypergeometric spread
    assert np.std(values) < 0.9 * hypergeom(300, int(losses.sum()), 40).std() / 40


def test_its_weights_are_those_of_the_paper() -> None:
    # N = 4, M = 2: v_1 = 1 + 2/3 (1 / (4 q_1) - 1), v_2 = 1 + 2/2 (1 / (3 q_2) - 1); for q = 1/2 and 1/3 these are
    # 1 + 2/3 (1/2 - 1) = 2/3 and 1, so losses 1 and 3 give (2/3 + 3) / 2 = 11/6
    estimated = lure(losses=[1, 3], acquisition_probabilities=[1 / 2, 1 / 3], n_pool=4)
    assert estimated.value == pytest.approx(11 / 6)


def test_equal_chances_give_the_plain_mean_and_nearly_the_binomial_interval() -> None:
    losses = np.zeros(40)
    losses[[3, 17, 29]] = 1
    estimated = lure(losses=losses, acquisition_probabilities=1 / (100_000 - np.arange(40)), n_pool=100_000)
    exact = binomtest(3, 40).proportion_ci(0.95, method="exact")
    assert estimated.value == pytest.approx(3 / 40)
    assert estimated.low == pytest.approx(exact.low, abs=0.005)
    assert estimated.high == pytest.approx(exact.high, abs=0.015)


def test_no_error_seen_is_not_taken_for_perfection() -> None:
    estimated = lure(losses=[0] * 40, acquisition_probabilities=1 / (100_000 - np.arange(40)), n_pool=100_000)
    exact = binomtest(0, 40).proportion_ci(0.95, method="exact")
    assert (estimated.value, estimated.low) == (0.0, 0.0)
    assert estimated.high == pytest.approx(exact.high, abs=0.01)


def test_rare_chances_make_the_interval_wider() -> None:
    fair = lure(losses=[0] * 40, acquisition_probabilities=[0.001] * 40, n_pool=1000)
    rare = lure(losses=[0] * 40, acquisition_probabilities=[0.0002] * 40, n_pool=1000)
    assert rare.high > 2 * fair.high


def test_a_pool_that_is_tested_whole_is_known() -> None:
    drawn = draw([0.2, 0.5, 0.9], 3, np.random.default_rng(0))
    losses = np.array([1.0, 0.0, 0.0])[drawn.positions]
    estimated = lure(losses=losses, acquisition_probabilities=drawn.probabilities, n_pool=3)
    assert (estimated.low, estimated.value, estimated.high) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_losses_above_one_are_printed_without_percent() -> None:
    estimated = lure(losses=[0.5, 2.5, 1.0], acquisition_probabilities=[0.1, 0.1, 0.1], n_pool=10)
    assert estimated.unit == ""
    assert "%" not in str(estimated).split("(")[0]
    assert str(estimated).endswith("3 test items)")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"losses": [1.0], "acquisition_probabilities": [0.1]}, "at least 2 test items, better 50; got 1"),
        ({"n_pool": 2}, "n_pool says 2 items, but losses has 3"),
        ({"acquisition_probabilities": [0.1, 0.0, 0.1]}, "acquisition_probabilities has 0 at index 1"),
        (
            {"acquisition_probabilities": [0.1, 1.2, 0.1]},
            r"1 value\(s\) outside \[0, 1\], the first at index 1 \(1.2\)",
        ),
        ({"acquisition_probabilities": [0.1, 0.1]}, "losses has 3 values and acquisition_probabilities has 2"),
        ({"losses": [0, math.nan, 1]}, r"losses has 1 non-finite value\(s\), the first at index 1"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    good = {"losses": [0, 0, 1], "acquisition_probabilities": [0.1, 0.1, 0.1], "n_pool": 10}
    with pytest.raises(InputError, match=message):
        lure(**{**good, **wrong})


def test_one_test_item_is_too_few_rather_than_wrong() -> None:
    with pytest.raises(NoEstimateError):
        lure(losses=[1.0], acquisition_probabilities=[0.1], n_pool=10)


def test_items_are_drawn_once_with_the_chances_that_the_definition_says() -> None:
    expected = np.array([0.9, 0.0, 0.2, 0.1])
    for seed in range(20):
        drawn = draw(expected, 4, np.random.default_rng(seed))
        assert sorted(drawn.positions.tolist()) == [0, 1, 2, 3]
        # rounding aside; the sum of what is left is 0 where only the second item is left
        order = tuple(drawn.positions.tolist())
        said = [
            chances(expected, order[: turn + 1], 0.1)[-1] if expected[list(order[turn:])].sum() else 1.0
            for turn in range(4)
        ]
        np.testing.assert_allclose(drawn.probabilities, said, atol=1e-12)


def test_first_draws_come_as_often_as_their_chances() -> None:
    # chances 0.9 * 0.6 / 1.2 + 0.1 / 4 = 0.475, 0.025, 0.325, 0.175; 4000 draws stray by at most 0.008 (1 sd)
    expected, rng = np.array([0.6, 0.0, 0.4, 0.2]), np.random.default_rng(0)
    first = np.bincount([draw(expected, 1, rng).positions[0] for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(first, [0.475, 0.025, 0.325, 0.175], atol=4 * 0.008)


def test_without_expectations_all_have_the_same_chance() -> None:
    drawn = draw(np.zeros(5), 5, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.probabilities, [1 / 5, 1 / 4, 1 / 3, 1 / 2, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"losses_expected": [0.1, -0.2], "n": 1}, r"losses_expected has 1 value\(s\) below 0"),
        ({"losses_expected": [0.1, 0.2], "n": 3}, "2 items to draw 3 from"),
        ({"losses_expected": [0.1, 0.2], "n": 0}, "n, the number of test items, must be a whole number of at least 1"),
        ({"losses_expected": [0.1, 0.2], "n": 1, "uniform": 0.0}, "uniform must be above 0"),
        ({"losses_expected": [0.1, 0.2], "n": 1, "uniform": 1.5}, r"uniform must be a number in \[0, 1\]"),
    ],
)
def test_draws_that_make_no_sense_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw(**arguments, rng=np.random.default_rng(0))  # type: ignore[arg-type]


def test_the_last_of_the_whole_pool_is_drawn_for_certain() -> None:
    with pytest.raises(InputError, match=r"ends with 0\.5, but the last of 2 items has chance 1"):
        lure(losses=[0, 1], acquisition_probabilities=[0.5, 0.5], n_pool=2)
    assert lure(losses=[0, 1], acquisition_probabilities=[0.5, 1.0], n_pool=2).value == pytest.approx(0.5)
