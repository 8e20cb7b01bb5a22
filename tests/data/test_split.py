"""The share held out: counted by hand, and never through a group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claros import data
from claros.data.split import aligned, also_in, hold_out, without_test_items
from claros.errors import DataError, InputError


def pool_of(labels: list[int | None], contents: list[int] | None = None) -> data.Pool:
    contents = list(range(len(labels))) if contents is None else contents
    return data.arrays(np.array(contents, float)[:, None], labels, classes=[str(i) for i in range(9)])


def counts(pool: data.Pool | None) -> list[int]:
    assert pool is not None
    assert pool.labels is not None
    return np.bincount(pool.labels, minlength=4)[:4].tolist()


def test_a_quarter_of_every_class_is_held_out() -> None:
    # Shares 10, 5, 2 and 0.5 of 70 items: 17.5, so 18 in all; the one that is missing goes to the class with the 0.5.
    train, test = hold_out(pool_of([0] * 40 + [1] * 20 + [2] * 8 + [3] * 2), 0.25, seed=0)
    assert counts(test) == [10, 5, 2, 1]
    assert counts(train) == [30, 15, 6, 1]


def test_what_has_no_label_stays_in_the_pool() -> None:
    train, test = hold_out(pool_of([0] * 8 + [None] * 8), 0.25, seed=0)
    assert counts(test) == [2, 0, 0, 0]
    assert train.labels is not None
    assert (train.labels < 0).sum() == 8


def test_a_pool_without_labels_has_no_test_set() -> None:
    pool = data.arrays(np.eye(4))
    assert hold_out(pool, 0.25, seed=0) == (pool, None)
    assert hold_out(pool_of([None, None]), 0.25, seed=0).test is None


def test_a_group_that_does_not_fit_is_passed_over() -> None:
    # Class 0: one content five times and three single ones; two places, so the two are singles whatever is drawn.
    for seed in range(20):
        _, test = hold_out(pool_of([0] * 8, [7] * 5 + [1, 2, 3]), 0.25, seed=seed)
        assert test is not None
        assert len(test) == 2
        assert 7.0 not in test.take(range(2))


def test_a_group_takes_as_many_places_as_it_has_items() -> None:
    for seed in range(10):
        assert counts(hold_out(pool_of([0] * 8, [1, 1, 2, 2, 3, 3, 4, 4]), 0.5, seed=seed).test) == [4, 0, 0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 2, None])), min_size=1, max_size=40),
    st.integers(0, 9),
)
def test_equal_contents_are_on_one_side_and_nothing_is_lost(items: list[tuple[int, int | None]], seed: int) -> None:
    pool = pool_of([label for _, label in items], [content for content, _ in items])
    train, test = hold_out(pool, 0.3, seed=seed)
    held = () if test is None else test.ids
    assert sorted([*train.ids, *held], key=int) == list(pool.ids)
    content = {name: items[int(name)][0] for name in pool.ids}
    assert not {content[name] for name in train.ids} & {content[name] for name in held}
    assert all(items[int(name)][1] is not None for name in held)
    assert len(held) <= np.floor(0.3 * sum(label is not None for _, label in items) + 0.5)


def test_the_seed_decides_and_the_same_seed_decides_the_same() -> None:
    pool = pool_of([0, 1] * 50)
    drawn = [hold_out(pool, 0.25, seed=seed).train.ids for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_item_is_held_out_as_often_as_any_other() -> None:
    # 400 draws of 5 out of 20: each item's count is hypergeometric, binomial(400, 1/4): mean 100, deviation 8.7.
    pool = pool_of([0] * 20)
    times = np.zeros(20)
    for seed in range(400):
        test = hold_out(pool, 0.25, seed=seed).test
        assert test is not None
        times[[int(name) for name in test.ids]] += 1
    assert times.sum() == 2000
    # Five deviations for 20 items: a sound draw fails with a chance of 1e-5.
    assert np.abs(times - 100).max() < 5 * 8.7, times


def test_a_share_of_zero_leaves_the_pool_whole() -> None:
    pool = pool_of([0, 1, 1, 0])
    train, test = hold_out(pool, 0.0, seed=0)
    assert train is pool
    assert test is None


@pytest.mark.parametrize("share", [1.0, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="test_share"):
        hold_out(pool_of([0, 1]), share, seed=0)


def test_what_is_in_both_is_found_across_readers() -> None:
    rng = np.random.default_rng(0)
    mine, other = rng.integers(0, 3, (50, 3)), rng.integers(0, 3, (20, 3))
    expected = [any(np.array_equal(row, seen) for seen in other) for row in mine]
    assert also_in(data.arrays(mine), data.arrays(other)).tolist() == expected
    assert 0 < sum(expected) < 50
    few = [any(np.array_equal(row, seen) for seen in other[:5]) for row in mine]
    assert also_in(data.arrays(mine), data.arrays(other).subset(range(5))).tolist() == few
    both = data.arrays(np.concatenate([mine, other]))
    assert also_in(both.subset(range(50)), both.subset(range(50, 70))).tolist() == expected


def test_items_of_the_test_set_are_left_out_of_the_pool_and_counted() -> None:
    train, test = pool_of([0, 0, 1], [1, 2, 3]), pool_of([0, 1], [2, 9])
    pool = without_test_items(data.Split(train, test)).train
    assert pool.ids == ("0", "2")
    assert pool.report()["left_out"] == 1
    with pytest.raises(DataError, match="all 3 items"):
        without_test_items(data.Split(train, train))


def test_pool_and_test_set_share_one_list_of_classes() -> None:
    train = data.arrays(np.eye(2), ["cat", "dog"])
    test = data.arrays(np.ones((3, 2)), ["ant", "dog", "cat"])
    pool, other = aligned(train, test)
    assert other is not None
    assert pool.classes == other.classes == ("cat", "dog", "ant")
    assert other.labels is not None
    assert other.labels.tolist() == [2, 1, 0]


def test_pool_and_test_set_must_be_of_one_kind_and_shape() -> None:
    with pytest.raises(DataError, match="rows and the test set texts"):
        aligned(data.arrays(np.eye(2)), data.arrays(["a"]))
    with pytest.raises(DataError, match=r"shape \(2,\), of the test set \(3,\)"):
        aligned(data.arrays(np.eye(2)), data.arrays(np.eye(3)))
