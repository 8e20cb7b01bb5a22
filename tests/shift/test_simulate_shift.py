"""Simulated label shift: the shares that were asked for, no item twice, the same draw again."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros.errors import InputError, NoEstimateError, UnknownNameError
from claros.shift.laws import Laws
from claros.shift.simulation import apportion, simulate, simulate_stream

LABELS = np.repeat(np.arange(5), 2000)
NATURAL = np.repeat(np.arange(5), [4000, 3000, 1500, 1000, 500])
UNIFORM = np.full(5, 0.2)

#: What each shift's warm start, pool and target are: u uniform, n natural, t tweaked, and letters that are drawn.
TABLE = {
    "none": "uuu", "trulynone": "nnu", "trulyregion": "naa", "dirichlet": "auu", "tweak": "tuu",
    "dirichlet_target": "uaa", "dirichlet_online_target": "uua", "dirichlet_identical": "aaa",
    "dirichlet_mix": "abb", "dirichlet_online": "aba", "dirichlet_online_source": "uau",
    "dirichlet_general": "abc", "dirichlet_general_eric": "abc", "dirichlet_general_eric2": "abc",
    "dirichlet_general_eric21": "abc", "dirichlet_general_eric22": "abc", "dirichlet_general_eric3": "abc",
    "dirichlet_general3": "aba", "dirichlet_general4": "uab", "natural": "nnn",
}  # fmt: skip


def shares(labels: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.bincount(labels[positions], minlength=5) / len(positions)


@pytest.mark.parametrize(("name", "letters"), TABLE.items())
def test_parts_have_the_shares_of_the_table(name: str, letters: str) -> None:
    parts = simulate(name, NATURAL, warm=100, pool=200, target=100, test=100, alpha=1.5, rho=0.6, label=2, seed=3)
    fixed = {"u": UNIFORM, "n": np.bincount(NATURAL) / len(NATURAL), "t": np.array([0.1, 0.1, 0.6, 0.1, 0.1])}
    drawn: dict[str, np.ndarray] = {}
    for part, letter in zip(("warm", "pool", "target"), letters, strict=True):
        want = fixed.get(letter, drawn.setdefault(letter, parts.priors[part]))
        np.testing.assert_allclose(parts.priors[part], want, atol=1e-12)
        # largest remainders: within one item, and one for each class that got its first
        assert np.abs(shares(NATURAL, getattr(parts, part)) - want).max() <= 5 / len(getattr(parts, part))
    assert len({tuple(prior) for prior in drawn.values()}) == len(drawn)
    assert np.abs(shares(NATURAL, parts.test) - parts.priors["target"]).max() <= 0.05


@pytest.mark.parametrize("name", claros.shift.SHIFTS)
@pytest.mark.parametrize("replace", [False, True])
def test_no_item_is_in_two_parts_nor_twice_unless_asked_for(name: str, replace: bool) -> None:
    parts = simulate(name, LABELS, warm=200, pool=400, target=100, test=300, replace=replace, alpha=0.5, seed=1)
    sets = [set(part.tolist()) for part in (parts.warm, parts.pool, parts.target, parts.test)]
    assert sum(map(len, sets)) == len(set.union(*sets))
    if not replace:
        assert [len(one) for one in sets] == [len(parts.warm), len(parts.pool), len(parts.target), len(parts.test)]
    assert parts.warm.dtype == np.int64


def test_the_same_seed_gives_the_same_parts_and_no_argument_is_changed() -> None:
    labels = LABELS.copy()
    labels.flags.writeable = False
    first, again, other = (
        simulate("dirichlet_mix", labels, warm=50, pool=90, target=20, test=40, seed=seed) for seed in (7, 7, 8)
    )
    for part in ("warm", "pool", "target", "test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert first.warm.tolist() != other.warm.tolist()
    rng = [simulate("tweak", labels, warm=9, pool=9, rng=np.random.default_rng(5)).pool for _ in range(2)]
    np.testing.assert_array_equal(*rng)


def test_parts_shrink_together_where_a_class_is_short_and_say_so() -> None:
    # tweaked, 0.9 of 3000 is 2700 of class 1, of which there are 2000
    parts = simulate("tweak", LABELS, warm=3000, pool=100, label=1, rho=0.9, seed=0)
    assert len(parts.warm) < 3000
    assert shares(LABELS, parts.warm)[1] == pytest.approx(0.9, abs=0.01)
    assert len(parts.pool) / len(parts.warm) == pytest.approx(100 / 3000, rel=0.05)
    (note,) = parts.notes
    assert note.startswith("Class 1 has 2000 items where 2720 were asked for, so all parts shrink: warm ")
    enough = simulate("tweak", LABELS, warm=1000, pool=100, label=1, rho=0.9, seed=0)
    assert (len(enough.warm), len(enough.pool), enough.notes) == (1000, 100, ())


def test_with_replacement_parts_are_as_large_as_asked_for() -> None:
    parts = simulate("tweak", LABELS, warm=3000, pool=100, label=1, rho=0.9, replace=True, seed=0)
    assert (len(parts.warm), len(parts.pool), parts.notes) == (3000, 100, ())
    assert len(set(parts.warm.tolist())) < 3000


def test_a_test_split_stays_a_test_split() -> None:
    is_test = np.arange(len(LABELS)) % 4 == 0
    parts = simulate("dirichlet_target", LABELS, warm=100, pool=300, target=100, test=200, is_test=is_test, seed=2)
    assert is_test[parts.test].all()
    assert not is_test[np.concatenate([parts.warm, parts.pool, parts.target])].any()


def test_classes_that_the_data_lack_stay_absent_and_are_noted() -> None:
    parts = simulate("none", np.repeat([0, 1, 3], 100), warm=30, pool=60, n_classes=5, seed=0)
    np.testing.assert_allclose(parts.priors["warm"], [1 / 3, 1 / 3, 0, 1 / 3, 0])
    assert parts.notes == ("The data have no item of class 2, 4; the others share its part.",)
    assert len(parts.warm) == 30


def test_knocking_a_class_out_of_one_side_or_both() -> None:
    knocked = np.array([1, 1, 0.1, 1, 1]) / 4.1
    for where, warm, target in (
        ("source", knocked, UNIFORM), ("target", UNIFORM, knocked), ("both", knocked, knocked),
    ):  # fmt: skip
        parts = simulate("knock_one", LABELS, warm=100, pool=100, label=2, delta=0.9, where=where, seed=0)
        np.testing.assert_allclose(parts.priors["warm"], warm)
        np.testing.assert_allclose(parts.priors["pool"], target)
        np.testing.assert_allclose(parts.priors["target"], target)


def test_rare_classes_and_tweaked_ones() -> None:
    parts = simulate("minority_class", LABELS, warm=400, pool=100, minorities=2, minority_share=0.05, seed=0)
    np.testing.assert_allclose(parts.priors["warm"], [0.05, 0.05, 0.3, 0.3, 0.3])
    parts = simulate("tweak_one", LABELS, warm=400, pool=100, label=4, rho=0.6, where="target", seed=0)
    np.testing.assert_allclose(parts.priors["target"], [0.1, 0.1, 0.1, 0.1, 0.6])
    np.testing.assert_allclose(parts.priors["warm"], UNIFORM)


def test_dirichlet_draws_around_the_natural_shares_have_them_as_their_mean() -> None:
    natural = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    rng = np.random.default_rng(0)
    mean = np.mean([Laws(natural, rng, alpha=2.0).around_natural() for _ in range(2000)], axis=0)
    # variance p (1 - p) / 11: the mean of 2000 has a standard error of at most .0033
    np.testing.assert_allclose(mean, natural, atol=0.012)
    # symmetric: variance .2 · .8 / (5 alpha + 1)
    drawn = np.array([Laws(natural, rng, alpha=0.4).dirichlet() for _ in range(3000)])
    np.testing.assert_allclose(drawn.var(axis=0), 0.16 / 3, rtol=0.1)


def test_tiny_concentrations_do_not_underflow() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn = Laws(UNIFORM, rng, alpha=1e-4).dirichlet()
        assert drawn.sum() == pytest.approx(1)


def test_true_weights_are_target_over_warm() -> None:
    parts = simulate("tweak", LABELS, warm=100, pool=100, label=0, rho=0.6, seed=0)
    np.testing.assert_allclose(parts.weights(), [1 / 3, 2, 2, 2, 2])


def test_largest_remainders() -> None:
    # 7 · (.5, .3, .2) = (3.5, 2.1, 1.4): floors (3, 2, 1), the one left goes to the largest remainder
    assert apportion(7, np.array([0.5, 0.3, 0.2])).tolist() == [4, 2, 1]
    assert apportion(10, np.array([0.97, 0.03, 0.0]), at_least=1).tolist() == [8, 1, 1]
    assert apportion(2, np.array([0.97, 0.03, 0.0]), at_least=1).tolist() == [2, 0, 0]


def test_what_makes_no_sense_is_said() -> None:
    sizes = {"warm": 10, "pool": 10}
    with pytest.raises(UnknownNameError, match="Did you mean 'dirichlet_mix'"):
        simulate("dirichlet_mx", LABELS, **sizes)
    with pytest.raises(InputError, match="Did you mean 'alpha'"):
        simulate("dirichlet", LABELS, alfa=1.0, **sizes)
    with pytest.raises(InputError, match="rho must be a number in"):
        simulate("tweak", LABELS, rho=1.5, **sizes)
    with pytest.raises(InputError, match="label must be one of the codes 0 to 4"):
        simulate("tweak", LABELS, label=5, **sizes)
    with pytest.raises(InputError, match="leave nothing for the others"):
        simulate("minority_class", LABELS, minorities=5, **sizes)
    with pytest.raises(InputError, match="where must be"):
        simulate("knock_one", LABELS, where="pool", **sizes)
    with pytest.raises(NoEstimateError, match="too few for 4 parts that share none"):
        simulate("none", np.array([0] * 50 + [1] * 3), warm=4, pool=4, target=4, test=4, replace=True)


def test_drifts_follow_their_formulas() -> None:
    start, end = [1.0, 0.0], [0.0, 1.0]
    drift = claros.shift.drift
    np.testing.assert_allclose(drift("monotone", 5, start, end)[:, 1], [0, 0.25, 0.5, 0.75, 1])
    assert drift("square", 8, start, end, period=4)[:, 1].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(drift("sinusoidal", 6, start, end, period=4)[:, 1], [0, half, 1, half, 0, half])
    # the period is sqrt(T): 10 of 100
    np.testing.assert_allclose(drift("sinusoidal", 100, start, end)[5, 1], 1)
    flips = np.abs(np.diff(drift("bernoulli", 10_000, start, end, seed=1)[:, 1])).sum()
    # 9,999 chances of 1/100: 100 expected, standard deviation 10
    assert 65 <= flips <= 135
    with pytest.raises(UnknownNameError, match="Known: bernoulli, monotone, sinusoidal, square"):
        drift("cubic", 5, start, end)


def test_a_stream_follows_its_priors_without_repeating_an_item() -> None:
    priors = claros.shift.drift("monotone", 20, [1, 0, 0, 0, 0], UNIFORM)
    batches = simulate_stream(LABELS, priors, 60, seed=0)
    everything = np.concatenate(batches)
    assert len(set(everything.tolist())) == 20 * 60
    assert set(LABELS[batches[0]].tolist()) == {0}
    # the last batch is uniform: 12 of each class expected, standard deviation 3.1
    assert np.abs(np.bincount(LABELS[batches[-1]], minlength=5) - 12).max() <= 13
    for one, other in zip(batches, simulate_stream(LABELS, priors, 60, seed=0), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(NoEstimateError, match="class 0 has 2000 items, but the stream needs"):
        simulate_stream(LABELS, np.tile([1.0, 0, 0, 0, 0], (30, 1)), 100)
    assert len(simulate_stream(LABELS, np.tile([1.0, 0, 0, 0, 0], (30, 1)), 100, replace=True)) == 30
