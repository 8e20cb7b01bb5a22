"""IWAL: chances by hand, exact batches, and estimates that the choice does not bias."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros.errors import InputError
from claros.strategies.iwal import iwal


def members(spread: np.ndarray) -> np.ndarray:
    """(N, 2, 2) predictions of two members that differ by so much."""
    one = np.stack([0.5 + spread / 2, 0.5 - spread / 2], axis=-1)
    return np.stack([one, one[:, ::-1]], axis=1)


def test_the_probability_of_a_pick_grows_with_the_spread_of_its_members() -> None:
    # d = .3: .1 + .9 * .3 = .37; d = 1: 1; d = 0: .1, all in the first pass, as half of the first kind are asked in it
    probs = members(np.repeat([0.0, 0.3, 1.0], 200))
    picked = claros.select("iwal(floor=0.1)", 100, member_probs=probs, seed=0)
    for place, chance in enumerate([0.1, 0.37, 1.0]):
        of_kind = picked.probabilities[picked.indices // 200 == place]
        np.testing.assert_allclose(of_kind, chance)
    counts = np.bincount(picked.indices // 200, minlength=3)
    assert counts[0] < counts[1] < counts[2], "who disagrees more is asked more often"


def test_batches_are_exact_and_items_of_a_second_pass_have_the_chance_of_two_coins() -> None:
    probs = members(np.full(50, 0.5))  # .2 + .8 * .5 = .6 once, 1 - .4² = .84 after two, 1 - .4³ = .936 after three
    picked = claros.select("iwal(floor=0.2)", 50, member_probs=probs, seed=1)
    assert sorted(picked.indices.tolist()) == list(range(50))
    expected = [1 - 0.4**passes for passes in range(1, 12)]
    assert all(np.isclose(expected, chance).any() for chance in picked.probabilities)
    assert np.isclose(picked.probabilities, 0.6).sum() > 20


def test_weighted_by_their_inverse_chances_picks_are_as_the_pool() -> None:
    """Items that members disagree on have value 1: plain means of picks are far too high, weighted ones are right.

    2,000 batches of 40 from 2,000 items; the standard error of the mean of ratios is about .0015.
    """
    rng = np.random.default_rng(0)
    spread = rng.random(2000)
    value = (spread + 0.3 * rng.normal(size=2000) > 0.7).astype(float)
    probs = members(spread)
    sums, seen, plain = np.zeros(2), 0.0, []
    for seed in range(2000):
        picked = iwal(40, member_probs=probs, rng=np.random.default_rng(seed), floor=0.2)
        weights = 1 / picked.probabilities
        sums += [(weights * value[picked.indices]).sum(), weights.sum()]
        plain.append(value[picked.indices].mean())
        seen += 40 / np.mean(0.2 + 0.8 * spread)
    assert abs(sums[0] / sums[1] - value.mean()) < 0.006
    assert np.mean(plain) > value.mean() + 0.05
    assert abs(sums[1] / seen - 1) < 0.02, "the weights sum to how many were met"


def test_a_floor_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="floor"):
        claros.select("iwal(floor=0)", 1, member_probs=members(np.zeros(3)), seed=0)


def test_quotas_may_stand_around_it() -> None:
    probs = members(np.linspace(0, 1, 40))
    mean = np.where(np.arange(40)[:, None] % 2, [0.9, 0.1], [0.1, 0.9])
    picked = claros.select("malls(iwal)", 10, probs=mean, member_probs=probs, seed=0)
    assert len(picked) == 10
    assert np.bincount(mean[picked.indices].argmax(axis=1)).tolist() == [5, 5]
